//! Finds programs other than servers that a measurement needs.

use std::path::PathBuf;

use crate::Error;
use crate::install::{self, Missing};

/// Finds a program on `PATH`, or installs its Debian package if possible (as root).
///
/// # Errors
/// A text that says what to install.
pub fn find_or_install(program: &str, package: &str) -> Result<PathBuf, Error> {
    let missing = Missing {
        not_found: &format!("{program} was not found on PATH"),
        packages: &[package],
        elsewhere: &format!("the package with {program}"),
    };
    install::find_or_install(|| find(program), &missing)
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
}
