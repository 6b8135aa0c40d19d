//! Finds what MariaDB servers need to form a cluster: Galera's library, and the program that copies
//! a node's data.

use std::path::PathBuf;

use crate::Error;
use crate::install::{self, Missing};
use crate::mysql::Binaries;

/// Where Debian, Fedora and MariaDB's own packages put the library.
const PROVIDERS: [&str; 4] = [
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib/galera-4/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
    "/usr/lib64/galera/libgalera_smm.so",
];

/// The path of Galera's library. Installs missing packages if possible (root on Debian).
pub(super) fn find_or_install() -> Result<PathBuf, Error> {
    let missing = Missing {
        not_found: &format!(
            "a Galera cluster needs MariaDB's server, Galera's library ({}) and rsync; not all of them were found",
            PROVIDERS[0]
        ),
        packages: &["mariadb-server", "galera-4", "rsync"],
        elsewhere: "the packages with these three",
    };
    install::find_or_install(find, &missing)
}

fn find() -> Option<PathBuf> {
    Binaries::find()?;
    crate::mysql::program("rsync")?;
    PROVIDERS
        .into_iter()
        .map(PathBuf::from)
        .find(|file| file.is_file())
}
