//! The process whose instructions callgrind counts: one unit of work after another, on one thread.

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, RunQueryDsl};
use session_factory::{Session, with_session};

use crate::systems::{BenchDb, factory};

const CONNECTIONS: u32 = 10;

diesel::table! {
    counters (id) {
        id -> Integer,
        n -> Integer,
    }
}

/// Arguments of the counted process.
#[derive(Clone, Debug, Args)]
pub(crate) struct Counted {
    #[arg(long, hide = true)]
    code: Option<Code>,
    #[arg(long, hide = true)]
    case: Option<Case>,
    #[arg(long, hide = true, default_value_t = 0)]
    times: u32,
    #[arg(long, hide = true)]
    url: Option<String>,
}

/// The code to count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Code {
    /// diesel-async + bb8 by hand, without a ping when a connection is borrowed.
    WithoutPing,
    /// diesel-async + bb8 with the default ping.
    WithPing,
    /// diesel-async + bb8 with neither ping nor transaction: a connection is borrowed and returned.
    WithoutTransaction,
    SessionFactory,
}

impl Code {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WithoutPing => "diesel-async + bb8, no ping",
            Self::WithPing => "diesel-async + bb8",
            Self::WithoutTransaction => "bb8 alone, no ping",
            Self::SessionFactory => "session-factory",
        }
    }

    /// The code's name on the command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::WithoutPing => "without-ping",
            Self::WithPing => "with-ping",
            Self::WithoutTransaction => "without-transaction",
            Self::SessionFactory => "session-factory",
        }
    }
}

/// What one unit does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Case {
    /// A unit without a statement.
    Empty,
    /// One SELECT, which diesel keeps prepared.
    Read,
    /// One UPDATE, which diesel prepares each time.
    Write,
}

impl Case {
    pub(crate) const ALL: [Self; 3] = [Self::Empty, Self::Read, Self::Write];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Read => "one SELECT",
            Self::Write => "one UPDATE",
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Read => "read",
            Self::Write => "write",
        }
    }

    /// The codes to compare in this case. The others are compared with the first.
    pub(crate) fn codes(self) -> &'static [Code] {
        match self {
            Self::Empty => &[
                Code::WithoutPing,
                Code::WithPing,
                Code::WithoutTransaction,
                Code::SessionFactory,
            ],
            _ => &[Code::WithoutPing, Code::WithPing, Code::SessionFactory],
        }
    }
}

/// Runs the units on a single-threaded runtime.
pub(crate) fn run(counted: &Counted) -> Result<()> {
    let (Some(code), Some(case), Some(url)) = (counted.code, counted.case, &counted.url) else {
        anyhow::bail!("`counted` is started by `overhead`");
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match code {
            Code::SessionFactory => ours(case, url, counted.times).await,
            by_hand => with_bb8(by_hand, case, url, counted.times).await,
        }
    })
}

#[with_session]
async fn nothing(db: &mut Session<BenchDb>) -> QueryResult<()> {
    let _unused = db;
    Ok(())
}

#[with_session]
async fn add(db: &mut Session<BenchDb>, row: i32) -> QueryResult<usize> {
    diesel::update(counters::table.find(row))
        .set(counters::n.eq(counters::n + 1))
        .execute(db)
        .await
}

#[with_session]
async fn look(db: &mut Session<BenchDb>, row: i32) -> QueryResult<i32> {
    let look = counters::table.find(row).select(counters::n);
    look.get_result(db).await
}

async fn ours(case: Case, url: &str, times: u32) -> Result<()> {
    factory(url, CONNECTIONS)?.set_global()?;
    BenchDb::init().await?;
    for _ in 0..times {
        match case {
            Case::Empty => nothing().await?,
            Case::Read => assert!(look(1).await? >= 0),
            Case::Write => assert_eq!(add(1).await?, 1),
        }
    }
    let report = BenchDb::shutdown(std::time::Duration::from_secs(60)).await;
    ensure!(report.remaining == 0, "a session is left: {report:?}");
    Ok(())
}

type Pool = bb8::Pool<AsyncPgConnection>;

async fn nothing_by_hand(pool: &Pool) -> Result<()> {
    let mut connection = pool.get().await?;
    connection
        .transaction(async |_db| QueryResult::Ok(()))
        .await?;
    Ok(())
}

async fn add_by_hand(pool: &Pool, row: i32) -> Result<usize> {
    let mut connection = pool.get().await?;
    let changed = connection
        .transaction(async |db| {
            diesel::update(counters::table.find(row))
                .set(counters::n.eq(counters::n + 1))
                .execute(db)
                .await
        })
        .await?;
    Ok(changed)
}

async fn look_by_hand(pool: &Pool, row: i32) -> Result<i32> {
    let mut connection = pool.get().await?;
    let seen = connection
        .transaction(async |db| {
            let look = counters::table.find(row).select(counters::n);
            look.get_result(db).await
        })
        .await?;
    Ok(seen)
}

async fn with_bb8(code: Code, case: Case, url: &str, times: u32) -> Result<()> {
    let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(url);
    let pool: Pool = bb8::Pool::builder()
        .max_size(CONNECTIONS)
        .test_on_check_out(code == Code::WithPing)
        .build(manager)
        .await?;
    for _ in 0..times {
        match (case, code) {
            (Case::Empty, Code::WithoutTransaction) => drop(pool.get().await?),
            (Case::Empty, _) => nothing_by_hand(&pool).await?,
            (Case::Read, _) => assert!(look_by_hand(&pool, 1).await? >= 0),
            (Case::Write, _) => assert_eq!(add_by_hand(&pool, 1).await?, 1),
        }
    }
    Ok(())
}
