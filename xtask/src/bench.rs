//! `cargo xtask bench`: the library side by side with what a user would pick instead.

use std::path::Path;
use std::process::{Command, ExitCode};

use clap::Args;

/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";

/// Measure the library side by side with what a user would pick instead.
///
/// NAME is one of wire, storm, latency, contention, sqlite, overhead, compile, report and all; `cargo xtask bench
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
    // The standard output is for the results alone: cargo talks on the other one.
    command
        .args(["run", "--quiet", "--release", "--locked", "--manifest-path"])
        .arg(root.join("benches/Cargo.toml"))
        .arg("--target-dir")
        .arg(root.join("target"))
        .arg("--");
    // The servers and files that it makes: in memory where that is possible, so that no disk is measured.
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
