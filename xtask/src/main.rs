//! The workspace's tool: `cargo xtask test`. One file or folder per subcommand.
#![allow(
    clippy::print_stdout,
    reason = "a tool for the console: its output is its interface"
)]

mod test;

use std::process::ExitCode;

use clap::Parser;

/// The workspace's tool.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Test(test::Arguments),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Test(arguments) => test::run(&arguments),
    }
}
