//! The account that servers run under, because database servers refuse to run as root.

use std::path::{Path, PathBuf};
use std::process::Command;

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use crate::Error;

/// A user's and a group's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// True if this process runs as root.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The account to run a server under. `None` means this process's own account, which is not root.
///
/// For root, it is the first of the names that exists, else `nobody`.
pub(crate) fn unprivileged(names: &[&str]) -> Result<Option<User>, Error> {
    if !is_root() {
        return Ok(None);
    }
    let user = names.iter().chain(&["nobody"]).find_map(|name| {
        Some(User {
            uid: number("-u", name)?,
            gid: number("-g", name)?,
        })
    });
    match user {
        Some(user) => Ok(Some(user)),
        None => Err(Error::new(format!(
            "a database server does not run as root, and none of the users {} and nobody \
             exists: create one, or run the tests as another user",
            names.join(", ")
        ))),
    }
}

fn number(which: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([which, name]).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A folder for temporary data that this user can reach.
///
/// `TMPDIR` may lie in root's home, where an unprivileged server cannot go.
pub(crate) fn temporary_folder(user: Option<User>) -> PathBuf {
    let folder = std::env::temp_dir();
    if user.is_none() || folder.ancestors().all(is_open_to_all) {
        folder
    } else {
        PathBuf::from("/tmp")
    }
}

/// A folder that belongs to this user, removed on drop.
pub(crate) fn private_folder(prefix: &str, user: Option<User>) -> Result<TempDir, Error> {
    let parent = temporary_folder(user);
    let failed = |error: std::io::Error| Error::new(format!("{}: {error}", parent.display()));
    let folder = tempfile::Builder::new()
        .prefix(prefix)
        .tempdir_in(&parent)
        .map_err(failed)?;
    if let Some(user) = user {
        std::os::unix::fs::chown(folder.path(), Some(user.uid), Some(user.gid)).map_err(failed)?;
    }
    Ok(folder)
}

pub(crate) fn is_open_to_all(folder: &Path) -> bool {
    folder
        .metadata()
        .is_ok_and(|data| data.permissions().mode() & 0o001 != 0)
}
