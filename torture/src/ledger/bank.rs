//! Accounts in a database. Each backend implements [`Bank`] in a file like `postgres.rs`, and has
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
/// Each account's initial balance.
pub(super) const BALANCE: i64 = 1000;

/// Runs the transfers, and breaks connections and servers.
pub(super) trait Bank: Send + Sync {
    /// An annotated function: `Ok` acknowledges the transfer.
    fn transfer(&self, transfer: Transfer) -> BoxFuture<'_, Done>;

    /// An annotated function that only reads: returns true if a transfer exists.
    fn sees(&self, id: u64) -> BoxFuture<'_, Done<bool>>;

    /// Restarts the server, alternately in order and by a crash.
    fn restart(&self, number: u32) -> BoxFuture<'_, Happened>;

    /// Cuts connections in a random way. Returns false if there are none.
    fn cut<'a>(&'a self, random: &'a mut Rng) -> BoxFuture<'a, bool>;

    /// Stops all faults.
    fn calm(&self) -> BoxFuture<'_, ()>;

    /// True if no session is open.
    fn is_quiet(&self) -> bool;

    /// How many reads used a replica, and how many used the primary instead.
    fn replica_reads(&self) -> (u64, u64) {
        (0, 0)
    }

    /// The data, as an independent connection sees them.
    fn books(&self) -> BoxFuture<'_, Books>;

    /// The number of transactions rolled back in favour of another node's; `None` for a single
    /// server.
    fn conflicts(&self) -> BoxFuture<'_, Option<i64>> {
        Box::pin(std::future::ready(None))
    }
}

/// Opens a bank, with its own server if the backend has one.
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

/// The result of a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    /// The same server runs again.
    Restarted,
    /// A standby has become the primary.
    Promoted,
    /// A standby was down for a while.
    StandbyLost,
}

/// A transfer of money between two accounts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) id: u64,
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) amount: u32,
    /// The body's step that panics.
    pub(super) panic_at: Option<u32>,
}

impl Transfer {
    /// The transfer's statements. They lock the accounts in any order, so that deadlocks occur.
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

    /// A step in the body, which may panic.
    pub(super) fn step(&self, number: usize) {
        let planned = self.panic_at.is_some_and(|at| at as usize == number);
        assert!(!planned, "torture: panic at step {number} of a transfer");
    }
}

/// The tables. Transfers have no key, so a transfer that is written twice exists twice.
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

/// The sum of all balances.
pub(super) const TOTAL: &str = "SELECT CAST(sum(balance) AS bigint) FROM accounts";

/// SQL that counts the rows of a transfer.
pub(super) fn is_there(id: u64) -> String {
    format!("SELECT count(*) AS count FROM transfers WHERE id = {id}")
}

/// SQL that counts accounts whose balance differs from their transfers.
pub(super) fn unbalanced() -> String {
    format!(
        "SELECT count(*) FROM accounts a WHERE balance <> {BALANCE} \
         + (SELECT coalesce(sum(amount), 0) FROM transfers WHERE payee = a.id) \
         - (SELECT coalesce(sum(amount), 0) FROM transfers WHERE payer = a.id)"
    )
}

/// Cuts all connections now, or one at a random later byte.
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

/// The data after a run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Books {
    /// How many times each transfer exists.
    pub(super) transfers: BTreeMap<u64, u64>,
    pub(super) total: i64,
    /// The number of accounts whose balance differs from their transfers.
    pub(super) unbalanced: i64,
    /// The number of other nodes in the cluster whose data differ.
    pub(super) differing: usize,
}

impl Books {
    /// Parses the transfers' numbers, separated by commas.
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

/// The row that [`is_there`] selects.
#[derive(Debug, QueryableByName)]
pub(super) struct There {
    #[diesel(sql_type = BigInt)]
    pub(super) count: i64,
}

/// How a transfer ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Told(Verdict),
    Dropped,
    Panicked,
}
