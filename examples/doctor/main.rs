//! Prints a factory's configuration, and checks its database.
//!
//! ```text
//! cargo run --example doctor              # says what to set, when something is missing
//! cargo run --example doctor -- 4         # for four instances of the application
//! ```
//! The exit status is 1 if something is wrong. To examine another factory, replace the declaration
//! below by that factory's.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example that shows what it finds"
)]

mod server;

use std::process::ExitCode;
use std::time::Duration;

use session_factory::{ConfigError, SessionError, session_factory};

session_factory! {
    /// The application's database: reads `DATABASE_URL`, `DB_ECHO`, `DB_POOL_SIZE`, …
    pub struct AppDb(Postgres) {
        dotenv = true,
        /// Instances of the application that run at the same time.
        instances: u32 in 1.. = env("DB_INSTANCES", default = 1),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    println!("{}", AppDb::describe());
    let result = examine().await;
    AppDb::shutdown(Duration::from_secs(5)).await;
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(SessionError::Config(error)) => {
            say_what_to_set(&error);
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the report. Returns true if everything is right.
async fn examine() -> Result<bool, SessionError> {
    AppDb::init().await?;
    let mut round_trip = Duration::MAX;
    for _ in 0..5 {
        round_trip = round_trip.min(AppDb::health().await?);
    }
    let server = server::ask().await?;
    println!("server       {}", server.version.escape_debug());
    println!("TLS          {}", server.tls());
    println!("round trip   {round_trip:.1?}, the best of five");
    println!("in between   {}", between(AppDb::status().pooler));

    let factory = AppDb::factory().await?;
    let configured = factory.config().map_or(1, |config| config.instances);
    let instances = match std::env::args().nth(1).map(|argument| argument.parse()) {
        None => configured,
        Some(Ok(instances)) if instances > 0 => instances,
        Some(_) => {
            eprintln!("expected the number of instances; write `cargo run --example doctor -- 4`");
            return Ok(false);
        }
    };
    let limit = AppDb::status().limit;
    let needed = u64::from(limit) * u64::from(instances);
    let available = server.available();
    println!(
        "connections  {limit} (pool_size + max_overflow) x {instances} = {needed} of {available}: {}",
        server.limits()
    );
    if needed <= available {
        println!("             they fit");
        return Ok(true);
    }
    println!(
        "             TOO MANY: set DB_POOL_SIZE and DB_MAX_OVERFLOW so that they are {} together",
        available / u64::from(instances)
    );
    Ok(false)
}

/// The pooler's mode cannot be queried. A pooler in statement mode is refused when it connects.
fn between(pooler: bool) -> &'static str {
    if pooler {
        "a pooler (PgBouncer), in session or transaction mode: it has the last word on the connections"
    } else {
        "nothing that changes the protocol"
    }
}

fn say_what_to_set(error: &ConfigError) {
    eprintln!("To go on, set these in the environment, or in a file `.env` in this folder:");
    for problem in error.problems() {
        eprintln!("  {problem}");
    }
    let missing = |key: &str| error.problems().iter().any(|problem| problem.key() == key);
    if missing("DATABASE_URL") {
        eprintln!("For example:");
        eprintln!(
            "  DATABASE_URL=postgres://user:password@localhost/app cargo run --example doctor"
        );
    }
}
