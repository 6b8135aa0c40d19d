//! `cargo xtask fuzz`: builds the program of that name, optimized, and hands everything on.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

/// What the `fuzz` program is asked to do. It knows its options itself: `--help` lists them.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs it. Standard output is the program's alone.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // Ten times as many inputs as without optimization: worth the minute of its first build.
    let ended = Command::new(cargo)
        .args(["run", "--quiet", "--release", "--package", "fuzz", "--"])
        .args(&arguments.arguments)
        .status();
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("failed: cargo run: {error}");
            ExitCode::FAILURE
        }
    }
}
