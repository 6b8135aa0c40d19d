//! Ends an annotated function in every possible way, and prints the table afterwards.
//!
//! `cargo run --example quickstart` uses embedded `SQLite` in a temporary file and needs no set-up.
//! With `DB_ECHO=true`, it prints each statement as well.
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
mod bank;
mod table;

use std::time::Duration;

use session_factory::{Factory, session_factory};

use bank::BankError;
use table::Table;

session_factory! {
    /// The bank's database: reads `DATABASE_URL`, `DB_ECHO`, `DB_POOL_SIZE`, …
    pub struct AppDb(Sqlite);
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // In an application, `AppDb` reads the environment by itself. This example provides its own
    // DATABASE_URL, and takes the other keys from the environment.
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}", folder.path().join("bank.db").display());
    let config = AppDbConfig::from_vars(|key| match key {
        "DATABASE_URL" => Some(url.clone()),
        other => std::env::var(other).ok(),
    })?;
    let factory = Factory::<AppDb>::new(config);
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("  (a call {})", panic.to_string().replace('\n', " "));
    }));

    // In a factory's scope, every annotated function uses that factory instead of the global one.
    let table = factory.scope(every_way_out(&factory)).await?;

    let report = factory.shutdown(Duration::from_secs(5)).await;
    println!(
        "\nShut down: {} sessions had to be rolled back.",
        report.rolled_back
    );
    table.verdict()
}

async fn every_way_out(factory: &Factory<AppDb>) -> Result<Table, BankError> {
    bank::create_table().await?;
    bank::open_account("ada", 100).await?;
    bank::open_account("bob", 0).await?;
    let mut table = Table::begin().await?;

    let result = bank::transfer("ada", "bob", 30).await;
    table.committed("Ok", &result, [70, 30]).await?;

    let result = bank::transfer("ada", "bob", 1000).await;
    table.rolled_back("Err: not enough money", &result).await?;

    let result = bank::transfer_to_new("ada", "bob", 10).await;
    table
        .rolled_back("`?` on a failed statement", &result)
        .await?;

    let result = bank::transfer_for_a_fee("ada", "bob", 10).await;
    table
        .committed("early return of Ok", &result, [60, 40])
        .await?;

    let call = factory.scope(bank::buggy_transfer("ada", "bob", 10));
    let result = tokio::spawn(call).await;
    table.rolled_back("panic", &result).await?;

    let call = bank::slow_transfer("ada", "bob", 10);
    let result = tokio::time::timeout(Duration::from_millis(50), call).await;
    table
        .rolled_back("timeout around the call", &result)
        .await?;

    let task = tokio::spawn(factory.scope(bank::slow_transfer("ada", "bob", 10)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    task.abort();
    let result = task.await;
    table.rolled_back("cancelled task", &result).await?;

    // Without the attribute, the caller ends the session.
    let mut db = factory.create_session().await?;
    bank::transfer_in(&mut db, "ada", "bob", 10).await?;
    db.rollback().await?;
    bank::transfer_in(&mut db, "ada", "bob", 20).await?;
    let result = db.commit().await;
    drop(db);
    table
        .committed("create_session() and commit()", &result, [40, 60])
        .await?;

    // A background job. A spawned task does not inherit the scope, so it gets its own.
    let job = tokio::spawn(factory.scope(bank::pay_interest(10)));
    let result = job.await;
    table.committed("background job", &result, [44, 66]).await?;
    Ok(table)
}
