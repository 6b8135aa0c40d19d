//! Tests that `tests/testing.rs` builds and runs, in processes whose environment names the server. Some of them fail, as
//! they should.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use diesel_migrations::{EmbeddedMigrations, embed_migrations};
use session_factory::observe::Outcome;
use session_factory::{
    ConnectErrorKind, Factory, Fault, Kept, Session, SessionError, Test, session_factory,
    with_session,
};

session_factory! { pub struct TestPg(Postgres) { prefix = "PG_" } }
session_factory! { pub struct TestMy(Mysql) { prefix = "MY_" } }
session_factory! { pub struct TestLite(Sqlite) { prefix = "LITE_" } }

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("fixtures/testing/migrations");

diesel::table! {
    items (id) {
        id -> Integer,
        name -> Text,
    }
}

/// One test for each number that it is given.
macro_rules! tests_of_one_value {
    ($db:ident: $($name:ident)*) => {
        $(
            #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
            async fn $name(db: Test<$db>) -> Result<(), SessionError> {
                only_one(db).await
            }
        )*
    };
}

macro_rules! suite {
    ($backend:ident, $db:ident) => {
        mod $backend {
            use super::*;

            #[with_session]
            async fn insert(db: &mut Session<$db>, id: i32, name: &str) -> QueryResult<usize> {
                diesel::insert_into(items::table)
                    .values((items::id.eq(id), items::name.eq(name)))
                    .execute(db)
                    .await
            }

            #[with_session(detach)]
            async fn insert_detached(db: &mut Session<$db>, id: i32) -> QueryResult<usize> {
                insert_in(db, id, &format!("detached {id}")).await
            }

            #[with_session]
            async fn insert_and_then(db: &mut Session<$db>, id: i32) -> QueryResult<()> {
                insert_in(db, id, "first").await?;
                db.after_commit(async move {
                    insert(id + 1, "hook").await.unwrap();
                });
                Ok(())
            }

            static HANGING: tokio::sync::Notify = tokio::sync::Notify::const_new();

            #[with_session]
            async fn insert_and_hang(db: &mut Session<$db>, id: i32) -> QueryResult<()> {
                insert_in(db, id, "never").await?;
                db.after_rollback(async move {
                    insert(id, "orphan").await.unwrap();
                });
                HANGING.notify_one();
                std::future::pending().await
            }

            #[with_session(read_only)]
            async fn count(db: &mut Session<$db>) -> QueryResult<i64> {
                items::table.count().get_result(db).await
            }

            async fn names(db: &Test<$db>) -> Vec<String> {
                let names = db.look(async |s| items::table.order(items::id).select(items::name).load(s).await);
                let names: QueryResult<_> = names.await;
                names.unwrap()
            }

            async fn only_one(db: Test<$db>) -> Result<(), SessionError> {
                assert_eq!(count().await?, 0);
                insert(1, "the same in each").await?;
                tokio::time::sleep(Duration::from_millis(2)).await;
                assert_eq!(names(&db).await, ["the same in each"]);
                Ok(())
            }

            async fn one_row(db: &mut Session<$db>) -> QueryResult<()> {
                insert_in(db, 100, "of the fixture").await?;
                Ok(())
            }

            async fn one_row_more(_db: &mut Session<$db>) -> QueryResult<()> {
                // Not in the fixture's session: its own finds the database all the same.
                insert(101, "of a function that a fixture calls").await?;
                Ok(())
            }

            mod same_value {
                use super::*;
                tests_of_one_value! { $db:
                    a00 a01 a02 a03 a04 a05 a06 a07 a08 a09 a10 a11 a12 a13 a14 a15 a16 a17 a18 a19
                    b00 b01 b02 b03 b04 b05 b06 b07 b08 b09 b10 b11 b12 b13 b14 b15 b16 b17 b18 b19
                    c00 c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19
                    d00 d01 d02 d03 d04 d05 d06 d07 d08 d09 d10 d11 d12 d13 d14 d15 d16 d17 d18 d19
                    e00 e01 e02 e03 e04 e05 e06 e07 e08 e09 e10 e11 e12 e13 e14 e15 e16 e17 e18 e19
                    f00 f01 f02 f03 f04 f05 f06 f07 f08 f09 f10 f11 f12 f13 f14 f15 f16 f17 f18 f19
                    g00 g01 g02 g03 g04 g05 g06 g07 g08 g09 g10 g11 g12 g13 g14 g15 g16 g17 g18 g19
                    h00 h01 h02 h03 h04 h05 h06 h07 h08 h09 h10 h11 h12 h13 h14 h15 h16 h17 h18 h19
                    i00 i01 i02 i03 i04 i05 i06 i07 i08 i09 i10 i11 i12 i13 i14 i15 i16 i17 i18 i19
                    j00 j01 j02 j03 j04 j05 j06 j07 j08 j09 j10 j11 j12 j13 j14 j15 j16 j17 j18 j19
                }
            }

            mod belongs {
                use super::*;

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn what_is_spawned(db: Test<$db>) {
                    tokio::spawn(insert(1, "spawned")).await.unwrap().unwrap();
                    let mut tasks = tokio::task::JoinSet::new();
                    tasks.spawn(insert(2, "in a set"));
                    tasks.join_all().await.into_iter().for_each(|inserted| {
                        inserted.unwrap();
                    });
                    let handle = tokio::runtime::Handle::current();
                    tokio::task::spawn_blocking(move || handle.block_on(insert(3, "from a blocking thread")))
                        .await
                        .unwrap()
                        .unwrap();
                    insert_detached(4).await.unwrap();
                    assert_eq!(
                        names(&db).await,
                        ["spawned", "in a set", "from a blocking thread", "detached 4"]
                    );
                }

                #[session_factory::test($db, fresh, runtime = "multi_thread", workers = 2, fixtures = ["fixtures/testing/items.sql"])]
                async fn what_runs_on_the_workers(db: Test<$db>, factory: Factory<$db>) {
                    for id in 0..20 {
                        tokio::spawn(async move { insert(id, &format!("{id}")).await }).await.unwrap().unwrap();
                    }
                    assert_eq!(names(&db).await.len(), 20);
                    assert_eq!(factory.status().in_use, 0);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_web_server(db: Test<$db>) {
                    use tokio::io::{AsyncReadExt, AsyncWriteExt};
                    let insert = |axum::extract::Path(id): axum::extract::Path<i32>| async move {
                        let inserted = insert(id, "over HTTP").await;
                        inserted.map(drop).map_err(|error| error.to_string())
                    };
                    let app = axum::Router::new().route("/{id}", axum::routing::get(insert));
                    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let address = listener.local_addr().unwrap();
                    tokio::spawn(async move { axum::serve(listener, app).await });
                    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
                    let request = b"GET /5 HTTP/1.1\r\nhost: here\r\nconnection: close\r\n\r\n";
                    client.write_all(request).await.unwrap();
                    let mut answer = String::new();
                    client.read_to_string(&mut answer).await.unwrap();
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    assert_eq!(names(&db).await, ["over HTTP"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn hooks(db: Test<$db>) {
                    insert_and_then(1).await.unwrap();
                    assert_eq!(names(&db).await, ["first", "hook"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn hooks_of_a_dropped_call(db: Test<$db>) {
                    let call = tokio::spawn(insert_and_hang(1));
                    HANGING.notified().await;
                    call.abort();
                    testbed::eventually(testbed::PATIENCE, "the hook ran", || async {
                        names(&db).await == ["orphan"]
                    })
                    .await;
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn another_runtime_in_the_scope_of_its_handle(db: Test<$db>) {
                    let handle = db.handle();
                    let elsewhere = std::thread::spawn(move || {
                        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                        // Without the scope it is the global factory, which is not configured here.
                        let outside = runtime.block_on(insert(1, "outside")).unwrap_err();
                        runtime.block_on(handle.scope(insert(2, "inside"))).unwrap();
                        outside.to_string()
                    });
                    let outside = elsewhere.join().unwrap();
                    assert!(outside.contains("the configuration of `") && outside.contains("DATABASE_URL is not set"), "{outside}");
                    assert_eq!(names(&db).await, ["inside"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql", one_row, one_row_more])]
                async fn what_fixtures_have_made(db: Test<$db>) {
                    assert_eq!(names(&db).await, ["of the fixture", "of a function that a fixture calls"]);
                }

                #[session_factory::test($db, fresh, start_paused, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_clock_that_stands_still(db: Test<$db>) {
                    let started = std::time::Instant::now();
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    insert(1, "after an hour").await.unwrap();
                    assert_eq!(names(&db).await, ["after an hour"]);
                    assert!(started.elapsed() < Duration::from_secs(600));
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn sessions_that_end_a_little_later() {
                    static ENDED: AtomicUsize = AtomicUsize::new(0);
                    let (opened, is_open) = tokio::sync::oneshot::channel();
                    tokio::spawn(async move {
                        let mut session = $db::create_session().await.unwrap();
                        insert_in(&mut session, 1, "late").await.unwrap();
                        opened.send(()).unwrap();
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        session.commit().await.unwrap();
                        ENDED.fetch_add(1, Ordering::SeqCst);
                    });
                    is_open.await.unwrap();
                }

                #[session_factory::test($db, fresh)]
                #[should_panic(expected = "as it should")]
                async fn a_panic_that_is_expected() {
                    panic!("as it should");
                }
            }

            mod fails {
                use super::*;

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn with_err() -> Result<(), SessionError> {
                    insert(7, "left behind").await?;
                    insert(7, "twice").await?;
                    Ok(())
                }

                #[session_factory::test($db, fresh)]
                async fn with_a_panic() {
                    panic!("the body's words");
                }

                #[session_factory::test($db, fresh)]
                #[should_panic(expected = "something else")]
                async fn with_another_panic() {
                    panic!("the body's words");
                }

                #[session_factory::test($db, fresh, within = "50ms", fixtures = ["fixtures/testing/items.sql"])]
                async fn with_a_stray() {
                    let (opened, is_open) = tokio::sync::oneshot::channel();
                    tokio::spawn(async move {
                        let session = $db::create_session().await.unwrap();
                        opened.send(()).unwrap();
                        std::future::pending::<()>().await;
                        drop(session);
                    });
                    is_open.await.unwrap();
                }

                #[session_factory::test($db, fresh, fixtures = [fails_itself])]
                async fn with_a_fixture() {}

                async fn fails_itself(_db: &mut Session<$db>) -> Result<(), SessionError> {
                    Err(SessionError::Closed)
                }
            }

            mod every_await {
                use super::*;

                #[with_session]
                async fn insert_both(db: &mut Session<$db>) -> QueryResult<()> {
                    insert_in(db, 2, "one half").await?;
                    insert_in(db, 3, "the other").await?;
                    Ok(())
                }

                async fn insert_each() -> QueryResult<()> {
                    insert(2, "one half").await?;
                    insert(3, "the other").await?;
                    Ok(())
                }

                async fn seen(db: &mut Session<$db>) -> QueryResult<Vec<String>> {
                    items::table.order(items::id).select(items::name).load(db).await
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn an_annotated_call_is_all_or_nothing(db: Test<$db>) {
                    insert(1, "arranged").await.unwrap();
                    let polls = db.at_every_await(insert_both).assert_all_or_nothing(async |s| seen(s).await).await;
                    assert!(polls.dropped >= 2, "{polls:?}");
                    // The copies have gone, and the test's own database was not used.
                    assert_eq!(names(&db).await, ["arranged"]);
                    insert_both().await.unwrap();
                    assert_eq!(names(&db).await, ["arranged", "one half", "the other"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                #[should_panic(expected = "has left a part of its work:\n  nothing:    []\n  this part:  [\"one half\"]\n")]
                async fn two_commits_are_found(db: Test<$db>) {
                    db.at_every_await(insert_each).assert_all_or_nothing(async |s| seen(s).await).await;
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                #[should_panic(expected = "it cannot tell all from nothing: 0")]
                async fn a_snapshot_that_sees_nothing_is_refused(db: Test<$db>) {
                    let nothing = async |_: &mut Session<$db>| Ok::<_, SessionError>(0);
                    db.at_every_await(insert_both).assert_all_or_nothing(nothing).await;
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                #[should_panic(expected = "the whole call, which nobody dropped, failed: ")]
                async fn a_call_that_fails_is_refused(db: Test<$db>) {
                    insert(2, "in its way").await.unwrap();
                    db.at_every_await(insert_both).assert_all_or_nothing(async |s| seen(s).await).await;
                }
            }

            mod faults {
                use super::*;

                #[with_session(retry = 5)]
                async fn insert_with_retry(db: &mut Session<$db>, id: i32) -> Result<(), SessionError> {
                    let attempt = db.attempt();
                    insert_in(db, id, &format!("at attempt {attempt}")).await?;
                    Ok(())
                }

                #[with_session]
                async fn insert_truthfully(db: &mut Session<$db>, id: i32) -> Result<(), SessionError> {
                    insert_in(db, id, &format!("truthfully {id}")).await?;
                    Ok(())
                }

                #[with_session(timeout = "300ms")]
                async fn insert_in_time(db: &mut Session<$db>, id: i32) -> Result<(), SessionError> {
                    insert_in(db, id, &format!("in time {id}")).await?;
                    Ok(())
                }

                #[with_session]
                async fn insert_last(db: &mut Session<$db>, id: i32) -> Result<(), SessionError> {
                    let row = (items::id.eq(id), items::name.eq("last"));
                    db.commit_with(diesel::insert_into(items::table).values(row)).await?;
                    Ok(())
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn conflicts_are_repeated_by_retry(db: Test<$db>) {
                    db.fault(Fault::conflict().times(2).on("insert_with_retry"));
                    insert_truthfully(1).await.unwrap();
                    insert_with_retry(2).await.unwrap();
                    assert_eq!(names(&db).await, ["truthfully 1", "at attempt 3"]);
                    let units = db.units();
                    let unit = units.of("insert_with_retry").next().unwrap();
                    assert_eq!((unit.attempts, unit.statements, unit.outcome), (3, 3, Outcome::Committed));
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_conflict_at_commit_is_a_refused_commit(db: Test<$db>) {
                    for call in 0..3 {
                        db.fault(Fault::conflict());
                        let error = match call {
                            0 => insert_truthfully(1).await.unwrap_err(),
                            1 => insert_in_time(1).await.unwrap_err(),
                            _ => insert_last(1).await.unwrap_err(),
                        };
                        assert!(matches!(error, SessionError::Commit(_)), "{error:?}");
                        assert!(error.is_transient(), "{error:?}");
                        assert_eq!(names(&db).await, [""; 0]);
                    }
                    assert_eq!(db.units().rolled_back("insert_truthfully"), 1);
                    insert_last(1).await.unwrap();
                    assert_eq!(names(&db).await, ["last"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_lost_answer_is_unknown_and_the_work_is_there_or_not(db: Test<$db>) {
                    db.fault(Fault::commit_unknown(Kept::Yes));
                    let error = insert_with_retry(1).await.unwrap_err();
                    assert!(matches!(error, SessionError::CommitUnknown(_)), "{error:?}");
                    assert_eq!(names(&db).await, ["at attempt 1"]);
                    db.fault(Fault::commit_unknown(Kept::No));
                    let error = insert_truthfully(2).await.unwrap_err();
                    assert!(matches!(error, SessionError::CommitUnknown(_)), "{error:?}");
                    assert_eq!(names(&db).await, ["at attempt 1"]);
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_refused_connection_has_its_kind(db: Test<$db>) {
                    db.fault(Fault::refused(ConnectErrorKind::TooManyConnections));
                    let error = insert_truthfully(1).await.unwrap_err();
                    let SessionError::Acquire(acquire) = &error else {
                        panic!("{error:?}")
                    };
                    let connect = acquire.connect_error().unwrap();
                    assert_eq!(connect.kind(), ConnectErrorKind::TooManyConnections);
                    insert_truthfully(1).await.unwrap();
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn a_slow_connection_counts_towards_the_timeout(db: Test<$db>) {
                    db.fault(Fault::slow(Duration::from_secs(3600)));
                    let error = insert_in_time(1).await.unwrap_err();
                    assert!(matches!(error, SessionError::Timeout(_)), "{error:?}");
                    db.fault(Fault::slow(Duration::from_millis(20)));
                    let started = std::time::Instant::now();
                    insert_truthfully(1).await.unwrap();
                    assert!(started.elapsed() >= Duration::from_millis(20));
                }

                #[session_factory::test($db, fresh)]
                #[should_panic(expected = "never struck, so the test shows nothing of it: a conflict at COMMIT of `transfer`, 2 times")]
                async fn a_fault_that_never_struck_fails_the_test(db: Test<$db>) {
                    db.fault(Fault::conflict().times(2).on("transfer"));
                }
            }

            mod record {
                use super::*;

                #[with_session]
                async fn one_by_one(db: &mut Session<$db>, ids: [i32; 4]) -> QueryResult<()> {
                    for id in ids {
                        items::table.find(id).select(items::id).first::<i32>(db).await.optional()?;
                    }
                    Ok(())
                }

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn units_and_statements_are_recorded(db: Test<$db>) {
                    insert(1, "a").await.unwrap();
                    insert(1, "b").await.unwrap_err();
                    one_by_one([1, 2, 3, 4]).await.unwrap();
                    one_by_one([5, 6, 7, 8]).await.unwrap();
                    assert_eq!(names(&db).await, ["a"]);
                    let units = db.units();
                    let functions: Vec<_> = units.iter().map(|unit| unit.caller.function).collect();
                    assert_eq!(functions, ["insert", "insert", "one_by_one", "one_by_one"]);
                    assert_eq!((units.committed("insert"), units.rolled_back("insert")), (1, 1));
                    let statements = db.statements();
                    assert_eq!(statements.len(), 10);
                    assert_eq!(statements[0].rows, Some(1));
                    assert_eq!(statements.repeated(5), []);
                    let [repeated] = statements.repeated(4).try_into().unwrap();
                    assert_eq!((repeated.function, repeated.times, repeated.calls), ("one_by_one", 8, 2));
                    assert!(repeated.text.contains("FROM") && repeated.text.contains("items"), "{repeated:?}");
                }
            }

            mod passes {
                use super::*;

                #[session_factory::test($db, fresh, keep)]
                async fn and_is_kept() {}

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn and_shows_its_url(db: Test<$db>) {
                    insert(1, "by us").await.unwrap();
                    eprintln!("url: {}", db.url());
                }
            }

            mod migrations {
                use super::*;

                async fn versions(db: &mut Session<$db>) -> QueryResult<Vec<String>> {
                    #[derive(QueryableByName)]
                    struct Migration {
                        #[diesel(sql_type = diesel::sql_types::Text)]
                        version: String,
                    }
                    let listed = diesel::sql_query("SELECT version FROM __diesel_schema_migrations ORDER BY version");
                    let listed: Vec<Migration> = listed.load(db).await?;
                    Ok(listed.into_iter().map(|migration| migration.version).collect())
                }

                #[session_factory::test($db, fresh, migrations = MIGRATIONS, fixtures = [one_row])]
                async fn run_before_the_fixtures_and_are_listed(db: Test<$db>) {
                    assert_eq!(names(&db).await, ["of a migration", "of the fixture"]);
                    let listed = db.look(async |s| versions(s).await).await.unwrap();
                    assert_eq!(listed, ["01", "02", "03"]);
                    insert(1, "of the test").await.unwrap();
                }

                #[session_factory::test($db(migrations = MIGRATIONS), fresh)]
                async fn may_stand_in_the_factorys_parentheses(db: Test<$db>) {
                    assert_eq!(names(&db).await, ["of a migration"]);
                }
            }

            mod killed {
                use super::*;

                #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
                async fn in_its_body(db: Test<$db>) {
                    insert(1, "before the kill").await.unwrap();
                    eprintln!("ready to be killed: {}", db.url());
                    std::future::pending::<()>().await;
                }
            }
        }
    };
}

suite!(postgres, TestPg);
suite!(mysql, TestMy);
suite!(sqlite, TestLite);

/// The suite of `tests/exit_paths.rs`.
mod exit_paths {
    use diesel::prelude::*;
    use diesel_async::AsyncConnection;
    use futures_util::FutureExt;
    use session_factory::AbortReason;
    use session_factory_tests::exit_paths::{TestLiteBed, TestMyBed, TestPgBed};
    use session_factory_tests::{AppError, LiteDb, MyDb, PgDb, items};

    use super::{Duration, RunQueryDsl, Session, SessionError, with_session};

    macro_rules! suite {
        ($name:ident, $db:ident, $bed:ident, $mode:ident) => {
            session_factory_tests::exit_paths!(
                $name,
                $db,
                $bed,
                #[session_factory::test($db, $mode, fixtures = ["fixtures/testing/plain_items.sql"])],
                #[session_factory::test(
                    $db,
                    $mode,
                    runtime = "multi_thread",
                    workers = 2,
                    fixtures = ["fixtures/testing/plain_items.sql"]
                )]
            );
        };
    }

    suite!(postgres, PgDb, TestPgBed, fresh);
    suite!(postgres_rolled_back, PgDb, TestPgBed, rollback);
    suite!(mysql, MyDb, TestMyBed, fresh);
    suite!(sqlite, LiteDb, TestLiteBed, fresh);
}

/// Tests that are rolled back.
mod rolled {
    use super::*;

    #[with_session]
    async fn insert(db: &mut Session<TestPg>, id: i32, name: &str) -> Result<(), SessionError> {
        let row = (items::id.eq(id), items::name.eq(name));
        diesel::insert_into(items::table)
            .values(row)
            .execute(db)
            .await?;
        Ok(())
    }

    async fn names(db: &Test<TestPg>) -> Vec<String> {
        let names = db.look(async |s| {
            items::table
                .order(items::id)
                .select(items::name)
                .load(s)
                .await
        });
        let names: QueryResult<_> = names.await;
        names.unwrap()
    }

    mod shows {
        use super::*;

        #[with_session]
        async fn insert_and_swallow(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "lost").await?;
            let _swallowed = insert_in(db, 1, "twice").await;
            Ok(())
        }

        #[with_session(read_only)]
        async fn insert_read_only(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "never").await
        }

        #[with_session]
        async fn insert_and_then(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            db.after_commit(async {
                insert(2, "hook").await.unwrap();
            });
            insert_in(db, 1, "first").await
        }

        #[with_session(requires_new)]
        async fn audit(db: &mut Session<TestPg>, id: i32) -> Result<(), SessionError> {
            insert_in(db, id, "audit").await
        }

        #[with_session]
        async fn insert_and_audit(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "outer").await?;
            audit(2).await?;
            insert_in(db, 3, "outer, later").await
        }

        #[with_session(retry = 3)]
        async fn insert_with_retry(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            let attempt = db.attempt();
            insert_in(db, 1, &format!("at attempt {attempt}")).await
        }

        #[with_session]
        async fn insert_with_savepoint(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "outside").await?;
            let undone = db
                .savepoint(async |db| {
                    insert_in(db, 2, "inside").await?;
                    insert_in(db, 1, "twice").await
                })
                .await;
            undone.unwrap_err();
            insert_in(db, 3, "behind").await
        }

        #[with_session(timeout = "200ms")]
        async fn sleep_too_long(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "never").await?;
            diesel::sql_query("SELECT pg_sleep(600)")
                .execute(db)
                .await?;
            Ok(())
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn commits_and_rollbacks(db: Test<TestPg>) {
            insert(1, "one").await.unwrap();
            insert(1, "twice").await.unwrap_err();
            tokio::spawn(insert(2, "spawned")).await.unwrap().unwrap();
            assert_eq!(names(&db).await, ["one", "spawned"]);
            assert_eq!(
                (
                    db.units().committed("insert"),
                    db.units().rolled_back("insert")
                ),
                (2, 1)
            );
        }

        #[session_factory::test(TestPg, fixtures = ["fixtures/testing/items.sql"])]
        async fn by_default_and_nothing_of_the_test_before(db: Test<TestPg>) {
            assert_eq!(names(&db).await, [""; 0]);
            insert(1, "one").await.unwrap();
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_swallowed_error_is_aborted(db: Test<TestPg>) {
            let error = insert_and_swallow().await.unwrap_err();
            assert!(matches!(error, SessionError::Aborted(_)), "{error:?}");
            assert_eq!(names(&db).await, [""; 0]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn read_only_is_enforced_and_ends(db: Test<TestPg>) {
            let error = insert_read_only().await.unwrap_err();
            assert!(error.to_string().contains("read-only"), "{error}");
            insert(1, "again").await.unwrap();
            assert_eq!(names(&db).await, ["again"]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn hooks_run_behind_the_commit(db: Test<TestPg>) {
            insert_and_then().await.unwrap();
            assert_eq!(names(&db).await, ["first", "hook"]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_session_inside_of_another(db: Test<TestPg>) {
            insert_and_audit().await.unwrap();
            assert_eq!(names(&db).await, ["outer", "audit", "outer, later"]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn faults_are_repeated(db: Test<TestPg>) {
            db.fault(Fault::conflict().times(2));
            insert_with_retry().await.unwrap();
            assert_eq!(names(&db).await, ["at attempt 3"]);
            db.fault(Fault::connection_lost().at_statement(1));
            insert(2, "never").await.unwrap_err();
            insert(2, "behind").await.unwrap();
            assert_eq!(names(&db).await, ["at attempt 3", "behind"]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn savepoints(db: Test<TestPg>) {
            insert_with_savepoint().await.unwrap();
            assert_eq!(names(&db).await, ["outside", "behind"]);
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_timeout_cancels_the_statement(db: Test<TestPg>) {
            let error = sleep_too_long().await.unwrap_err();
            assert!(matches!(error, SessionError::Timeout(_)), "{error:?}");
            assert_eq!(names(&db).await, [""; 0]);
            insert(1, "behind").await.unwrap();
        }

        #[session_factory::test(TestPg, rollback, runtime = "multi_thread", fixtures = ["fixtures/testing/items.sql"])]
        async fn many_at_once_take_turns(db: Test<TestPg>) {
            let mut tasks = tokio::task::JoinSet::new();
            for id in 0..20 {
                tasks.spawn(async move { insert(id, &format!("{id:02}")).await });
            }
            for inserted in tasks.join_all().await {
                inserted.unwrap();
            }
            assert_eq!(names(&db).await.len(), 20);
        }

        async fn deferred(db: &mut Session<TestPg>) -> QueryResult<()> {
            use diesel_async::SimpleAsyncConnection;
            db.batch_execute(
                "CREATE TABLE parts (id SERIAL, item INTEGER NOT NULL REFERENCES items DEFERRABLE INITIALLY DEFERRED)",
            )
            .await
        }

        #[with_session]
        async fn insert_part(
            db: &mut Session<TestPg>,
            item: i32,
            first: bool,
        ) -> Result<(), SessionError> {
            let part = format!("INSERT INTO parts (item) VALUES ({item})");
            diesel::sql_query(part).execute(db).await?;
            if first {
                insert_in(db, item, &format!("behind part {item}")).await?;
            }
            Ok(())
        }

        async fn parts(db: &Test<TestPg>) -> Vec<i32> {
            #[derive(QueryableByName)]
            struct Part {
                #[diesel(sql_type = diesel::sql_types::Integer)]
                id: i32,
            }
            let parts = db.look(async |s| {
                diesel::sql_query("SELECT id FROM parts ORDER BY id")
                    .load(s)
                    .await
            });
            let parts: QueryResult<Vec<Part>> = parts.await;
            parts.unwrap().into_iter().map(|part| part.id).collect()
        }

        macro_rules! deferred_constraints {
            ($($name:ident)*) => { $(
                #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql", deferred])]
                async fn $name(db: Test<TestPg>) {
                    insert_part(1, true).await.unwrap();
                    let error = insert_part(2, false).await.unwrap_err();
                    assert!(matches!(error, SessionError::Commit(_)), "{error:?}");
                    assert!(error.to_string().contains("parts_item_fkey"), "{error}");
                    // Still deferred, as in the next transaction of production.
                    insert_part(3, true).await.unwrap();
                    // Sequences begin where the template's do.
                    assert_eq!(parts(&db).await, [1, 3]);
                }
            )* };
        }
        deferred_constraints! { deferred_constraints_are_checked_at_commit and_again and_once_more }
    }

    /// What the mode cannot show.
    mod cannot {
        use super::*;

        #[with_session(requires_new)]
        async fn audit(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 2, "audit").await
        }

        #[with_session]
        async fn transfer(db: &mut Session<TestPg>) -> Result<(), SessionError> {
            insert_in(db, 1, "outer").await?;
            audit().await?;
            insert_in(db, 1, "twice").await
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_commit_inside_of_a_rollback() {
            transfer().await.unwrap_err();
        }

        #[session_factory::test(TestPg, rollback, within = "300ms", fixtures = ["fixtures/testing/items.sql"])]
        async fn sessions_that_wait_for_each_other() {
            let mut first = TestPg::create_session().await.unwrap();
            insert_in(&mut first, 1, "first").await.unwrap();
            insert(2, "second").await.unwrap();
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_lost_connection() {
            let mut session = TestPg::create_session().await.unwrap();
            let kill = "SELECT pg_terminate_backend(pg_backend_pid())";
            diesel::sql_query(kill)
                .execute(&mut session)
                .await
                .unwrap_err();
        }

        #[session_factory::test(TestPg, rollback)]
        async fn a_prepared_transaction() {
            use diesel_async::SimpleAsyncConnection;
            let mut session = TestPg::create_session().await.unwrap();
            session
                .connection()
                .await
                .unwrap()
                .batch_execute("PREPARE TRANSACTION 'a'")
                .await
                .unwrap_err();
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn a_prepared_commit() {
            let mut session = TestPg::create_session().await.unwrap();
            let connection = session.connection().await.unwrap();
            let _ended = diesel::sql_query("COMMIT").execute(connection).await;
        }

        #[session_factory::test(TestPg, rollback, within = "50ms", fixtures = ["fixtures/testing/items.sql"])]
        async fn sessions_that_are_out() {
            let (opened, is_open) = tokio::sync::oneshot::channel();
            tokio::spawn(async move {
                let session = TestPg::create_session().await.unwrap();
                opened.send(()).unwrap();
                std::future::pending::<()>().await;
                drop(session);
            });
            is_open.await.unwrap();
        }

        #[session_factory::test(TestPg, rollback, fixtures = ["fixtures/testing/items.sql"])]
        async fn copies_of_its_database(db: Test<TestPg>) {
            db.at_every_await(|| insert(1, "a"))
                .assert_all_or_nothing(async |s| items::table.count().get_result::<i64>(s).await)
                .await;
        }
    }
}

/// Tests with several factories.
mod several {
    use super::*;

    #[with_session]
    async fn in_postgres(db: &mut Session<TestPg>, id: i32) -> QueryResult<usize> {
        let row = (items::id.eq(id), items::name.eq("in PostgreSQL"));
        diesel::insert_into(items::table)
            .values(row)
            .execute(db)
            .await
    }

    #[with_session]
    async fn in_a_file(db: &mut Session<TestLite>, id: i32) -> QueryResult<usize> {
        let row = (items::id.eq(id), items::name.eq("in a file"));
        diesel::insert_into(items::table)
            .values(row)
            .execute(db)
            .await
    }

    #[session_factory::test(
        TestPg(fixtures = ["fixtures/testing/items.sql"]),
        TestLite(migrations = MIGRATIONS),
        fresh
    )]
    async fn each_factory_has_its_database(
        pg: Test<TestPg>,
        lite: Test<TestLite>,
        same: Factory<TestPg>,
    ) {
        in_postgres(1).await.unwrap();
        tokio::spawn(in_a_file(1)).await.unwrap().unwrap();
        assert_eq!((pg.units().len(), lite.units().len()), (1, 1));
        let rows = pg.look(async |s| items::table.select(items::name).load(s).await);
        let rows: QueryResult<Vec<String>> = rows.await;
        assert_eq!(rows.unwrap(), ["in PostgreSQL"]);
        let rows = lite.look(async |s| {
            items::table
                .order(items::id)
                .select(items::name)
                .load(s)
                .await
        });
        let rows: QueryResult<Vec<String>> = rows.await;
        assert_eq!(rows.unwrap(), ["in a file", "of a migration"]);
        assert_eq!(same.status().in_use, 0);
    }

    #[session_factory::test(TestPg, TestLite, fresh, within = "50ms")]
    #[should_panic(expected = "one session is still open 50ms after the test's body has ended")]
    async fn a_stray_of_the_second_factory_is_found() {
        let (opened, is_open) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let session = TestLite::create_session().await.unwrap();
            opened.send(()).unwrap();
            std::future::pending::<()>().await;
            drop(session);
        });
        is_open.await.unwrap();
    }

    #[session_factory::test(TestLite, TestPg, fresh)]
    #[should_panic(expected = "`TestMy` is the factory of a parameter, and none of the test's")]
    async fn a_parameter_of_another_factory_is_named(_my: Test<TestMy>) {}
}

/// What only servers have.
macro_rules! lost {
    ($backend:ident, $db:ident) => {
        mod $backend {
            use super::super::*;

            #[with_session]
            async fn insert_two(db: &mut Session<$db>) -> Result<(), SessionError> {
                for id in [1, 2] {
                    let row = (items::id.eq(id), items::name.eq(format!("{id}")));
                    diesel::insert_into(items::table)
                        .values(row)
                        .execute(db)
                        .await?;
                }
                Ok(())
            }

            #[session_factory::test($db, fresh, fixtures = ["fixtures/testing/items.sql"])]
            async fn a_lost_connection_loses_the_work(db: Test<$db>) {
                for statement in [1, 2] {
                    db.fault(
                        Fault::connection_lost()
                            .at_statement(statement)
                            .on("insert_two"),
                    );
                    let error = insert_two().await.unwrap_err();
                    assert!(matches!(error, SessionError::Query(_)), "{error:?}");
                    let rows = db
                        .look(async |s| items::table.count().get_result::<i64>(s).await)
                        .await;
                    let rows: QueryResult<_> = rows;
                    assert_eq!(rows.unwrap(), 0);
                }
                insert_two().await.unwrap();
            }
        }
    };
}

mod lost {
    lost!(postgres, TestPg);
    lost!(mysql, TestMy);
}
