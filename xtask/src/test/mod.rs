//! `cargo xtask test`: every test of the workspace, on real servers.

mod build;
mod cargo;
mod servers;
mod tally;

use std::process::{Command, ExitCode};

use clap::Args;

use cargo::Cargo;
use servers::Servers;
use tally::Tally;

/// Run every test of the workspace: unit, integration, doc and UI tests, on real servers.
///
/// Starts the servers (and installs missing ones, as root on Debian or a related system), stops
/// them afterwards, and ends with one line, `N passed, N failed`. An ignored test counts as failed.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Run only the tests whose name contains this.
    filter: Option<String>,
    /// Arguments for the test programs, as after `cargo test --`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs all tests. Fails if a test failed, or if none ran.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut tally = Tally::default();
    run_all(arguments, &mut tally);
    tally.finish();
    for trouble in tally.troubles() {
        println!("failed: {trouble}");
    }
    // The last line is for people and for CI.
    println!("{} passed, {} failed", tally.passed(), tally.failed());
    if tally.failed() == 0 && tally.passed() > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn run_all(arguments: &Arguments, tally: &mut Tally) {
    // Read before the build replaces this program's file.
    let programs = std::env::current_exe()
        .ok()
        .and_then(|xtask| Some(xtask.parent()?.to_owned()));
    toolchain();
    println!("== building");
    let excluded = build::all(tally);
    println!("== starting the servers");
    let servers = Servers::start(&programs.unwrap_or_default(), tally);
    println!("== testing");
    let mut cargo = Cargo::on_workspace("test", &excluded);
    cargo
        .arguments(["--no-fail-fast"])
        .arguments(&arguments.filter);
    cargo.arguments(["--"]).arguments(&arguments.arguments);
    for (name, value) in servers.variables() {
        cargo.variable(name, value);
    }
    let ended = cargo.run(|line| tally.line(line));
    tally.ended(&ended);
    servers.stop();
}

/// Prints the versions of the tools.
fn toolchain() {
    for program in ["rustc", "cargo"] {
        let output = Command::new(program).arg("--version").output();
        let version = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        println!(
            "{}",
            version
                .unwrap_or_else(|error| format!("{program}: {error}"))
                .trim()
        );
    }
}
