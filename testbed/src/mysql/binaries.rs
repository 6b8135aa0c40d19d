//! Finds MariaDB's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;
use crate::install::{self, Missing};

/// The server's program, and the program that creates its data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    server: PathBuf,
    install: PathBuf,
}

impl Binaries {
    /// Finds the programs, or installs them if possible (root on Debian).
    ///
    /// Searches `PATH`, then the folders of Debian and Homebrew.
    ///
    /// # Errors
    /// A text that says what to install.
    pub fn find_or_install() -> Result<Self, Error> {
        let missing = Missing {
            not_found: "MariaDB's server programs (mariadbd, mariadb-install-db) were not found on PATH, in \
                        /usr/sbin or in /usr/local/bin",
            packages: &["mariadb-server"],
            elsewhere: "the package with MariaDB's server",
        };
        install::find_or_install(Self::find, &missing)
    }

    /// Finds the programs, and installs nothing.
    pub fn find() -> Option<Self> {
        Some(Self {
            server: program("mariadbd")?,
            install: program("mariadb-install-db")?,
        })
    }

    /// The server's program.
    pub fn server(&self) -> &Path {
        &self.server
    }

    /// The program that creates a data folder.
    pub(crate) fn install(&self) -> &Path {
        &self.install
    }

    /// The version that `mariadbd --version` prints, as `10.11.6-MariaDB-0+deb12u1`.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn version(&self) -> Result<String, Error> {
        let output = Command::new(&self.server).arg("--version").output();
        let output =
            output.map_err(|error| Error::new(format!("{}: {error}", self.server.display())))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let version = text
            .split_whitespace()
            .skip_while(|word| *word != "Ver")
            .nth(1);
        Ok(version.unwrap_or(text.trim()).to_owned())
    }
}

/// Searches `PATH` for a program, and the usual folders that `PATH` may lack.
pub(crate) fn program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere = [
        "/usr/sbin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/homebrew/bin",
    ];
    std::env::split_paths(&path)
        .chain(elsewhere.map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
