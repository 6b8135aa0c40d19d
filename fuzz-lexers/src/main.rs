//! Runs raw SQL that may end a transaction on real servers, and compares the session's result with
//! the rows in the database.
//!
//! `cargo xtask fuzz --lexers` runs it. A case inserts a row, runs generated texts, inserts another
//! row and returns `Ok`. [`judge`] then compares the session's result with the rows that another
//! connection sees. Each database has a file that implements [`subject::Subject`]; `words` contains
//! each database's texts, and `case` combines them.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the console: its output is its interface"
)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "without its servers there is nothing to go on with"
)]

mod case;
mod judge;
mod postgres;
mod run;
mod sqlite;
mod subject;
mod words;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

/// Run raw SQL with transaction control in every spelling, and compare each result with the rows.
///
/// Ends with an error if an `Ok` or another claim was untrue.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask fuzz")]
struct Arguments {
    /// Run this program instead of the macros' fuzzer.
    #[arg(long)]
    lexers: bool,
    /// Print one line of JSON for each backend on the standard output.
    #[arg(long)]
    json: bool,
    /// The number of texts for each backend.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    inputs: u64,
    /// 2,000 texts for each backend.
    #[arg(long, conflicts_with = "inputs")]
    quick: bool,
    /// Selects the texts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this backend. May be given more than once.
    #[arg(long, value_enum)]
    backend: Vec<Backend>,
    /// The number of parallel sessions.
    #[arg(long, default_value_t = 4)]
    lanes: u64,
    /// Only the case of this number, as a finding names it.
    #[arg(long, value_name = "NUMBER")]
    repeat: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Backend {
    Postgres,
    /// PostgreSQL with an external pool.
    PostgresPool,
    Sqlite,
    /// SQLite with an external pool.
    SqlitePool,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let plan = run::Plan {
        texts: if arguments.quick {
            2_000
        } else {
            arguments.inputs
        },
        seed: arguments.seed,
        lanes: arguments.lanes.max(1),
        repeat: arguments.repeat,
    };
    let is_asked = |backend| arguments.backend.is_empty() || arguments.backend.contains(&backend);
    let mut is_clean = true;
    let mut reports = Vec::new();
    if is_asked(Backend::Postgres) {
        reports.push(run::run::<postgres::Own>(plan).await);
    }
    if is_asked(Backend::PostgresPool) {
        reports.push(run::run::<postgres::Foreign>(plan).await);
    }
    if is_asked(Backend::Sqlite) {
        reports.push(run::run::<sqlite::Own>(plan).await);
    }
    if is_asked(Backend::SqlitePool) {
        reports.push(run::run::<sqlite::Foreign>(plan).await);
    }
    for report in reports {
        for finding in &report.findings {
            eprintln!("{finding}");
        }
        is_clean &= report.is_clean();
        if arguments.json {
            match serde_json::to_string(&report) {
                Ok(line) => println!("{line}"),
                Err(error) => eprintln!("{error}"),
            }
        } else {
            println!("{report}");
        }
    }
    if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
