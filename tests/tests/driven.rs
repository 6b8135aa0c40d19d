//! A connection to PostgreSQL is driven on the runtime that uses it, and no end, no pause and no lack of that runtime
//! costs a connection, a permit or an outcome.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr
)]

use std::pin::Pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Factory, Session};
use session_factory_tests::{AppError, PgBed, PgDb, PgDbConfig, items, pg_config};
use testbed::PATIENCE;
use testbed::proxy::Direction;
use tokio::runtime::{Builder, Handle, Runtime};

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn two_threads() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn bed(change: impl FnOnce(&mut PgDbConfig)) -> PgBed {
    testbed::block_on(PgBed::with(change))
}

/// A pool of one connection.
fn bed_of_one() -> PgBed {
    bed(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
}

/// The server's process behind the connection.
async fn ask(factory: &Factory<PgDb>) -> Result<i32, AppError> {
    factory
        .with_session(async |db| {
            let process = diesel::select(diesel::dsl::sql::<diesel::sql_types::Integer>(
                "pg_backend_pid()",
            ));
            Ok(process.get_result(db).await?)
        })
        .await
}

/// A runtime drives a connection from its second transaction in a row. On a busy machine a statement may take so long
/// that the background runtime takes the connection over.
async fn settle(factory: &Factory<PgDb>) -> i32 {
    let process = ask(factory).await.unwrap();
    testbed::eventually(PATIENCE, "driven here", || async {
        assert_eq!(ask(factory).await.unwrap(), process);
        tasks(&Handle::current()) > 0
    })
    .await;
    process
}

async fn insert(factory: &Factory<PgDb>, id: i32) -> Result<(), AppError> {
    factory
        .with_session(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(id), items::name.eq("x")))
                .execute(db)
                .await?;
            Ok(())
        })
        .await
}

/// Fails instead of waiting for ever; the clock is no runtime's.
fn in_time<T: Send>(what: &str, run: impl FnOnce() -> T + Send) -> T {
    let (done, is_done) = mpsc::channel::<()>();
    std::thread::scope(|threads| {
        let what = what.to_owned();
        threads.spawn(move || {
            if is_done.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                eprintln!("{what}: hangs");
                std::process::abort();
            }
        });
        let output = run();
        drop(done);
        output
    })
}

/// Polls on this thread, without a runtime.
fn park_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(std::sync::Arc::new(Unpark(std::thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        std::thread::park();
    }
}

/// A runtime on a thread of its own, whose thread is blocked when `first` is done, until this is dropped.
struct Blocked {
    release: Option<mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Blocked {
    fn after<F: Future<Output = ()>>(first: impl FnOnce() -> F + Send + 'static) -> Self {
        let (release, released) = mpsc::channel::<()>();
        let (reach, reached) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            one_thread().block_on(async {
                first().await;
                reach.send(()).unwrap();
                let _released = released.recv();
            });
        });
        reached.recv().unwrap();
        Self {
            release: Some(release),
            thread: Some(thread),
        }
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        drop(self.release.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

fn tasks(runtime: &Handle) -> usize {
    runtime.metrics().num_alive_tasks()
}

#[test]
fn a_connection_is_driven_where_it_is_used_and_moves_to_the_next_runtime() {
    let bed = bed_of_one();
    let (first, second) = (one_thread(), two_threads());
    let process = first.block_on(settle(&bed.factory));
    assert_eq!(tasks(first.handle()), 1, "the connection's driver");
    first.block_on(async {
        for id in 0..20 {
            insert(&bed.factory, id).await.unwrap();
        }
        settle(&bed.factory).await;
    });
    assert_eq!(tasks(first.handle()), 1, "and one alone");
    // The first runtime does not run meanwhile.
    assert_eq!(second.block_on(settle(&bed.factory)), process);
    assert_eq!(tasks(second.handle()), 1);
    first.block_on(tokio::task::yield_now());
    assert_eq!(tasks(first.handle()), 0);
    testbed::block_on(bed.factory.shutdown(PATIENCE));
    testbed::block_on(testbed::eventually(
        PATIENCE,
        "no driver is left",
        || async { tasks(second.handle()) == 0 },
    ));
}

#[test]
fn a_runtime_that_ends_hands_its_connections_on() {
    in_time("one runtime after another", || {
        let bed = bed_of_one();
        let process = one_thread().block_on(settle(&bed.factory));
        for number in 0..30 {
            let runtime = if number % 2 == 0 {
                one_thread()
            } else {
                two_threads()
            };
            let found = runtime.block_on(async {
                insert(&bed.factory, 2 * number).await.unwrap();
                insert(&bed.factory, 2 * number + 1).await.unwrap();
                ask(&bed.factory).await.unwrap()
            });
            assert_eq!(found, process, "the connection outlives runtime {number}");
            if number % 3 == 0 {
                runtime.shutdown_background();
            }
        }
        assert_eq!(testbed::block_on(bed.count()), 60);
    });
}

#[test]
#[cfg(unix)]
fn a_unix_socket_moves_from_runtime_to_runtime() {
    let server = testbed::postgres::Server::builder().config("unix_socket_directories", ".");
    let server = testbed::block_on(server.start());
    let database = testbed::block_on(server.database());
    let (folder, port, name) = (server.folder(), server.address().port(), database.name());
    let url = format!(
        "postgres://app@/{name}?host={}&port={port}",
        folder.display()
    );
    let factory = Factory::<PgDb>::new(pg_config(&url, |config| config.pool_size = 1));
    let process = one_thread().block_on(settle(&factory));
    for _ in 0..4 {
        let runtime = two_threads();
        assert_eq!(runtime.block_on(settle(&factory)), process);
        assert_eq!(tasks(runtime.handle()), 1);
    }
}

#[test]
fn runtimes_that_share_a_pool_at_the_same_time_lose_nothing() {
    const CALLS: i32 = 60;
    in_time("eight runtimes", || {
        let bed = bed(|config| {
            config.pool_size = 2;
            config.max_overflow = 0;
            config.pool_timeout = PATIENCE;
        });
        std::thread::scope(|threads| {
            for number in 0..8 {
                let factory = bed.factory.clone();
                threads.spawn(move || {
                    // Each lives for a few calls.
                    for start in (0..CALLS).step_by(10) {
                        let runtime = if number % 2 == 0 {
                            one_thread()
                        } else {
                            two_threads()
                        };
                        runtime.block_on(async {
                            for call in start..start + 10 {
                                insert(&factory, number * CALLS + call).await.unwrap();
                            }
                        });
                    }
                });
            }
        });
        assert_eq!(testbed::block_on(bed.count()), i64::from(8 * CALLS));
        assert!(bed.factory.status().open <= 2);
    });
}

#[test]
fn a_blocked_runtime_holds_up_no_other_runtimes_calls() {
    in_time("calls beside a blocked runtime", || {
        let bed = bed_of_one();
        let factory = bed.factory.clone();
        let _blocked = Blocked::after(|| async move {
            settle(&factory).await;
        });
        let other = one_thread();
        other.block_on(async {
            for id in 0..10 {
                insert(&bed.factory, id).await.unwrap();
            }
        });
        assert_eq!(testbed::block_on(bed.count()), 10);
    });
}

/// Returns a session whose transaction is open and has inserted a row.
async fn begun(factory: &Factory<PgDb>) -> Session<PgDb> {
    let mut session = factory.create_session().await.unwrap();
    session
        .batch_execute("INSERT INTO items VALUES (1, 'x')")
        .await
        .unwrap();
    session
}

#[test]
fn recovery_needs_no_help_of_a_blocked_runtime() {
    in_time("recovery beside a blocked runtime", || {
        let bed = bed_of_one();
        let factory = bed.factory.clone();
        let _blocked = Blocked::after(|| async move {
            settle(&factory).await;
            drop(begun(&factory).await);
        });
        one_thread().block_on(insert(&bed.factory, 1)).unwrap();
        assert_eq!(testbed::block_on(bed.count()), 1);
    });
}

#[test]
fn shutdown_ends_the_session_of_a_blocked_runtime() {
    in_time("shutdown beside a blocked runtime", || {
        let bed = bed_of_one();
        let factory = bed.factory.clone();
        let blocked = Blocked::after(|| async move {
            settle(&factory).await;
            // It stays open while the thread is blocked.
            std::mem::forget(begun(&factory).await);
        });
        let report = testbed::block_on(bed.factory.shutdown(Duration::from_millis(50)));
        assert_eq!(report.rolled_back, 1);
        testbed::block_on(testbed::eventually(PATIENCE, "closed", || async {
            bed.database
                .integer(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                     AND usename = 'app'",
                )
                .await
                == 0
        }));
        assert_eq!(testbed::block_on(bed.count()), 0);
        drop(blocked);
    });
}

#[test]
fn connections_are_closed_without_the_help_of_a_blocked_runtime() {
    in_time("the reaper beside a blocked runtime", || {
        let bed = bed(|config| {
            config.pool_size = 1;
            config.max_overflow = 0;
            config.pool_recycle = Duration::from_secs(3);
        });
        let factory = bed.factory.clone();
        let _blocked = Blocked::after(|| async move {
            settle(&factory).await;
        });
        testbed::block_on(testbed::eventually(PATIENCE, "recycled", || async {
            bed.factory.status().open == 0
        }));
        one_thread().block_on(insert(&bed.factory, 1)).unwrap();
    });
}

#[test]
fn a_session_goes_on_where_it_is_moved_to() {
    in_time("a session that moves", || {
        let bed = bed_of_one();
        let (first, second) = (one_thread(), two_threads());
        first.block_on(settle(&bed.factory));
        let mut session = first.block_on(bed.factory.create_session()).unwrap();
        first
            .block_on(session.batch_execute("INSERT INTO items VALUES (1, 'x')"))
            .unwrap();
        // The first runtime does not run from here on.
        second
            .block_on(session.batch_execute("INSERT INTO items VALUES (2, 'x')"))
            .unwrap();
        park_on(session.batch_execute("INSERT INTO items VALUES (3, 'x')")).unwrap();
        second.block_on(session.commit()).unwrap();
        assert_eq!(testbed::block_on(bed.count()), 3);
        drop(first);
    });
}

#[test]
fn the_raw_connection_goes_on_where_it_is_moved_to() {
    in_time("a raw connection that moves", || {
        let bed = bed_of_one();
        let (first, second) = (one_thread(), one_thread());
        first.block_on(settle(&bed.factory));
        let mut session = first.block_on(bed.factory.create_session()).unwrap();
        let raw = first.block_on(session.connection()).unwrap();
        first
            .block_on(raw.batch_execute("INSERT INTO items VALUES (1, 'x')"))
            .unwrap();
        // The first runtime drives the connection and does not run.
        second
            .block_on(raw.batch_execute("INSERT INTO items VALUES (2, 'x')"))
            .unwrap();
        second.block_on(session.commit()).unwrap();
        assert_eq!(testbed::block_on(bed.count()), 2);
    });
}

#[test]
fn a_statement_under_way_is_answered_when_its_runtime_has_ended_or_does_not_run() {
    for ends in [true, false] {
        in_time("a statement that moves", || {
            let bed = bed_of_one();
            let first = one_thread();
            first.block_on(settle(&bed.factory));
            let mut session = first.block_on(bed.factory.create_session()).unwrap();
            let mut statement: Pin<Box<dyn Future<Output = _>>> = Box::pin(
                session.batch_execute("INSERT INTO items SELECT 1, 'x' FROM pg_sleep(0.2)"),
            );
            first.block_on(async {
                assert!(futures_util::poll!(&mut statement).is_pending());
                tokio::task::yield_now().await;
            });
            let kept = (!ends).then_some(first);
            one_thread().block_on(statement).unwrap();
            one_thread().block_on(session.commit()).unwrap();
            assert_eq!(testbed::block_on(bed.count()), 1);
            drop(kept);
        });
    }
}

#[test]
fn a_runtime_that_ends_in_the_middle_of_a_statement_leaves_no_transaction() {
    in_time("runtimes that end in the middle", || {
        let bed = bed_of_one();
        for pause in 0..12 {
            let runtime = if pause % 2 == 0 {
                one_thread()
            } else {
                two_threads()
            };
            runtime.block_on(settle(&bed.factory));
            let factory = bed.factory.clone();
            runtime.spawn(async move {
                factory
                    .with_session(async |db| {
                        db.batch_execute("INSERT INTO items VALUES (1, 'x')")
                            .await?;
                        db.batch_execute("SELECT pg_sleep(60)").await?;
                        Ok::<_, AppError>(())
                    })
                    .await
            });
            runtime.block_on(async { tokio::time::sleep(Duration::from_millis(pause)).await });
            drop(runtime);
            let next = one_thread();
            next.block_on(async {
                assert_eq!(
                    bed.factory
                        .with_session(async |db| {
                            Ok::<_, AppError>(items::table.count().get_result::<i64>(db).await?)
                        })
                        .await
                        .unwrap(),
                    0
                );
            });
        }
        assert_eq!(testbed::block_on(bed.count()), 0);
    });
}

#[test]
fn a_commit_whose_runtime_ends_is_committed_and_a_caller_elsewhere_is_told_so() {
    for is_dropped in [true, false] {
        in_time("COMMIT and its runtime's end", || {
            let bed = testbed::block_on(PgBed::proxied(|config| {
                config.pool_size = 1;
                config.max_overflow = 0;
            }));
            let first = one_thread();
            first.block_on(settle(&bed.factory));
            let mut session = first.block_on(bed.factory.create_session()).unwrap();
            first
                .block_on(session.batch_execute("INSERT INTO items VALUES (1, 'x')"))
                .unwrap();
            bed.proxy().hold(Direction::ToClient);
            {
                let mut commit: Pin<Box<dyn Future<Output = _>>> = Box::pin(session.commit());
                first.block_on(async {
                    assert!(futures_util::poll!(&mut commit).is_pending());
                    testbed::eventually(PATIENCE, "committed on the server", || async {
                        bed.count().await == 1
                    })
                    .await;
                });
                drop(first);
                if is_dropped {
                    drop(commit);
                    drop(session);
                    bed.proxy().release(Direction::ToClient);
                } else {
                    bed.proxy().release(Direction::ToClient);
                    one_thread().block_on(commit).unwrap();
                    drop(session);
                }
            }
            one_thread().block_on(insert(&bed.factory, 2)).unwrap();
            assert_eq!(testbed::block_on(bed.count()), 2);
        });
    }
}

#[test]
fn a_runtime_without_io_or_timers_and_a_thread_without_a_runtime_may_call() {
    in_time("callers without I/O", || {
        let bed = bed_of_one();
        let bare = Builder::new_current_thread().build().unwrap();
        bare.block_on(async {
            for id in 0..5 {
                insert(&bed.factory, id).await.unwrap();
            }
        });
        assert_eq!(tasks(bare.handle()), 0, "the background runtime drives it");
        for id in 5..10 {
            park_on(insert(&bed.factory, id)).unwrap();
        }
        // Nor does it matter which runtime had the connection before.
        let first = one_thread();
        first.block_on(settle(&bed.factory));
        park_on(insert(&bed.factory, 10)).unwrap();
        first.block_on(settle(&bed.factory));
        bare.block_on(insert(&bed.factory, 11)).unwrap();
        assert_eq!(testbed::block_on(bed.count()), 12);
    });
}

#[test]
fn a_caller_that_blocks_its_own_runtimes_thread_is_answered() {
    in_time("a blocking call inside of a runtime", || {
        let bed = bed_of_one();
        one_thread().block_on(async {
            settle(&bed.factory).await;
            park_on(insert(&bed.factory, 1)).unwrap();
        });
        two_threads().block_on(async {
            settle(&bed.factory).await;
            let factory = bed.factory.clone();
            let call = tokio::spawn(async move { park_on(insert(&factory, 2)) });
            call.await.unwrap().unwrap();
        });
        assert_eq!(testbed::block_on(bed.count()), 2);
    });
}

#[test]
fn calls_run_from_blocking_threads_local_sets_and_with_paused_time() {
    in_time("other ways to call", || {
        let bed = bed_of_one();
        let mut id = 0;
        for runtime in [one_thread(), two_threads()] {
            for _ in 0..3 {
                id += 1;
                let factory = bed.factory.clone();
                let call = async move {
                    let call = tokio::task::spawn_blocking(move || {
                        Handle::current().block_on(insert(&factory, id))
                    });
                    call.await.unwrap()
                };
                runtime.block_on(call).unwrap();
            }
        }
        let runtime = one_thread();
        let local = tokio::task::LocalSet::new();
        for _ in 0..3 {
            id += 1;
            let factory = bed.factory.clone();
            let call = local.spawn_local(async move { insert(&factory, id).await });
            runtime.block_on(local.run_until(call)).unwrap().unwrap();
        }
        let paused = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        paused.block_on(async {
            for _ in 0..3 {
                id += 1;
                insert(&bed.factory, id).await.unwrap();
            }
        });
        assert_eq!(testbed::block_on(bed.count()), i64::from(id));
    });
}

#[test]
fn a_large_result_is_read_across_the_end_of_its_runtime() {
    use futures_util::StreamExt;
    in_time("rows that move", || {
        let bed = bed_of_one();
        testbed::block_on(bed.run(
            "INSERT INTO items SELECT i, repeat('x', 100) FROM generate_series(1, 50000) AS i",
        ));
        let first = one_thread();
        first.block_on(settle(&bed.factory));
        let mut session = first.block_on(bed.factory.create_session()).unwrap();
        let mut rows = first
            .block_on(items::table.load_stream::<(i32, String)>(&mut session))
            .unwrap();
        let head = first.block_on(rows.next()).unwrap().unwrap();
        assert_eq!(head.0, 1);
        drop(first);
        let left =
            one_thread().block_on(rows.filter(|row| std::future::ready(row.is_ok())).count());
        assert_eq!(left, 49_999);
        drop(session);
        one_thread().block_on(settle(&bed.factory));
    });
}

#[test]
fn a_raw_statement_goes_on_when_its_runtime_ends() {
    in_time("a raw statement that moves", || {
        let bed = bed_of_one();
        let first = one_thread();
        first.block_on(settle(&bed.factory));
        let mut session = first.block_on(bed.factory.create_session()).unwrap();
        let raw = first.block_on(session.connection()).unwrap();
        let mut statement: Pin<Box<dyn Future<Output = _>>> =
            Box::pin(raw.batch_execute("INSERT INTO items SELECT 1, 'x' FROM pg_sleep(0.2)"));
        first.block_on(async {
            assert!(futures_util::poll!(&mut statement).is_pending());
            tokio::task::yield_now().await;
        });
        drop(first);
        let second = one_thread();
        second.block_on(statement).unwrap();
        second.block_on(session.commit()).unwrap();
        assert_eq!(testbed::block_on(bed.count()), 1);
    });
}

#[test]
fn runtimes_that_end_in_mid_statement_disturb_no_call_of_another_runtime() {
    in_time("two runtimes, of which one ends again and again", || {
        let bed = bed(|config| {
            config.pool_size = 2;
            config.max_overflow = 0;
            config.pool_timeout = PATIENCE;
        });
        let (over, is_over) = mpsc::channel::<()>();
        let calls = std::thread::scope(|threads| {
            let ending = bed.factory.clone();
            threads.spawn(move || {
                for number in 0..20 {
                    let runtime = if number % 2 == 0 {
                        one_thread()
                    } else {
                        two_threads()
                    };
                    let factory = ending.clone();
                    runtime.spawn(async move {
                        factory
                            .with_session(async |db| {
                                db.batch_execute("INSERT INTO items VALUES (-1, 'x')")
                                    .await?;
                                db.batch_execute("SELECT pg_sleep(60)").await?;
                                Ok::<_, AppError>(())
                            })
                            .await
                    });
                    runtime.block_on(async {
                        tokio::time::sleep(Duration::from_millis(number)).await;
                    });
                    runtime.shutdown_background();
                }
                drop(over);
            });
            let lasting = one_thread();
            let mut calls = 0;
            while is_over.try_recv() == Err(mpsc::TryRecvError::Empty) {
                lasting.block_on(insert(&bed.factory, calls)).unwrap();
                calls += 1;
            }
            calls
        });
        testbed::block_on(session_factory_tests::at_rest(&bed.factory));
        assert_eq!(testbed::block_on(bed.count()), i64::from(calls));
        assert!(calls > 0);
    });
}

/// The limits of a call follow the real clock, also where the runtime's own clock is paused or advanced.
#[test]
fn paused_time_ends_no_call() {
    in_time("calls with paused time", || {
        let bed = bed_of_one();
        let paused = Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        paused.block_on(async {
            settle(&bed.factory).await;
            for id in 0..3 {
                let call = bed.factory.session().timeout(PATIENCE);
                call.run(async |db| {
                    let insert = format!("INSERT INTO items SELECT {id}, 'x' FROM pg_sleep(0.1)");
                    db.batch_execute(&insert).await?;
                    // An hour passes at once.
                    tokio::time::advance(Duration::from_secs(3600)).await;
                    Ok::<_, AppError>(())
                })
                .await
                .unwrap();
            }
        });
        assert_eq!(testbed::block_on(bed.count()), 3);
    });
}

/// The application's pool drives a connection on the runtime that opened it.
#[test]
fn the_applications_own_pool_outlives_the_runtimes_of_its_connections() {
    use diesel_async::AsyncPgConnection;
    use diesel_async::pooled_connection::AsyncDieselConnectionManager;
    use diesel_async::pooled_connection::bb8::Pool;
    in_time("the application's own pool", || {
        let bed = bed_of_one();
        let first = one_thread();
        let manager = AsyncDieselConnectionManager::<AsyncPgConnection>::new(bed.database.url());
        let building = Pool::builder().max_size(1).build(manager);
        let pool = first.block_on(building).unwrap();
        let factory = Factory::<PgDb>::from_pool(pool);
        first.block_on(insert(&factory, 1)).unwrap();
        for id in 2..6 {
            // The runtime before has ended, in the middle of a statement.
            let next = two_threads();
            next.block_on(insert(&factory, id)).unwrap();
            let sleeping = factory.clone();
            next.spawn(async move {
                sleeping
                    .with_session(async |db| {
                        db.batch_execute("INSERT INTO items VALUES (-1, 'x')")
                            .await?;
                        db.batch_execute("SELECT pg_sleep(60)").await?;
                        Ok::<_, AppError>(())
                    })
                    .await
            });
            next.block_on(testbed::eventually(PATIENCE, "it sleeps", || async {
                let sleeps = bed.database.admin().activity().await;
                sleeps.iter().any(testbed::postgres::Activity::is_active)
            }));
            drop(next);
        }
        let last = one_thread();
        last.block_on(insert(&factory, 6)).unwrap();
        last.block_on(session_factory_tests::at_rest(&factory));
        assert_eq!(testbed::block_on(bed.count()), 6);
        assert_eq!(factory.status().limit, 1);
        drop(first);
    });
}
