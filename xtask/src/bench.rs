//! `cargo xtask bench`: measures the library beside its alternatives.

use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// Measure the library side by side with its alternatives.
///
/// NAME is one of wire, storm, latency, contention, sqlite, overhead, compile, testing, report and all; `cargo xtask bench
/// help` lists what each measures and the options. Builds the workspace in `benches`, which is not built
/// otherwise: its peers are a hundred crates.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure, and options.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "NAME"
    )]
    arguments: Vec<String>,
}

/// Builds the benchmarks for release and runs them.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // Standard output is reserved for the results, so cargo prints to the standard error stream.
    command
        .args(["run", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(root.join("benches/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target"));
    if arguments
        .arguments
        .first()
        .is_some_and(|name| name == "testing")
    {
        command.args(["--features", "testing"]);
    }
    command.arg("--");
    // Keeps the servers' files in memory if possible, so that the disk does not affect the results.
    if Path::new(MEMORY).is_dir() {
        command.env("TMPDIR", MEMORY);
    }
    match arguments.arguments.as_slice() {
        [word] if word == "help" => command.arg("--help"),
        arguments => command.args(arguments),
    };
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("cargo: {error}");
            ExitCode::FAILURE
        }
    }
}
