//! A service on `PostgreSQL` with the quickstart's functions.
//!
//! ```text
//! DATABASE_URL=postgres://user:password@localhost/bank \
//!     cargo run --example service --features postgres
//! ```
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example that shows what happens"
)]
#![allow(
    unreachable_pub,
    reason = "the shared functions look as they would in a library"
)]

#[path = "../shared/bank.rs"]
#[allow(dead_code, reason = "the quickstart calls the others")]
mod bank;

use std::process::ExitCode;
use std::time::Duration;

use session_factory::session_factory;

use bank::BankError;

session_factory! {
    /// The bank's database: reads `DATABASE_URL`, `DB_ECHO`, `DB_POOL_SIZE`, …
    pub struct AppDb(Postgres);
}

#[tokio::main]
async fn main() -> ExitCode {
    // Reads the environment and connects once, so that a wrong configuration fails at start-up.
    if let Err(error) = AppDb::init().await {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    let result = serve().await;
    let report = AppDb::shutdown(Duration::from_secs(10)).await;
    println!("shut down, {} sessions rolled back", report.rolled_back);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), BankError> {
    bank::create_table().await?;
    for owner in ["ada", "bob"] {
        match bank::open_account(owner, 100).await {
            Ok(()) => println!("{owner} has an account: committed"),
            Err(error) => println!("{owner} has one already: rolled back ({error})"),
        }
    }
    // The global factory needs no scope, and spawned tasks use it as well.
    let requests = (1..=10).map(|amount| {
        tokio::spawn(async move {
            let request = bank::transfer("ada", "bob", amount);
            (
                amount,
                tokio::time::timeout(Duration::from_secs(5), request).await,
            )
        })
    });
    for request in requests.collect::<Vec<_>>() {
        match request.await {
            Ok((amount, Ok(Ok(())))) => println!("transfer of {amount}: committed"),
            Ok((amount, Ok(Err(error)))) => println!("transfer of {amount}: rolled back ({error})"),
            Ok((amount, Err(late))) => println!("transfer of {amount}: rolled back ({late})"),
            Err(panicked) => println!("rolled back ({panicked})"),
        }
    }
    let paid = tokio::spawn(bank::pay_interest(1)).await;
    println!("interest: {paid:?}");
    println!("balances: {:?}", bank::balances().await?);
    println!("pool: {:?}", AppDb::status());
    Ok(())
}
