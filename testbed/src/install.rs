//! Installing a server's package, where that is ours to do.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::{Error, user};

/// Debian asks this script before it starts a service; 101 is "no".
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Holds the machine-wide lock: of several test processes one installs, the others wait for it.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// Takes the lock, or waits for it.
pub(crate) fn lock() -> Result<Lock, Error> {
    let path = std::env::temp_dir().join("session-factory-testbed.lock");
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("{}: {error}", path.display()));
    let file = File::create(&path).map_err(|error| failed(&error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(&error))?;
    Ok(Lock(file))
}

/// Installs Debian packages, if this is root on a Debian or a relative of it.
///
/// No service keeps running afterwards. The error says what to do by hand.
pub(crate) fn packages(packages: &[&str], _lock: &Lock) -> Result<(), Error> {
    let by_hand = format!("install it: apt-get install {}", packages.join(" "));
    if !user::is_root() {
        return Err(Error::new(format!(
            "not root, so nothing was installed; {by_hand}"
        )));
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Error::new(
            "no apt-get here: install it with this system's own packages",
        ));
    }
    eprint_line(&format!("testbed: installing {}", packages.join(" ")));
    let _no_services = NoServices::new()?;
    apt(&["update"])
        .and_then(|()| {
            let mut arguments = vec!["install", "-y", "--no-install-recommends"];
            arguments.extend(packages);
            apt(&arguments)
        })
        .map_err(|error| Error::new(format!("{error}\n{by_hand}")))
}

fn apt(arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new("apt-get")
        // Another apt may be at work, on a fresh machine above all.
        .args(["-q", "-o", "DPkg::Lock::Timeout=300", "-o", "Acquire::Retries=3"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::new(format!("apt-get: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::new(format!(
        "apt-get {} failed ({}):\n{}{}",
        arguments.join(" "),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )))
}

/// A line for the person who waits.
fn eprint_line(line: &str) {
    // Not `eprintln!`: the test harness would keep it until the test has failed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// While it lives, Debian starts no service after installing one.
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn new() -> Result<Self, Error> {
        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        let write = || -> std::io::Result<()> {
            fs::write(POLICY, "#!/bin/sh\nexit 101\n")?;
            fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755))
        };
        write().map_err(|error| Error::new(format!("{POLICY}: {error}")))?;
        Ok(Self { ours: true })
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours {
            let _ = fs::remove_file(POLICY);
        }
    }
}
