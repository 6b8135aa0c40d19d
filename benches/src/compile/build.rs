//! Runs cargo, and measures its cost.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::project::Project;
use crate::results::target;

/// How the project is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Profile {
    /// `cargo check`
    Check,
    /// `cargo build`
    Dev,
    /// `cargo build --release`
    Release,
}

impl Profile {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Check => &["check"],
            Self::Dev => &["build"],
            Self::Release => &["build", "--release"],
        }
    }
}

/// The cost of one run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    pub(super) seconds: f64,
    /// The processor time of all its processes.
    pub(super) cpu: f64,
}

impl Cost {
    /// The minimum of each figure.
    pub(super) fn least(costs: &[Self]) -> Option<Self> {
        costs.iter().copied().reduce(|one, other| Self {
            seconds: one.seconds.min(other.seconds),
            cpu: one.cpu.min(other.cpu),
        })
    }
}

/// Builds the project.
pub(super) fn build(project: &Project, profile: Profile) -> Result<Cost> {
    let (cost, output) = timed(&mut cargo(project, profile))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(cost)
}

/// Builds the project after a change. `None` if the compiler crashed while it read its incremental
/// data, and the crate was built from scratch.
pub(super) fn rebuild(project: &Project, profile: Profile) -> Result<Option<Cost>> {
    let (cost, output) = timed(&mut cargo(project, profile))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(Some(cost));
    }
    if !said.contains("the compiler unexpectedly panicked") {
        bail!("{said}");
    }
    forget(project, profile)?;
    build(project, profile)?;
    Ok(None)
}

/// Makes the next build compile the crate, and only the crate, from scratch.
pub(super) fn forget(project: &Project, profile: Profile) -> Result<()> {
    // `cargo check` keeps its incremental data in the same folder, under another hash.
    let incremental = folder().join("debug/incremental");
    let name = format!("{}-", project.package().replace('-', "_"));
    if profile != Profile::Release
        && let Ok(entries) = fs::read_dir(incremental)
    {
        for entry in entries.flatten() {
            if entry.file_name().to_string_lossy().starts_with(&name) {
                fs::remove_dir_all(entry.path())?;
            }
        }
    }
    let main = File::options()
        .append(true)
        .open(project.folder.join("src/main.rs"))?;
    main.set_modified(SystemTime::now())?;
    Ok(())
}

/// The time that the compiler takes to expand macros.
pub(super) fn expansion(project: &Project) -> Result<Cost> {
    // Only a nightly compiler, or one told to act as one, prints the time of its passes. The
    // variable is set for this crate only, because dependencies' build scripts read it too.
    let wrapper = project.folder.join("time-passes");
    fs::write(
        &wrapper,
        "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec \"$@\" -Ztime-passes -Ztime-passes-format=json\n",
    )?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755))?;
    forget(project, Profile::Check)?;
    let mut cargo = cargo(project, Profile::Check);
    cargo.env("RUSTC_WORKSPACE_WRAPPER", &wrapper);
    let output = cargo.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{said}");
    }
    let seconds = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("time: ")?).ok())
        .find(|pass| pass.get("pass").and_then(Value::as_str) == Some("macro_expand_crate"))
        .and_then(|pass| pass.get("time")?.as_f64())
        .with_context(|| format!("no time of the expansion in:\n{said}"))?;
    Ok(Cost {
        seconds,
        cpu: seconds,
    })
}

/// Builds for release, and returns the program's size in bytes.
pub(super) fn release_size(project: &Project) -> Result<u64> {
    build(project, Profile::Release)?;
    let program = folder().join("release").join(project.package());
    Ok(fs::metadata(program)?.len())
}

fn folder() -> PathBuf {
    target().join("bench/compile/target")
}

fn cargo(project: &Project, profile: Profile) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(profile.arguments())
        .current_dir(&project.folder)
        .env("CARGO_TARGET_DIR", folder())
        .env(
            "CARGO_INCREMENTAL",
            if profile == Profile::Release {
                "0"
            } else {
                "1"
            },
        )
        .env_remove("RUSTFLAGS")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

fn timed(command: &mut Command) -> Result<(Cost, Output)> {
    let (started, before) = (Instant::now(), cpu_of_children()?);
    let output = command.output()?;
    let cost = Cost {
        seconds: started.elapsed().as_secs_f64(),
        cpu: cpu_of_children()? - before,
    };
    Ok((cost, output))
}

/// The processor time of all child processes that have ended.
fn cpu_of_children() -> Result<f64> {
    /// Clock ticks per second, which Linux reports the same on every architecture.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(Path::new("/proc/self/stat"))?;
    // The program's name may contain any character, so parse after its last `)`. Fields 16 and 17
    // count.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |at: usize| -> Result<f64> { Ok(fields.get(at).context("a field")?.parse()?) };
    Ok((ticks(13)? + ticks(14)?) / TICKS)
}
