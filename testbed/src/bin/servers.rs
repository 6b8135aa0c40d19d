//! Starts the servers that a test run shares and keeps them while its standard input is open.
//!
//! For each it prints `NAME=VALUE`, a variable for the tests' environment, and `# …`, a line for
//! people; then `ready`. Run by `cargo xtask test`.
#![allow(clippy::print_stdout, reason = "its output is its interface")]

use std::io::Read as _;

use testbed::postgres::{self, Binaries, Server};

fn main() {
    println!("# SQLite {}", testbed::sqlite::version());
    let started = testbed::block_on(Server::builder().max_connections(300).try_start());
    match &started {
        Ok(server) => {
            println!("# PostgreSQL {}", server.version());
            println!("{}={}", postgres::VARIABLE, server.address());
        }
        Err(error) => {
            // One line: it becomes a variable's value, and the message of every test that asks.
            let text = error
                .to_string()
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            let found = Binaries::find().is_some();
            println!(
                "! PostgreSQL is {}: {error}",
                if found { "not usable" } else { "missing" }
            );
            println!("{}=unavailable: {text}", postgres::VARIABLE);
        }
    }
    match testbed::pgbouncer::version() {
        Ok(version) => println!("# PgBouncer {version}"),
        Err(error) => println!("! PgBouncer is missing: {error}"),
    }
    println!("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
