//! The workspace's tool: `cargo xtask test`, `torture`, `ledger`. One file or folder for each.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the console: its output is its interface"
)]

mod test;
mod torture;

use std::process::ExitCode;

use clap::Parser;

/// The workspace's tool.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Test(test::Arguments),
    /// Break every call at every point, and audit what is left (`docs/torture.md`).
    Torture(torture::Arguments),
    /// Transfers between accounts while everything breaks; not one may be lost or doubled.
    Ledger(torture::Arguments),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Test(arguments) => test::run(&arguments),
        Command::Torture(arguments) => torture::run("torture", &arguments),
        Command::Ledger(arguments) => torture::run("ledger", &arguments),
    }
}
