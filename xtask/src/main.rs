//! The workspace's tool: `cargo xtask test`, `cargo xtask bench`. One file or folder per subcommand.
#![allow(
    clippy::print_stdout,
    reason = "a tool for the console: its output is its interface"
)]

mod bench;
mod test;

use std::process::ExitCode;

use clap::Parser;

/// The workspace's tool.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
enum Command {
    Test(test::Arguments),
    Bench(bench::Arguments),
}

fn main() -> ExitCode {
    match Command::parse() {
        Command::Test(arguments) => test::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
    }
}
