//! Tests of the bank's functions, as an application writes them: each has a database of its own, and the functions are as they
//! are in production.
//!
//! `cargo test -p session-factory-examples`
#![allow(missing_docs, unreachable_pub, dead_code)]

#[path = "shared/bank.rs"]
mod bank;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::observe::Outcome;
use session_factory::{Fault, Kept, Session, SessionError, Test, session_factory};

use bank::{BankError, accounts, create_table_in, open_account_in};

session_factory! {
    /// The bank's database.
    pub struct AppDb(Sqlite);
}

/// What every test begins with.
async fn two_accounts(db: &mut Session<AppDb>) -> Result<(), BankError> {
    create_table_in(db).await?;
    open_account_in(db, "Ada", 100).await?;
    open_account_in(db, "Bob", 0).await
}

async fn balances(db: &mut Session<AppDb>) -> QueryResult<Vec<i64>> {
    accounts::table
        .order(accounts::owner)
        .select(accounts::balance)
        .load(db)
        .await
}

#[session_factory::test(AppDb, fixtures = [two_accounts])]
async fn a_transfer_moves_the_money(db: Test<AppDb>) -> Result<(), BankError> {
    bank::transfer("Ada", "Bob", 30).await?;
    // A task of its own is a part of the test as well.
    let spawned = tokio::spawn(bank::transfer("Ada", "Bob", 20)).await;
    assert!(matches!(spawned, Ok(Ok(()))), "{spawned:?}");
    assert_eq!(db.look(async |s| balances(s).await).await?, [50, 50]);
    assert_eq!(db.units().committed("transfer"), 2);
    Ok(())
}

#[session_factory::test(AppDb, fixtures = [two_accounts])]
async fn a_transfer_that_fails_moves_nothing(db: Test<AppDb>) -> Result<(), BankError> {
    let error = bank::transfer("Bob", "Ada", 1).await;
    assert!(matches!(error, Err(BankError::NotEnough(_))), "{error:?}");
    assert_eq!(db.look(async |s| balances(s).await).await?, [100, 0]);
    assert_eq!(db.units()[0].outcome, Outcome::RolledBack);
    Ok(())
}

#[session_factory::test(AppDb, fixtures = [two_accounts])]
async fn a_transfer_is_never_half_done(db: Test<AppDb>) {
    // Dropped at its first poll, at its second, and so on.
    db.at_every_await(|| bank::transfer("Ada", "Bob", 30))
        .assert_all_or_nothing(async |s| balances(s).await)
        .await;
}

#[session_factory::test(AppDb, fixtures = [two_accounts])]
async fn a_lost_answer_is_no_proof_that_nothing_happened(db: Test<AppDb>) -> Result<(), BankError> {
    db.fault(Fault::commit_unknown(Kept::Yes).on("transfer"));
    let error = bank::transfer("Ada", "Bob", 30).await;
    assert!(
        matches!(
            error,
            Err(BankError::Session(SessionError::CommitUnknown(_)))
        ),
        "{error:?}"
    );
    assert_eq!(db.look(async |s| balances(s).await).await?, [70, 30]);
    Ok(())
}
