//! Starts the servers that a test run shares and keeps them while its standard input is open.
//!
//! For each server it prints `NAME=VALUE`, a variable for the tests' environment, and `# …`, a line
//! for people. Then it prints `ready`. `cargo xtask test` runs it.
#![allow(clippy::print_stdout, reason = "its output is its interface")]

use std::io::Read as _;
use std::net::SocketAddr;

use testbed::{Error, mysql, postgres};

fn main() {
    println!("# SQLite {}", testbed::sqlite::version());
    let started = testbed::block_on(postgres::Server::builder().max_connections(300).try_start());
    announce(
        "PostgreSQL",
        postgres::VARIABLE,
        postgres::Binaries::find().is_some(),
        started
            .as_ref()
            .map(|server| (server.version(), server.address())),
    );
    let started = testbed::block_on(mysql::Server::builder().max_connections(300).try_start());
    announce(
        "MariaDB",
        mysql::VARIABLE,
        mysql::Binaries::find().is_some(),
        started
            .as_ref()
            .map(|server| (server.version(), server.address())),
    );
    match testbed::pgbouncer::version() {
        Ok(version) => println!("# PgBouncer {version}"),
        Err(error) => println!("! PgBouncer is missing: {error}"),
    }
    println!("ready");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Prints where a server is, or why there is none.
fn announce(
    name: &str,
    variable: &str,
    found: bool,
    started: Result<(String, SocketAddr), &Error>,
) {
    match started {
        Ok((version, address)) => {
            println!("# {name} {version}");
            println!("{variable}={address}");
        }
        Err(error) => {
            // One line, because it becomes a variable's value and the message of every test that
            // needs the server.
            let text = error.to_string();
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let state = if found { "not usable" } else { "missing" };
            println!("! {name} is {state}: {error}");
            println!("{variable}=unavailable: {text}");
        }
    }
}
