//! Finds PostgreSQL's programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::install::{self, Missing};
use crate::{Error, user};

/// The folder with `postgres`, `initdb` and the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// Finds the programs, or installs them if possible (root on Debian).
    ///
    /// Searches `PATH`, then Debian's folders (`/usr/lib/postgresql/*/bin`, the newest first), then
    /// the folder that `pg_config` prints.
    ///
    /// # Errors
    /// A text that says what to install.
    pub fn find_or_install() -> Result<Self, Error> {
        let missing = Missing {
            not_found: "PostgreSQL's server programs (postgres, initdb) were not found on PATH, in \
                        /usr/lib/postgresql/*/bin or by pg_config",
            packages: &["postgresql"],
            elsewhere: "the package with PostgreSQL's server",
        };
        install::find_or_install(Self::find, &missing)
    }

    /// Finds the programs, and installs nothing.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let on_path = std::env::split_paths(&path).map(|folder| folder.join("postgres"));
        // Resolve links: beside a link in /usr/local/bin there is no initdb and no share folder.
        let on_path =
            on_path.filter_map(|program| Some(program.canonicalize().ok()?.parent()?.to_owned()));
        on_path
            .chain(debian_folders())
            .chain(pg_config())
            .find(|folder| is_usable(folder))
            .map(|folder| Self { folder })
    }

    /// The path of one of the programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The version that `postgres --version` prints, as `15.18 (Debian 15.18-0+deb12u1)`.
    ///
    /// # Errors
    /// If the program cannot be run.
    pub fn version(&self) -> Result<String, Error> {
        let output = Command::new(self.program("postgres"))
            .arg("--version")
            .output();
        let output =
            output.map_err(|error| Error::new(format!("{}: {error}", self.folder.display())))?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text
            .trim()
            .trim_start_matches("postgres (PostgreSQL) ")
            .to_owned())
    }
}

/// True if the folder has both programs and an unprivileged user can reach it.
fn is_usable(folder: &Path) -> bool {
    ["postgres", "initdb"]
        .iter()
        .all(|program| folder.join(program).exists())
        && (!user::is_root() || user::is_open_to_all(folder))
}

fn debian_folders() -> Vec<PathBuf> {
    let entries = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, folder)| folder).collect()
}

fn pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}
