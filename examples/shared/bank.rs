//! The service functions of a small bank, as an application writes them.
//!
//! Each function exists twice: `transfer(…)` opens, commits and closes its own session, and
//! `transfer_in(db, …)` joins its caller's session.

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, SessionError, with_session};

use crate::AppDb;

diesel::table! {
    accounts (owner) {
        owner -> Text,
        balance -> BigInt,
    }
}

/// The bank's errors. `#[with_session]` requires `From<SessionError>`.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The session failed: no connection, a refused COMMIT, …
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A statement failed.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    /// A rule of the bank was broken.
    #[error("{0} has not enough money")]
    NotEnough(String),
}

/// Creates the table.
#[with_session]
pub async fn create_table(db: &mut Session<AppDb>) -> Result<(), BankError> {
    db.batch_execute(
        "CREATE TABLE IF NOT EXISTS accounts (owner TEXT PRIMARY KEY, balance BIGINT NOT NULL)",
    )
    .await?;
    Ok(())
}

/// Opens an account.
#[with_session]
pub async fn open_account(
    db: &mut Session<AppDb>,
    owner: &str,
    balance: i64,
) -> Result<(), BankError> {
    diesel::insert_into(accounts::table)
        .values((accounts::owner.eq(owner), accounts::balance.eq(balance)))
        .execute(db)
        .await?;
    Ok(())
}

/// Deposits money.
#[with_session]
pub async fn deposit(db: &mut Session<AppDb>, owner: &str, amount: i64) -> Result<(), BankError> {
    diesel::update(accounts::table.find(owner))
        .set(accounts::balance.eq(accounts::balance + amount))
        .execute(db)
        .await?;
    Ok(())
}

/// Withdraws money, if there is enough.
#[with_session]
pub async fn withdraw(db: &mut Session<AppDb>, owner: &str, amount: i64) -> Result<(), BankError> {
    let taken = diesel::update(accounts::table.find(owner))
        .filter(accounts::balance.ge(amount))
        .set(accounts::balance.eq(accounts::balance - amount))
        .execute(db)
        .await?;
    match taken {
        0 => Err(BankError::NotEnough(owner.to_owned())),
        _ => Ok(()),
    }
}

/// Transfers money: both functions below join this one's session, so both take effect or neither
/// does.
///
/// The deposit comes before the withdrawal, so that a failure has something to roll back.
#[with_session]
pub async fn transfer(
    db: &mut Session<AppDb>,
    from: &str,
    to: &str,
    amount: i64,
) -> Result<(), BankError> {
    deposit_in(db, to, amount).await?;
    withdraw_in(db, from, amount).await?;
    Ok(())
}

/// A transfer that costs a fee, unless it is large; then it returns early.
#[with_session]
pub async fn transfer_for_a_fee(
    db: &mut Session<AppDb>,
    from: &str,
    to: &str,
    amount: i64,
) -> Result<(), BankError> {
    transfer_in(db, from, to, amount).await?;
    if amount >= 10 {
        return Ok(());
    }
    withdraw_in(db, from, 1).await
}

/// A transfer that opens the receiver's account. It fails if the account exists.
#[with_session]
pub async fn transfer_to_new(
    db: &mut Session<AppDb>,
    from: &str,
    to: &str,
    amount: i64,
) -> Result<(), BankError> {
    withdraw_in(db, from, amount).await?;
    open_account_in(db, to, amount).await
}

/// A transfer that takes a long time while its transaction is open.
#[with_session]
pub async fn slow_transfer(
    db: &mut Session<AppDb>,
    from: &str,
    to: &str,
    amount: i64,
) -> Result<(), BankError> {
    transfer_in(db, from, to, amount).await?;
    tokio::time::sleep(Duration::from_secs(60)).await;
    Ok(())
}

/// A transfer that panics because of a bug.
#[with_session]
pub async fn buggy_transfer(
    db: &mut Session<AppDb>,
    from: &str,
    to: &str,
    amount: i64,
) -> Result<(), BankError> {
    transfer_in(db, from, to, amount).await?;
    assert!(amount == 0, "a bug, shown on purpose");
    Ok(())
}

/// The background job: pays interest to all accounts. Returns the number of accounts.
#[with_session]
pub async fn pay_interest(db: &mut Session<AppDb>, percent: i64) -> Result<usize, BankError> {
    let paid = diesel::update(accounts::table)
        .set(accounts::balance.eq(accounts::balance + accounts::balance * percent / 100))
        .execute(db)
        .await?;
    Ok(paid)
}

/// Returns all accounts.
#[with_session]
pub async fn balances(db: &mut Session<AppDb>) -> Result<Vec<(String, i64)>, BankError> {
    Ok(accounts::table.order(accounts::owner).load(db).await?)
}
