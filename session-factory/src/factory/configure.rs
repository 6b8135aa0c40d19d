//! Reads a factory's configuration.

use std::sync::atomic::Ordering;

use super::database::{FactoryConfig, SessionFactory};
use crate::config::{ConfigError, Reader};

/// Reads the process's environment, and `.env` if the factory declares `dotenv = true`.
pub fn config_from_env<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader::<F>(F::Config::DOTENV))
}

/// Reads the process's environment and `.env`.
#[cfg(feature = "dotenv")]
pub fn config_from_dotenv<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader::<F>(true))
}

/// Reads values from a function that maps names to values.
pub fn config_from_vars<F: SessionFactory>(
    vars: impl FnMut(&str) -> Option<String>,
) -> Result<F::Config, ConfigError> {
    read::<F>(Reader::from_vars(F::NAME, F::KEYS, vars))
}

/// Reads values from serde.
#[cfg(feature = "serde")]
pub fn config_from_serde<'de, F: SessionFactory, D: serde::Deserializer<'de>>(
    deserializer: D,
    settings: &'static [&'static str],
) -> Result<F::Config, D::Error> {
    let reader = crate::config::deserialize(F::NAME, F::KEYS, settings, deserializer)?;
    read::<F>(reader).map_err(serde::de::Error::custom)
}

/// Reads the same sources as the global factory.
pub(super) fn config_of_global<F: SessionFactory>() -> Result<F::Config, ConfigError> {
    read::<F>(reader_of_global::<F>())
}

/// Returns the table of the global factory's values.
pub fn describe<F: SessionFactory>() -> String {
    described::<F>(reader_of_global::<F>())
}

/// Returns the table of the values that `vars` returns for their names.
pub fn describe_vars<F: SessionFactory>(vars: impl FnMut(&str) -> Option<String>) -> String {
    described::<F>(Reader::from_vars(F::NAME, F::KEYS, vars))
}

fn described<F: SessionFactory>(mut reader: Reader<'_>) -> String {
    // The value is not needed: the reader has recorded the values and the problems.
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

/// `_dotenv` is always false, because without the feature no code that asks for `.env` compiles.
#[cfg(not(feature = "dotenv"))]
fn reader<F: SessionFactory>(_dotenv: bool) -> Reader<'static> {
    Reader::from_env(F::NAME, F::KEYS)
}
