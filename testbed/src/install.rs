//! Finds programs, and installs their packages if this process may.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};

use crate::{Error, user};

/// Debian runs this script before it starts a service; exit status 101 forbids the start.
const POLICY: &str = "/usr/sbin/policy-rc.d";

const LOCK: &str = "/run/session-factory-testbed.lock";

/// Holds the machine-wide lock: one test process installs while the others wait.
struct Lock(#[expect(dead_code, reason = "held, not read")] File);

/// What a machine lacks, and how to get it.
pub(crate) struct Missing<'a> {
    /// What was searched for, and where: the subject of "… and this is not root".
    pub(crate) not_found: &'a str,
    /// Debian's packages.
    pub(crate) packages: &'a [&'a str],
    /// What to install on another system.
    pub(crate) elsewhere: &'a str,
}

/// What `find` finds, perhaps only after its packages were installed (root on Debian).
///
/// # Errors
/// A text that says what to install.
pub(crate) fn find_or_install<T>(
    find: impl Fn() -> Option<T>,
    missing: &Missing<'_>,
) -> Result<T, Error> {
    if let Some(found) = find() {
        return Ok(found);
    }
    let Missing {
        not_found,
        packages: names,
        elsewhere,
    } = *missing;
    let installed = lock().and_then(|lock| {
        // Another process may have installed them while this one waited for the lock.
        if find().is_none() {
            packages(names, &lock)?;
        }
        find().ok_or_else(|| Error::new("what apt-get installed does not contain it"))
    });
    installed.map_err(|error| {
        let names = names.join(" ");
        Error::new(format!(
            "{not_found}, and {error}. On Debian or Ubuntu: apt-get install {names}; elsewhere: {elsewhere}"
        ))
    })
}

/// Waits for the lock and takes it. Returns an error if the user is not root, who alone can
/// install.
fn lock() -> Result<Lock, Error> {
    if !user::is_root() {
        return Err(Error::new("this is not root, so nothing was installed"));
    }
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("{LOCK}: {error}"));
    let file = File::create(LOCK).map_err(|error| failed(&error))?;
    flock(&file, FlockOperation::LockExclusive).map_err(|error| failed(&error))?;
    Ok(Lock(file))
}

/// Installs Debian packages, on Debian and related systems.
///
/// No service runs afterwards.
fn packages(packages: &[&str], _lock: &Lock) -> Result<(), Error> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(Error::new(
            "this system has no apt-get, so nothing was installed",
        ));
    }
    say(&format!("testbed: installing {}", packages.join(" ")));
    let _no_services = NoServices::new()?;
    apt(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new("apt-get")
        // Another apt may run, especially on a fresh machine.
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

/// Prints a line for the person who waits.
fn say(line: &str) {
    // The test harness would keep the output of `eprintln!` until the test fails.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// While this value lives, Debian starts no service after installing it.
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
