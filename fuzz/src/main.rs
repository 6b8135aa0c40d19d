//! `cargo xtask fuzz`
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a tool for the console: its output is its interface"
)]

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use fuzz::{Settings, repeat, run};

/// Run both macros on random token trees and on real functions with changes.
///
/// Ends with an error if a macro panicked, reported an error without a place, or emitted invalid
/// Rust without an error. With `--urls` it fuzzes database URLs instead. `--lexers` is a separate
/// program, `fuzz-lexers`.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask fuzz")]
struct Arguments {
    /// Try mutated database URLs. An error or a `Debug` that shows a piece of the password is a
    /// leak.
    #[arg(long)]
    urls: bool,
    /// The number of inputs for `--urls`. Default: 1,000,000.
    #[arg(long, value_name = "NUMBER")]
    inputs: Option<u64>,
    /// A twentieth of the inputs, for CI.
    #[arg(long, conflicts_with = "inputs")]
    quick: bool,
    /// How long the macros are fuzzed.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Print one line of JSON on the standard output.
    #[arg(long)]
    json: bool,
    /// Selects the inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only the input of this number, as a finding names it.
    #[arg(long, value_name = "NUMBER")]
    repeat: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.urls {
        return urls(&arguments);
    }
    if let Some(index) = arguments.repeat {
        return again(arguments.seed, index);
    }
    let report = run(&Settings {
        time: Duration::from_secs(arguments.seconds),
        seed: arguments.seed,
    });
    for finding in &report.findings {
        eprintln!("{}\n{}\n", finding.problem, finding.input);
        eprintln!(
            "again: cargo xtask fuzz --seed {} --repeat {}\n",
            report.seed, finding.index
        );
    }
    if arguments.json {
        match serde_json::to_string(&report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{error}"),
        }
    } else {
        println!(
            "{} inputs in {:.0} s: {} expanded, {} refused, {} panics, {} errors without a place, {} not Rust",
            report.inputs,
            report.seconds,
            report.expanded,
            report.refused,
            report.panics,
            report.unplaced,
            report.not_rust,
        );
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(feature = "drivers")]
fn urls(arguments: &Arguments) -> ExitCode {
    let all = if arguments.quick { 50_000 } else { 1_000_000 };
    let report = match arguments.repeat {
        Some(index) => fuzz::repeat_url(arguments.seed, index),
        None => fuzz::run_urls(arguments.inputs.unwrap_or(all), arguments.seed),
    };
    for leak in &report.findings {
        let what = match &leak.piece {
            Some(piece) => format!("`{piece}` of the password is shown in:\n{}", leak.said),
            None => "a panic".to_owned(),
        };
        eprintln!("{:?}\n{what}", leak.url);
        eprintln!(
            "again: cargo xtask fuzz --urls --seed {} --repeat {}\n",
            arguments.seed, leak.index
        );
    }
    if arguments.json {
        match serde_json::to_string(&report) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{error}"),
        }
    } else {
        println!(
            "{} URLs in {:.0} s: {} leaks, {} panics; no backend accepts {} of them",
            report.urls, report.seconds, report.leaks, report.panics, report.refused
        );
    }
    if report.is_clean() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

#[cfg(not(feature = "drivers"))]
use self::without_drivers as urls;

#[cfg(not(feature = "drivers"))]
fn without_drivers(_: &Arguments) -> ExitCode {
    eprintln!("build it with --features drivers, as `cargo xtask fuzz` does");
    ExitCode::FAILURE
}

fn again(seed: u64, index: u64) -> ExitCode {
    let (input, problem) = repeat(seed, index);
    println!("{input}");
    match problem {
        Some(problem) => {
            println!("{problem}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
