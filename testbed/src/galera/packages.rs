//! Finds what MariaDB servers need to form a cluster: Galera's library, and the program that copies
//! a node's data.

use std::path::PathBuf;

use crate::mysql::Binaries;
use crate::{Error, install};

/// Where Debian, Fedora and MariaDB's own packages put the library.
const PROVIDERS: [&str; 4] = [
    "/usr/lib/galera/libgalera_smm.so",
    "/usr/lib/galera-4/libgalera_smm.so",
    "/usr/lib64/galera-4/libgalera_smm.so",
    "/usr/lib64/galera/libgalera_smm.so",
];

/// The path of Galera's library. Installs missing packages if possible (root on Debian).
pub(super) fn find_or_install() -> Result<PathBuf, Error> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let installed = install::lock().and_then(|lock| {
        // Another process may have installed them while we waited for the lock.
        if find().is_none() {
            install::packages(&["mariadb-server", "galera-4", "rsync"], &lock)?;
        }
        find().ok_or_else(|| Error::new("the packages are installed and lack them"))
    });
    installed.map_err(|error| {
        Error::new(format!(
            "a Galera cluster needs MariaDB's server, Galera's library ({}) and rsync; not all of them were \
             found, and {error}. On Debian or Ubuntu: apt-get install mariadb-server galera-4 rsync",
            PROVIDERS[0]
        ))
    })
}

fn find() -> Option<PathBuf> {
    Binaries::find()?;
    crate::mysql::program("rsync")?;
    PROVIDERS
        .into_iter()
        .map(PathBuf::from)
        .find(|file| file.is_file())
}
