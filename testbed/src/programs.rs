//! Finds programs other than servers that a measurement needs.

use std::path::PathBuf;

use crate::{Error, install};

/// Finds a program on `PATH`, or installs its Debian package if possible (as root).
///
/// # Errors
/// A text that says what to install.
pub fn find_or_install(program: &str, package: &str) -> Result<PathBuf, Error> {
    if let Some(found) = find(program) {
        return Ok(found);
    }
    let installed = install::lock().and_then(|lock| {
        // Another process may have installed it while we waited for the lock.
        if find(program).is_none() {
            install::packages(&[package], &lock)?;
        }
        find(program).ok_or_else(|| Error::new("the package is installed and lacks it"))
    });
    installed.map_err(|error| {
        Error::new(format!(
            "{program} was not found on PATH, and {error}. On Debian or Ubuntu: apt-get install {package}; \
             elsewhere: the package with {program}"
        ))
    })
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|program| program.is_file())
}
