//! `cargo xtask fuzz`: builds the program of that name and passes every argument to it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use clap::Args;

/// What the program is asked to do. It knows its options itself: `--help` lists them.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs it. Standard output is the program's alone.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let ended = if let Some(program) = with_drivers(&arguments.arguments) {
        // The workspace's one build, as for the tests: the drivers are not compiled a second time.
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
        // Ten times as many inputs as without optimization: worth the minute of its first build.
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

/// The program that needs the drivers, if one is asked for.
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
