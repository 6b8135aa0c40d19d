//! Checks the formulas of `docs/scaling.md` for the number of connections against real pools at
//! small scale.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "these are tests"
)]

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use futures_util::future::join_all;
use session_factory::{Factory, Session, with_session};
use session_factory_tests::{PgDb, create_items, items, pg_config};
use testbed::pgbouncer::{PgBouncer, PoolMode};
use testbed::postgres::Database;
use testbed::proxy::{Direction, Proxy};
use tokio::sync::Barrier;

/// The time of a round trip, long enough that a busy machine adds little to it.
const ROUND_TRIP: Duration = Duration::from_millis(40);
const CALLERS: i32 = 32;
const ROUNDS: usize = 4;

#[with_session]
async fn rename(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::update(items::table.find(id))
        .set(items::name.eq("Ada"))
        .execute(db)
        .await
}

async fn database() -> Database {
    let database = testbed::postgres::database().await;
    create_items(&database).await;
    let sql = format!("INSERT INTO items SELECT n, 'Bob' FROM generate_series(1, {CALLERS}) n");
    // A path call, because diesel has a method of this name.
    Database::execute(&database, &sql).await;
    database
}

fn factory(url: &str, connections: u32) -> Factory<PgDb> {
    Factory::new(pg_config(url, |config| {
        config.pool_size = connections;
        config.max_overflow = 0;
        // On a busy machine, a connection may idle long enough between two calls to be pinged.
        config.pool_pre_ping = false;
    }))
}

/// Measurements of calls over a line.
struct Seen {
    /// Round trips of one call, counted by the proxy.
    round_trips: u64,
    /// Calls per second, while there are always more callers than connections.
    per_second: f64,
    /// Connections in use while callers waited: the median of many samples.
    in_use: u32,
}

/// Opens every connection, and makes each prepare the repeated statements. Sequential calls would
/// not do that reliably: a busy machine gives all of them to a few connections.
async fn warm(factory: &Factory<PgDb>, connections: u32) {
    for _ in 0..3 {
        let all_are_out = Barrier::new(connections as usize);
        let all_are_out = &all_are_out;
        let calls = (1..=connections.cast_signed()).map(|id| {
            factory.with_session(async move |db| {
                all_are_out.wait().await;
                rename_in(db, id).await
            })
        });
        for warmed in join_all(calls).await {
            warmed.unwrap();
        }
    }
}

async fn alone_and_saturated(factory: &Factory<PgDb>, proxy: &Proxy) -> Seen {
    let calls = |times: usize| async move {
        let all = (1..=CALLERS).map(|id| async move {
            for _ in 0..times {
                rename(id).await.unwrap();
            }
        });
        join_all(all).await;
    };
    let seen = async {
        // The repeated statements are prepared, and every connection is open.
        calls(3).await;
        proxy.delay(Direction::ToClient, ROUND_TRIP);
        proxy.reset_counts();
        rename(1).await.unwrap();
        let round_trips = proxy.counts().round_trips;
        let started = Instant::now();
        calls(ROUNDS).await;
        let per_second = f64::from(CALLERS) * ROUNDS as f64 / started.elapsed().as_secs_f64();
        (round_trips, per_second)
    };
    let mut looks = Vec::new();
    let look = async {
        loop {
            let status = factory.status();
            if status.waiting > 0 {
                looks.push(status.in_use);
            }
            tokio::time::sleep(ROUND_TRIP / 8).await;
        }
    };
    let (round_trips, per_second) = tokio::select! {
        seen = factory.scope(seen) => seen,
        () = look => unreachable!("it looks until the calls are done"),
    };
    looks.sort_unstable();
    Seen {
        round_trips,
        per_second,
        in_use: looks[looks.len() / 2],
    }
}

/// The greatest number of calls per second: connections / hold.
fn ceiling(connections: u32, round_trips: u64) -> f64 {
    f64::from(connections) / (round_trips as f64 * ROUND_TRIP.as_secs_f64())
}

/// The line allows no more calls than the formula. A busy machine may be slower, which the formula
/// does not cover.
fn assert_within(measured: f64, ceiling: f64) {
    assert!(
        measured <= 1.01 * ceiling,
        "{measured:.1} calls per second; the formula says {ceiling:.1}"
    );
}

#[tokio::test]
async fn a_pool_saturates_at_its_connections_over_the_time_that_a_call_holds_one() {
    let database = database().await;
    for connections in [2, 8] {
        let proxy = Proxy::start(database.endpoint().address());
        let factory = factory(&database.url_via(&proxy), connections);
        warm(&factory, connections).await;
        let seen = alone_and_saturated(&factory, &proxy).await;
        // One round trip for BEGIN with the statement, and one for COMMIT.
        assert_eq!(seen.round_trips, 2);
        assert_within(seen.per_second, ceiling(connections, seen.round_trips));
        // While callers wait, no connection is idle, so by Little's law the ceiling is reached.
        assert_eq!(seen.in_use, connections);
        assert_eq!(factory.status().open, connections);
    }
}

#[tokio::test]
async fn behind_a_pooler_its_connections_to_the_server_are_the_ceiling_whatever_the_pools_have() {
    let database = database().await;
    let proxy = Proxy::start(database.endpoint().address());
    let pooler = PgBouncer::with_pool_size(proxy.address(), PoolMode::Transaction, 3).await;
    let factory = factory(&database.url_at(pooler.address()), 12);
    let seen = alone_and_saturated(&factory, &proxy).await;
    // More than without a pooler, because the statement is prepared each time.
    assert!(seen.round_trips >= 3, "{}", seen.round_trips);
    assert_within(seen.per_second, ceiling(3, seen.round_trips));
    assert!(proxy.counts().most_open <= 3, "{:?}", proxy.counts());
}

#[tokio::test]
async fn what_a_server_has_to_be_is_asked_with_the_rest() {
    let database = database().await;
    let mut asked = Vec::new();
    for query in ["", "?target_session_attrs=read-write"] {
        let proxy = Proxy::start(database.endpoint().address());
        let url = format!("{}{query}", database.url_via(&proxy));
        factory(&url, 1).init().await.unwrap();
        let simple = proxy.counts().queries();
        asked.push(simple);
    }
    // The probe's queries: the server, its start time (not waited for), and `init`'s own query.
    assert_eq!(asked, [3, 3]);
}

/// The probability that a caller waits if `busy` of `connections` are in use on average (Erlang's C
/// formula).
fn waits(connections: u32, busy: f64) -> f64 {
    let mut blocked = 1.0;
    for number in 1..=connections {
        blocked = busy * blocked / (f64::from(number) + busy * blocked);
    }
    let share = busy / f64::from(connections);
    blocked / (1.0 - share + share * blocked)
}

/// The same probability by simulation: calls arrive at random, and hold a connection for a random
/// time.
fn waits_in_a_simulation(connections: usize, busy: f64) -> f64 {
    const CALLS: u32 = 200_000;
    let mut random = fastrand::Rng::with_seed(7);
    let mut exponential = move |mean: f64| -mean * (1.0 - random.f64()).ln();
    let mut free_at = vec![0.0_f64; connections];
    let (mut now, mut waited) = (0.0, 0_u32);
    for _ in 0..CALLS {
        now += exponential(1.0 / busy);
        let first = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
        waited += u32::from(*first > now);
        *first = first.max(now) + exponential(1.0);
    }
    f64::from(waited) / f64::from(CALLS)
}

#[test]
fn the_table_of_waiting_callers_is_erlangs_formula_and_what_a_simulation_finds() {
    let text = include_str!("../../docs/scaling.md");
    let mut rows = 0;
    for connections in [5_u32, 10, 20, 50] {
        let columns = [0.5, 0.7, 0.8, 0.9].map(|share: f64| {
            let busy = share * f64::from(connections);
            let (formula, simulated) = (
                waits(connections, busy),
                waits_in_a_simulation(connections as usize, busy),
            );
            assert!(
                (formula - simulated).abs() < 0.03,
                "{connections} at {share}: {formula} and {simulated}"
            );
            format!("{:.0} %", 100.0 * formula)
        });
        let row = format!("| {connections} | {} |", columns.join(" | "));
        assert!(text.contains(&row), "docs/scaling.md: {row}");
        rows += 1;
    }
    assert_eq!(rows, 4);
}
