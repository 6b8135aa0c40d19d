//! `after_commit` and `after_rollback` run in order, once the connection is back, and only if they
//! are true.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use diesel_async::SimpleAsyncConnection;
use session_factory::{Session, SessionError, with_session};
use session_factory_tests::{AppError, PgBed, PgDb};
use testbed::proxy::{Action, Cut, Direction};

/// The notes of the hooks that ran, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<&'static str>>>);

impl Notes {
    fn note(&self, what: &'static str) -> impl Future<Output = ()> + Send + 'static + use<> {
        let notes = Arc::clone(&self.0);
        async move { notes.lock().unwrap().push(what) }
    }

    fn taken(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

async fn one_connection() -> PgBed {
    PgBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_timeout = testbed::PATIENCE;
    })
    .await
}

#[with_session]
async fn insert(db: &mut Session<PgDb>, id: i32) -> Result<(), AppError> {
    db.batch_execute(&format!("INSERT INTO items VALUES ({id}, 'x')"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_hook_may_open_a_session_on_a_pool_of_one() {
    let bed = one_connection().await;
    let (inserted, insertion) = tokio::sync::oneshot::channel();
    bed.factory
        .scope(async {
            bed.factory
                .with_session(async |db| {
                    insert_in(db, 1).await?;
                    let factory = bed.factory.clone();
                    db.after_commit(async move {
                        let _receiver_gone = inserted.send(factory.scope(insert(2)).await);
                    });
                    Ok::<_, AppError>(())
                })
                .await
        })
        .await
        .unwrap();
    insertion.await.unwrap().unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn hooks_run_in_order_after_the_outermost_commit_alone() {
    let bed = one_connection().await;
    let notes = Notes::default();
    bed.factory
        .with_session(async |db| {
            db.after_commit(notes.note("first"));
            db.savepoint(async |db| {
                insert_in(db, 1).await?;
                db.after_commit(notes.note("in a savepoint"));
                Ok::<_, AppError>(())
            })
            .await?;
            let failed = db
                .savepoint(async |db| {
                    db.after_commit(notes.note("never"));
                    db.after_rollback(notes.note("the savepoint's rollback"));
                    Err::<(), _>(AppError::Refused("only the savepoint"))
                })
                .await;
            assert!(failed.is_err());
            assert_eq!(notes.taken(), ["the savepoint's rollback"]);
            db.after_commit(notes.note("last"));
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(notes.taken(), ["first", "in a savepoint", "last"]);
}

#[tokio::test]
async fn a_hook_that_panics_undoes_nothing_and_stops_no_other() {
    let bed = one_connection().await;
    let notes = Notes::default();
    bed.factory
        .with_session(async |db| {
            insert_in(db, 1).await?;
            db.after_commit(async { panic!("on purpose") });
            db.after_commit(notes.note("after the panic"));
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(notes.taken(), ["after the panic"]);
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn an_unknown_outcome_runs_neither_kind() {
    let bed = one_connection().await;
    let notes = Notes::default();
    let error = bed
        .factory
        .with_session(async |db| {
            insert_in(db, 1).await?;
            db.after_commit(notes.note("commit"));
            db.after_rollback(notes.note("rollback"));
            bed.proxy()
                .arm(Cut::after(0, Direction::ToClient).action(Action::Reset));
            Ok::<_, AppError>(())
        })
        .await
        .unwrap_err();
    assert!(
        matches!(error, AppError::Session(SessionError::CommitUnknown(_))),
        "{error:?}"
    );
    assert!(notes.taken().is_empty());
}

#[tokio::test]
async fn a_caller_dropped_during_commit_gets_the_hooks_of_what_the_server_did() {
    let bed = one_connection().await;
    let notes = Notes::default();
    let mut call = Box::pin(bed.factory.with_session(async |db| {
        insert_in(db, 1).await?;
        db.after_commit(notes.note("commit"));
        db.after_rollback(notes.note("rollback"));
        bed.proxy().hold(Direction::ToClient);
        Ok::<_, AppError>(())
    }));
    let committing = testbed::eventually(testbed::PATIENCE, "COMMIT is on its way", || async {
        bed.proxy().sql().iter().any(|sql| sql == "COMMIT")
    });
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        () = committing => {}
    }
    drop(call);
    assert!(notes.taken().is_empty(), "nobody knows yet");
    bed.proxy().release(Direction::ToClient);
    testbed::eventually(testbed::PATIENCE, "a hook has run", || async {
        !notes.0.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(notes.taken(), ["commit"]);
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_caller_dropped_in_its_body_gets_the_rollback_hooks() {
    let bed = one_connection().await;
    let notes = Notes::default();
    let registered = tokio::sync::Notify::new();
    let mut call = Box::pin(bed.factory.with_session(async |db| {
        insert_in(db, 1).await?;
        db.after_commit(notes.note("commit"));
        db.after_rollback(notes.note("rollback"));
        registered.notify_one();
        std::future::pending::<()>().await;
        Ok::<_, AppError>(())
    }));
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        () = registered.notified() => {}
    }
    drop(call);
    testbed::eventually(testbed::PATIENCE, "a hook has run", || async {
        !notes.0.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(notes.taken(), ["rollback"]);
}

#[tokio::test]
async fn a_hook_that_blocks_its_thread_stops_no_other_session() {
    let bed = one_connection().await;
    let (unblock, blocked) = std::sync::mpsc::channel::<()>();
    let (entered, has_entered) = tokio::sync::oneshot::channel();
    let (registered, has_registered) = tokio::sync::oneshot::channel();
    let mut call = Box::pin(bed.factory.with_session(async move |db| {
        insert_in(db, 1).await?;
        db.after_rollback(async move {
            let _gone = entered.send(());
            let _unblocked = blocked.recv();
        });
        registered.send(()).unwrap();
        std::future::pending::<()>().await;
        Ok::<_, AppError>(())
    }));
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        registered = has_registered => registered.unwrap(),
    }
    drop(call);
    has_entered.await.unwrap();
    // The next session gets the same connection, although the hook still blocks its thread.
    let another = bed.factory.with_session(async |db| {
        insert_in(db, 2).await?;
        Ok::<_, AppError>(())
    });
    another.await.unwrap();
    unblock.send(()).unwrap();
}

/// A hook that panics only when it is dropped.
struct PanicsWhenDropped;

impl Future for PanicsWhenDropped {
    type Output = ();

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a hook's last word");
    }
}

#[tokio::test]
async fn a_hook_that_panics_when_it_is_dropped_undoes_nothing_and_stops_no_other() {
    let bed = one_connection().await;
    let notes = Notes::default();
    bed.factory
        .with_session(async |db| {
            insert_in(db, 1).await?;
            db.after_commit(PanicsWhenDropped);
            db.after_rollback(PanicsWhenDropped);
            db.after_commit(notes.note("the other"));
            let failed = db
                .savepoint(async |db| {
                    db.after_commit(PanicsWhenDropped);
                    insert_in(db, 1).await
                })
                .await;
            assert!(failed.is_err());
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(notes.taken(), ["the other"]);
    assert_eq!(bed.count().await, 1);
}
