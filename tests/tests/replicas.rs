//! `replica_url`: read-only sessions use the standby, unless it lags behind or fails; then they use
//! the primary.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::time::{Duration, Instant};

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection as _};
use session_factory::{CommitToken, Factory, ReplicaPolicy, Session, SessionError, with_session};
use session_factory_tests::{AppError, PgDb, PgDbConfig, create_items, items, pg_config};
use testbed::postgres::{Admin, Database, Replicated, Server};
use testbed::proxy::{Direction, Proxy};

const SOON: Duration = testbed::PATIENCE;

/// A factory on a set's primary, with the asynchronous standby as its replica.
struct Bed {
    set: Replicated,
    database: Database,
    factory: Factory<PgDb>,
    /// The proxy in front of the replica.
    proxy: Proxy,
}

impl Bed {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut PgDbConfig)) -> Self {
        let set = Replicated::start().await;
        let database = set.database().await;
        create_items(&database).await;
        set.caught_up().await;
        let proxy = Proxy::start(set.asynchronous().address());
        let factory = Factory::new(pg_config(&database.url(), |config| {
            config.replica_url = Some(database.url_via(&proxy).into());
            change(config);
        }));
        Self {
            set,
            database,
            factory,
            proxy,
        }
    }

    fn standby(&self) -> Server {
        self.set.asynchronous()
    }

    /// An administrator of the standby.
    fn at_standby(&self) -> Admin {
        self.standby().endpoint().admin_of(self.database.name())
    }

    fn replica(&self) -> session_factory::ReplicaStatus {
        self.factory.status().replica.unwrap()
    }

    /// Runs a future in the factory's scope.
    async fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.factory.scope(work).await
    }

    async fn usable(&self) {
        testbed::eventually(SOON, "the replica is read again", async || {
            self.replica().usable
        })
        .await;
    }
}

/// True if the answering server is a standby.
async fn is_standby(db: &mut Session<PgDb>) -> QueryResult<bool> {
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Bool>(
        "pg_is_in_recovery()",
    ))
    .get_result(db)
    .await
}

#[with_session]
async fn add(db: &mut Session<PgDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("Ada")))
        .execute(db)
        .await
}

/// The number of rows, and true if a standby answered.
#[with_session(read_only)]
async fn count(db: &mut Session<PgDb>) -> QueryResult<(i64, bool)> {
    let count = items::table.count().get_result(db).await?;
    Ok((count, is_standby(db).await?))
}

#[with_session(read_only, replica = "any")]
async fn count_anywhere(db: &mut Session<PgDb>) -> QueryResult<(i64, bool)> {
    count_in(db).await
}

#[with_session(read_only, replica = "never")]
async fn count_on_the_primary(db: &mut Session<PgDb>) -> QueryResult<(i64, bool)> {
    count_in(db).await
}

#[with_session(read_only, isolation = "serializable")]
async fn count_serializable(db: &mut Session<PgDb>) -> QueryResult<(i64, bool)> {
    count_in(db).await
}

#[tokio::test]
async fn what_only_reads_reaches_the_standby_and_what_may_write_never_does() {
    let bed = Bed::new().await;
    bed.run(async {
        for id in 1..=20 {
            add(id).await.unwrap();
            assert!(count_anywhere().await.unwrap().1);
        }
    })
    .await;
    let activity = bed.at_standby().activity().await;
    assert!(!activity.is_empty(), "the standby's own pg_stat_activity");
    assert!(activity.iter().all(|backend| backend.user == "app"));
    // Every statement that reached the standby, prepared or run, in order.
    let statements = bed.proxy.statements();
    assert!(
        statements
            .iter()
            .any(|sent| sent.sql.contains("count(*)") || sent.sql.contains("COUNT(*)"))
    );
    let writes = |sql: &str| sql.to_uppercase().contains("INSERT");
    assert!(
        !statements.iter().any(|sent| writes(&sent.sql)),
        "{statements:?}"
    );
    // In addition to the transaction that sets a connection up.
    let begins = statements
        .iter()
        .filter(|sent| sent.sql.starts_with("BEGIN") && !sent.sql.contains("pg_backend_pid"));
    assert!(begins.clone().count() >= 20);
    assert!(
        begins
            .clone()
            .all(|sent| sent.sql.starts_with("BEGIN READ ONLY"))
    );
    assert_eq!(bed.set.primary().admin().integer("SELECT 1").await, 1);
    assert_eq!((bed.replica().reads, bed.replica().fallbacks), (20, 0));
}

#[tokio::test]
async fn a_session_by_hand_and_a_function_without_read_only_use_the_primary() {
    let bed = Bed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    assert!(!is_standby(&mut db).await.unwrap());
    db.close().await.unwrap();
    let on_standby = bed
        .factory
        .with_session(async |db| is_standby(db).await)
        .await;
    assert!(!on_standby.unwrap());
    assert_eq!(bed.proxy.counts().opened, 0);
}

#[tokio::test]
async fn the_policy_says_where_a_function_reads() {
    let bed = Bed::new().await;
    bed.run(async {
        assert_eq!(count().await.unwrap(), (0, true));
        assert_eq!(count_anywhere().await.unwrap(), (0, true));
        assert_eq!(count_on_the_primary().await.unwrap(), (0, false));
        // Standbys do not support serializable transactions.
        assert_eq!(count_serializable().await.unwrap(), (0, false));
    })
    .await;
    for (policy, expected) in [
        (ReplicaPolicy::Any, true),
        (ReplicaPolicy::CaughtUp, true),
        (ReplicaPolicy::Never, false),
    ] {
        let session = bed.factory.session().read_only().replica(policy);
        let read = session.run(async |db| is_standby(db).await).await;
        assert_eq!(read.unwrap(), expected, "{policy:?}");
    }
    assert_eq!(
        bed.replica().fallbacks,
        0,
        "what never goes there is no fallback"
    );
}

#[tokio::test]
async fn a_write_in_a_read_only_function_is_refused_on_the_replica_as_on_the_primary() {
    let bed = Bed::new().await;
    let session = bed.factory.session().read_only();
    let refused: Result<usize, AppError> = session.run(async |db| Ok(add_in(db, 1).await?)).await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("read-only transaction")
    );
    assert_eq!(bed.database.integer("SELECT count(*) FROM items").await, 0);
    // The connection stays usable.
    bed.run(async { assert_eq!(count().await.unwrap(), (0, true)) })
        .await;
}

#[tokio::test]
async fn caught_up_never_reads_the_past_while_replay_is_paused() {
    let bed = Bed::new().await;
    bed.run(async {
        add(1).await.unwrap();
        bed.set.caught_up().await;
        bed.standby().pause_replay().await;
        let mut stale = 0;
        for id in 2..=30 {
            add(id).await.unwrap();
            let (seen, _) = count().await.unwrap();
            stale += i32::from(seen != i64::from(id));
        }
        assert_eq!(stale, 0);
        assert_eq!(
            count_anywhere().await.unwrap(),
            (1, true),
            "the past, as asked for"
        );
        assert!(!bed.replica().usable);
        assert!(bed.replica().fallbacks >= 29);

        bed.standby().resume_replay().await;
        bed.usable().await;
        assert_eq!(count().await.unwrap(), (30, true));
    })
    .await;
}

#[tokio::test]
async fn caught_up_waits_for_a_replica_that_is_just_behind() {
    let bed = Bed::new().await;
    bed.run(async {
        for id in 1..=50 {
            add(id).await.unwrap();
            let (seen, _) = count().await.unwrap();
            assert_eq!(seen, i64::from(id));
        }
    })
    .await;
    assert!(bed.replica().reads > 0, "{:?}", bed.replica());
}

#[tokio::test]
async fn where_nothing_was_committed_the_replica_is_asked_for_nothing() {
    let bed = Bed::new().await;
    bed.run(async {
        count().await.unwrap();
        bed.proxy.reset_counts();
        let before = bed.proxy.sql().len();
        count().await.unwrap();
        let sent = bed.proxy.sql().split_off(before);
        assert!(!sent.iter().any(|sql| sql.contains("replay")), "{sent:?}");
    })
    .await;
}

#[tokio::test]
async fn commit_tells_where_it_is_in_the_same_round_trip() {
    let bed = Bed::new().await;
    let to_primary = Proxy::start(bed.set.primary().address());
    let plain = Factory::<PgDb>::new(pg_config(&bed.database.url_via(&to_primary), |_| {}));
    let telling = Factory::<PgDb>::new(pg_config(&bed.database.url_via(&to_primary), |config| {
        config.replica_url = Some(bed.database.url_via(&bed.proxy).into());
    }));
    let mut trips = Vec::new();
    for (factory, id) in [(&plain, 10), (&telling, 20)] {
        factory
            .scope(async {
                // The first call prepares the statement.
                add(id).await.unwrap();
                // Requests sent before a delayed answer arrives belong to one round trip.
                to_primary.delay(Direction::ToClient, Duration::from_millis(80));
                to_primary.reset_counts();
                add(id + 1).await.unwrap();
            })
            .await;
        trips.push(to_primary.counts().round_trips);
    }
    assert_eq!(trips, [2, 2]);
    assert_eq!(plain.commit_token(), None);
    assert!(telling.commit_token().is_some());
}

#[tokio::test]
async fn a_commit_behind_the_last_statement_is_known_when_it_returns() {
    let bed = Bed::new().await;
    bed.standby().pause_replay().await;
    bed.run(async {
        for id in 1..=3 {
            let before = bed.factory.commit_token();
            let alone = bed.factory.with_session(async |db| {
                let last = diesel::insert_into(items::table)
                    .values((items::id.eq(id), items::name.eq("last")));
                db.commit_with(last).await
            });
            assert_eq!(alone.await.unwrap(), 1);
            let after = bed.factory.commit_token();
            assert_ne!(after, before);
            assert_eq!(count().await.unwrap(), (i64::from(id), false));
        }
    })
    .await;
}

#[tokio::test]
async fn a_token_has_a_reader_elsewhere_see_the_commit() {
    let bed = Bed::new().await;
    let elsewhere = Factory::<PgDb>::new(pg_config(&bed.database.url(), |config| {
        config.replica_url = Some(bed.database.url_via(&bed.proxy).into());
    }));
    bed.standby().pause_replay().await;
    bed.run(async { add(1).await.unwrap() }).await;
    let token = bed.factory.commit_token().unwrap();
    // The token as text, as it travels between services.
    let token: CommitToken = token.to_string().parse().unwrap();
    elsewhere
        .scope(async {
            assert_eq!(count().await.unwrap(), (0, true), "it knows of no commit");
            let followed = elsewhere.following(token, async { count().await.unwrap() });
            assert_eq!(followed.await, (1, false));
            assert!(
                elsewhere.status().replica.unwrap().usable,
                "a token proves nothing about the replica"
            );
            assert_eq!(count().await.unwrap(), (0, true));
        })
        .await;
    let session = elsewhere.session().read_only().after(token);
    let seen = session.run(async |db| count_in(db).await).await;
    assert_eq!(seen.unwrap(), (1, false));

    bed.standby().resume_replay().await;
    bed.set.caught_up().await;
    let session = elsewhere.session().read_only().after(token);
    let seen = session.run(async |db| count_in(db).await).await;
    assert_eq!(seen.unwrap(), (1, true));
}

#[tokio::test]
async fn a_commit_of_the_bodys_own_is_followed_too() {
    let bed = Bed::new().await;
    bed.standby().pause_replay().await;
    let by_itself = bed.factory.with_session(async |db| {
        add_in(db, 1).await?;
        db.batch_execute("COMMIT").await
    });
    by_itself.await.unwrap();
    bed.run(async {
        assert_eq!(bed.factory.commit_token(), None, "nobody knows where it is");
        assert_eq!(count().await.unwrap(), (1, false));
        // A read on the primary makes the log position known again, when its COMMIT is answered,
        // which is after the call has returned.
        testbed::eventually(SOON, "it is known again", async || {
            bed.factory.commit_token().is_some()
        })
        .await;
        assert_eq!(count().await.unwrap(), (1, false));
        bed.standby().resume_replay().await;
        bed.usable().await;
        assert_eq!(count().await.unwrap(), (1, true));
    })
    .await;
}

#[tokio::test]
async fn after_a_commit_whose_outcome_is_unknown_the_primary_is_read() {
    let bed = Bed::new().await;
    let to_primary = Proxy::start(bed.set.primary().address());
    let factory = Factory::<PgDb>::new(pg_config(&bed.database.url_via(&to_primary), |config| {
        config.replica_url = Some(bed.database.url_via(&bed.proxy).into());
    }));
    bed.standby().pause_replay().await;
    let lost = factory.with_session(async |db| {
        add_in(db, 1).await?;
        to_primary.hold(Direction::ToClient);
        let watcher = bed.database.admin();
        let cut = async {
            testbed::eventually(SOON, "it is committed", async || {
                watcher.integer("SELECT count(*) FROM items").await == 1
            })
            .await;
            to_primary.sever(testbed::proxy::Action::Reset).await;
        };
        let (committed, ()) = tokio::join!(db.commit(), cut);
        committed
    });
    assert!(matches!(lost.await, Err(SessionError::CommitUnknown(_))));
    to_primary.resume().await;
    factory
        .scope(async {
            // The error advises to look for the effect; an outdated standby must not answer that.
            assert_eq!(count().await.unwrap(), (1, false));
            assert_eq!(count().await.unwrap(), (1, false));
        })
        .await;
}

#[tokio::test]
async fn a_dead_replica_is_replaced_by_the_primary_at_once_and_read_again_when_it_is_back() {
    let bed = Bed::new().await;
    bed.run(async {
        add(1).await.unwrap();
        bed.set.caught_up().await;
        assert_eq!(count().await.unwrap(), (1, true));
        let standby = bed.standby();
        standby.kill().await;
        bed.proxy.refuse().await;
        testbed::eventually(SOON, "no connection is left", async || {
            bed.proxy.counts().open == 0
        })
        .await;
        let started = Instant::now();
        for _ in 0..20 {
            assert_eq!(count().await.unwrap(), (1, false));
        }
        assert!(
            started.elapsed() < Duration::from_secs(5),
            "{:?}",
            started.elapsed()
        );
        let status = bed.replica();
        assert!(!status.usable && status.fallbacks == 20, "{status:?}");

        standby.start_again().await;
        bed.proxy.resume().await;
        bed.usable().await;
        assert_eq!(count().await.unwrap(), (1, true));
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_has_gone_silent_costs_one_call_a_second_and_the_others_nothing() {
    let bed = Bed::new().await;
    bed.run(async {
        assert_eq!(count().await.unwrap(), (0, true));
        bed.proxy.stall();
        // Makes the pool doubt its idle connection.
        add(1).await.unwrap();
        let started = Instant::now();
        for _ in 0..20 {
            assert_eq!(count().await.unwrap(), (1, false));
        }
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
        bed.proxy.resume().await;
        bed.usable().await;
        assert_eq!(count().await.unwrap(), (1, true));
    })
    .await;
}

#[tokio::test]
async fn a_replica_that_is_down_at_the_start_keeps_nobody_from_starting_and_a_wrong_one_does() {
    let set = Replicated::start().await;
    let database = set.database().await;
    let proxy = Proxy::start(set.asynchronous().address());
    proxy.refuse().await;
    let factory = Factory::<PgDb>::new(pg_config(&database.url(), |config| {
        config.replica_url = Some(database.url_via(&proxy).into());
    }));
    factory.init().await.unwrap();
    assert!(!factory.status().replica.unwrap().usable);

    let wrong = format!("postgres://app@{}/not_there", set.asynchronous().address());
    let factory = Factory::<PgDb>::new(pg_config(&database.url(), |config| {
        config.replica_url = Some(wrong.into());
    }));
    let error = factory.init().await.unwrap_err().to_string();
    assert!(error.contains("DATABASE_REPLICA_URL"), "{error}");
}

#[tokio::test]
async fn shutdown_closes_the_connections_to_the_replica_too() {
    let bed = Bed::new().await;
    bed.run(async { count().await.unwrap() }).await;
    assert_eq!(bed.at_standby().connections().await, 1);
    assert!(
        bed.factory
            .shutdown(Duration::from_secs(5))
            .await
            .is_clean()
    );
    let admin = bed.at_standby();
    testbed::eventually(SOON, "the standby has no client", async || {
        admin.connections().await == 0
    })
    .await;
    bed.run(async {
        assert!(count().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn dropped_at_whatever_poll_a_read_leaves_the_replicas_connections_clean() {
    let bed = Bed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
    .await;
    bed.run(async {
        for polls in 1..40 {
            add(polls).await.unwrap();
            let dropped = testbed::polls::drop_at(usize::try_from(polls).unwrap(), count()).await;
            if let Some(finished) = dropped {
                assert_eq!(finished.unwrap().0, i64::from(polls));
            }
            let (seen, _) = count().await.unwrap();
            assert_eq!(seen, i64::from(polls));
        }
    })
    .await;
}
