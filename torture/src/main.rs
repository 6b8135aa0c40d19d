//! Breaks every call at every point, and audits the result.
//!
//! `cargo xtask torture` and `cargo xtask ledger` run it. `docs/torture.md` says what it tries and
//! audits.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the console: its output is its interface"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "without its servers and its auditor there is nothing to go on with"
)]

mod arguments;
mod audit;
mod backend;
mod bed;
mod case;
mod faults;
mod gate;
mod lane;
mod ledger;
mod naive;
mod plan;
mod problem;
mod report;
mod run;
mod subject;
mod workloads;

use std::process::ExitCode;

use clap::Parser as _;

use crate::arguments::Command;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    faults::hush_planned_panics();
    match Command::parse() {
        Command::Torture(arguments) => run::run(arguments).await,
        Command::Ledger(arguments) => ledger::run(arguments).await,
    }
}
