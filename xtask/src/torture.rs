//! `cargo xtask torture` and `cargo xtask ledger`: build the program `torture` and pass every
//! argument on.

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

/// Runs one of the program's subcommands. Only the program writes to standard output.
pub(crate) fn run(subcommand: &str, arguments: &Arguments) -> ExitCode {
    match try_run(subcommand, arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(subcommand: &str, arguments: &Arguments) -> Result<ExitCode, String> {
    let xtask = std::env::current_exe().map_err(|error| format!("this program: {error}"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    // Uses the workspace's build, like the tests, so that nothing is compiled again.
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--workspace", "--all-features"])
        .args(["--bin", "torture"])
        .status();
    match built {
        Ok(status) if status.success() => {}
        Ok(status) => return Err(format!("cargo build ended with {status}")),
        Err(error) => return Err(format!("cargo build: {error}")),
    }
    let program = xtask.with_file_name("torture");
    let ended = Command::new(&program)
        .arg(subcommand)
        .args(&arguments.arguments)
        .status()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    Ok(if ended.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
