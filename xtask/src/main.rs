//! The workspace's tool: `cargo xtask test`, `cargo xtask fuzz`. One file or folder per subcommand.
#![allow(
    clippy::print_stdout,
    reason = "a tool for the console: its output is its interface"
)]

mod fuzz;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// The workspace's tool.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Test(test::Arguments),
    Fuzz(fuzz::Arguments),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Test(arguments) => test::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
    }
}
