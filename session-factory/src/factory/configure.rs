//! How the configuration of a factory is read.

use std::sync::atomic::Ordering;

use super::database::{FactoryConfig, SessionFactory};
use crate::config::{ConfigError, Reader};

/// Reads the process's environment, and `.env` when the factory is declared so.
pub fn config_from_env<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader::<F>(F::Config::DOTENV))
}

/// Reads the process's environment and `.env`.
#[cfg(feature = "dotenv")]
pub fn config_from_dotenv<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader::<F>(true))
}

/// Reads a function from names to values.
pub fn config_from_vars<F: SessionFactory>(
    vars: impl FnMut(&str) -> Option<String>,
) -> Result<F::Config, ConfigError> {
    read::<F>(Reader::from_vars(F::NAME, F::KEYS, vars))
}

/// Reads what serde reads.
#[cfg(feature = "serde")]
pub fn config_from_serde<'de, F: SessionFactory, D: serde::Deserializer<'de>>(
    deserializer: D,
    settings: &'static [&'static str],
) -> Result<F::Config, D::Error> {
    let reader = crate::config::deserialize(F::NAME, F::KEYS, settings, deserializer)?;
    read::<F>(reader).map_err(serde::de::Error::custom)
}

/// Reads what the global factory reads.
pub(super) fn config_of_global<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader_of_global::<F>())
}

/// The table of what the global factory reads.
pub fn describe<F: SessionFactory>() -> String {
    described::<F>(reader_of_global::<F>())
}

/// The table of what a function from names to values has.
pub fn describe_vars<F: SessionFactory>(vars: impl FnMut(&str) -> Option<String>) -> String {
    described::<F>(Reader::from_vars(F::NAME, F::KEYS, vars))
}

fn described<F: SessionFactory>(mut reader: Reader<'_>) -> String {
    // The value is of no interest here: what was read and what is wrong with it is in the reader.
    let _ = F::Config::read(&mut reader);
    reader.describe()
}

fn read<F: SessionFactory>(mut reader: Reader<'_>) -> Result<F::Config, ConfigError> {
    let config = F::Config::read(&mut reader);
    reader.finish(|| config)
}

fn reader_of_global<F: SessionFactory>() -> Reader<'static> {
    reader::<F>(F::Config::DOTENV || F::global().dotenv.load(Ordering::SeqCst))
}

#[cfg(feature = "dotenv")]
fn reader<F: SessionFactory>(dotenv: bool) -> Reader<'static> {
    if dotenv {
        Reader::from_env_and_dotenv(F::NAME, F::KEYS)
    } else {
        Reader::from_env(F::NAME, F::KEYS)
    }
}

/// Without the feature nothing that asks for `.env` compiles.
#[cfg(not(feature = "dotenv"))]
fn reader<F: SessionFactory>(_dotenv: bool) -> Reader<'static> {
    Reader::from_env(F::NAME, F::KEYS)
}
