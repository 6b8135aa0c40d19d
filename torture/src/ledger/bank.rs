//! Accounts in a database: what a backend has to provide. Another one is another file like `postgres.rs`, and
//! an arm in [`open`].

use std::collections::BTreeMap;
use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::BigInt;
use fastrand::Rng;
use futures_util::future::BoxFuture;
use testbed::proxy::{Action, Cut, Direction, Proxy};

use super::ground::Ground;
use super::{galera, mysql, postgres, replicated, sqlite};
use crate::case::Verdict;
use crate::subject::Done;

pub(super) const ACCOUNTS: u32 = 100;
/// What each account has at the beginning.
pub(super) const BALANCE: i64 = 1000;

/// Who runs the transfers, and breaks what they run on.
pub(super) trait Bank: Send + Sync {
    /// An annotated function: `Ok` acknowledges the transfer.
    fn transfer(&self, transfer: Transfer) -> BoxFuture<'_, Done>;

    /// An annotated function that only reads: whether a transfer is there.
    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>>;

    /// Restarts what is below, by turns in order and in a crash.
    fn restart(&self, number: u32) -> BoxFuture<'_, Happened>;

    /// Cuts connections, some way or other. False when there are none.
    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool>;

    /// Nothing more goes wrong from here on.
    fn calm(&self) -> BoxFuture<'_, ()>;

    /// No session is out.
    fn is_quiet(&self) -> bool;

    /// How often a replica was read, and how often the primary in its place.
    fn replica_reads(&self) -> (u64, u64) {
        (0, 0)
    }

    /// What is written, as somebody sees it who has no part in it.
    fn books(&self) -> BoxFuture<'_, Books>;

    /// Transactions that gave way to another node's. None where there is one server.
    fn conflicts(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(std::future::ready(None))
    }
}

/// Opens a bank, with a server of its own where there is one.
pub(super) async fn open(ground: Ground) -> Arc<dyn Bank> {
    match ground {
        Ground::Postgres => Arc::new(postgres::PgBank::open().await),
        Ground::Replicated => Arc::new(replicated::ReplicatedBank::open().await),
        Ground::Pgbouncer => Arc::new(postgres::PgBank::behind_pgbouncer().await),
        Ground::Mysql => Arc::new(mysql::MyBank::open().await),
        Ground::Galera => Arc::new(galera::GaleraBank::open().await),
        Ground::Sqlite => Arc::new(sqlite::LiteBank::open()),
    }
}

/// What a restart came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// The same server is back.
    Restarted,
    /// A standby is the primary now.
    Promoted,
    /// A standby was gone for a while.
    StandbyLost,
}

/// Money that goes from one account to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) id: u64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) amount: u32,
    /// The step of the body at which it panics.
    pub(super) panic_at: Option<u32>,
}

impl Transfer {
    /// Its statements. The accounts are locked in whatever order they come: deadlocks are to be had.
    pub(super) fn statements(&self) -> [String; 3] {
        let Self {
            id,
            from,
            to,
            amount,
            ..
        } = self;
        [
            format!("UPDATE accounts SET balance = balance - {amount} WHERE id = {from}"),
            format!("UPDATE accounts SET balance = balance + {amount} WHERE id = {to}"),
            format!("INSERT INTO transfers VALUES ({id}, {from}, {to}, {amount})"),
        ]
    }

    /// A place in the body.
    pub(super) fn step(&self, number: usize) {
        let planned = self.panic_at.is_some_and(|at| at as usize == number);
        assert!(!planned, "torture: panic at step {number} of a transfer");
    }
}

/// The tables. A transfer has no key: written twice, it is there twice.
pub(super) fn schema() -> String {
    let accounts: Vec<_> = (0..ACCOUNTS)
        .map(|id| format!("({id}, {BALANCE})"))
        .collect();
    format!(
        "CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL); \
         CREATE TABLE transfers (id bigint NOT NULL, payer int NOT NULL, payee int NOT NULL, \
                                 amount bigint NOT NULL); \
         CREATE INDEX transfers_id ON transfers (id); \
         INSERT INTO accounts VALUES {}",
        accounts.join(", ")
    )
}

/// The money there is.
pub(super) const TOTAL: &str = "SELECT CAST(sum(balance) AS bigint) FROM accounts";

/// Whether a transfer is there.
pub(super) fn is_there(id: u64) -> String {
    format!("SELECT count(*) AS count FROM transfers WHERE id = {id}")
}

/// Accounts that do not have what the transfers say.
pub(super) fn unbalanced() -> String {
    format!(
        "SELECT count(*) FROM accounts a WHERE balance <> {BALANCE} \
         + (SELECT coalesce(sum(amount), 0) FROM transfers WHERE payee = a.id) \
         - (SELECT coalesce(sum(amount), 0) FROM transfers WHERE payer = a.id)"
    )
}

/// Cuts all connections, or one at some byte to come.
pub(super) async fn cut_somewhere(proxy: &Proxy, random: &mut Rng) {
    let action = if random.bool() {
        Action::Reset
    } else {
        Action::Close
    };
    let direction = if random.bool() {
        Direction::ToServer
    } else {
        Direction::ToClient
    };
    if random.u32(0..4) == 0 {
        proxy.sever(action).await;
    } else {
        let bytes = random.u64(0..2000);
        proxy.arm(Cut::after(bytes, direction).action(action));
    }
}

/// What is written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// How often each transfer is there.
    pub(super) transfers: BTreeMap<u64, u64>,
    pub(super) total: i64,
    /// Accounts that do not have what the transfers say.
    pub(super) unbalanced: i64,
    /// Other servers of a cluster that have something else written.
    pub(super) differing: usize,
}

impl Books {
    /// The numbers of transfers, one after another, with commas.
    pub(super) fn with_transfers(ids: &str, total: i64, unbalanced: i64) -> Self {
        let mut transfers = BTreeMap::new();
        for id in ids.split(',').filter_map(|id| id.parse().ok()) {
            *transfers.entry(id).or_default() += 1;
        }
        Self {
            transfers,
            total,
            unbalanced,
            differing: 0,
        }
    }
}

/// The answer to [`is_there`].
#[derive(Debug, QueryableByName)]
pub(super) struct There {
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
}

/// What became of the caller of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Told(Verdict),
    Dropped,
    Panicked,
}
