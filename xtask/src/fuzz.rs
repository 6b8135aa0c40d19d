//! `cargo xtask fuzz`: builds the program `fuzz` and passes every argument on.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

/// The program's arguments. The program's own `--help` lists them.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the program. Only the program writes to standard output.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let ended = if let Some(program) = with_drivers(&arguments.arguments) {
        // Uses the workspace's build, like the tests, so that the drivers are not compiled again.
        let build = ["build", "--quiet", "--workspace", "--all-features", "--bin"];
        match cargo().args(build).arg(program).status() {
            Ok(status) if status.success() => std::env::current_exe().and_then(|xtask| {
                Command::new(xtask.with_file_name(program))
                    .args(&arguments.arguments)
                    .status()
            }),
            other => other,
        }
    } else {
        // Optimization makes it ten times as fast, and takes a minute to build.
        cargo()
            .args(["run", "--quiet", "--release", "--package", "fuzz", "--"])
            .args(&arguments.arguments)
            .status()
    };
    match ended {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("failed: cargo xtask fuzz: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The program that needs the drivers, if an option selects one.
fn with_drivers(arguments: &[OsString]) -> Option<&'static str> {
    let is_asked = |option: &str| arguments.iter().any(|argument| argument == option);
    if is_asked("--lexers") {
        Some("fuzz-lexers")
    } else {
        is_asked("--urls").then_some("fuzz")
    }
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}
