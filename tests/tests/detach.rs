//! `detach`: dropping the caller does not stop the work; `shutdown` waits for it.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use futures_util::FutureExt as _;
use session_factory::{Factory, SessionError};
use session_factory_tests::{AppError, PgBed, PgDb};

/// A slow call that has begun.
async fn begun(factory: &Factory<PgDb>, id: i32) -> impl Future<Output = Result<(), AppError>> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let call = factory.session().run_detached(async move |db| {
        let _told = tell.send(());
        db.batch_execute(&format!(
            "INSERT INTO items VALUES ({id}, 'x'); SELECT pg_sleep(0.3)"
        ))
        .await?;
        Ok::<_, AppError>(())
    });
    let mut call = Box::pin(call);
    tokio::select! {
        ended = &mut call => panic!("{ended:?}"),
        told = told => told.unwrap(),
    }
    call
}

#[tokio::test]
async fn the_callers_drop_does_not_stop_it() {
    let bed = PgBed::new().await;
    drop(begun(&bed.factory, 1).await);
    testbed::eventually(testbed::PATIENCE, "it is committed", || async {
        bed.count().await == 1
    })
    .await;
}

#[tokio::test]
async fn its_result_reaches_a_caller_that_waits() {
    let bed = PgBed::new().await;
    begun(&bed.factory, 1).await.await.unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn shutdown_waits_for_it() {
    let bed = PgBed::new().await;
    drop(begun(&bed.factory, 1).await);
    let report = bed.factory.shutdown(Duration::from_secs(10)).await;
    assert!(report.is_clean());
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn shutdown_waits_for_one_that_still_waits_for_its_connection() {
    let bed = PgBed::one_connection().await;
    let held = bed.factory.create_session().await.unwrap();
    let call = bed.factory.session().run_detached(async |db| {
        db.batch_execute("INSERT INTO items VALUES (1, 'x')")
            .await?;
        Ok::<_, AppError>(())
    });
    let call = tokio::spawn(call);
    testbed::eventually(testbed::PATIENCE, "it waits", || async {
        bed.factory.status().waiting == 1
    })
    .await;
    let factory = bed.factory.clone();
    let shutdown = tokio::spawn(async move { factory.shutdown(Duration::from_secs(10)).await });
    testbed::eventually(testbed::PATIENCE, "it is closed", || async {
        bed.factory.status().closed
    })
    .await;
    let late = bed.factory.create_session().await;
    assert!(matches!(late, Err(SessionError::Closed)));
    drop(held);
    assert!(shutdown.await.unwrap().is_clean());
    call.await.unwrap().unwrap();
    assert_eq!(bed.count().await, 1);
}

#[tokio::test]
async fn a_panic_reaches_the_caller_and_rolls_back() {
    let bed = PgBed::new().await;
    let call = bed.factory.session().run_detached(async |db| {
        db.batch_execute("INSERT INTO items VALUES (1, 'x')")
            .await?;
        assert!(!db.in_transaction(), "on purpose");
        Ok::<_, AppError>(())
    });
    let panic = tokio::spawn(call).await.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn inside_of_a_session_it_is_nested_all_the_same() {
    let bed = PgBed::new().await;
    let factory = bed.factory.clone();
    let error = bed
        .factory
        .with_session(async |_db| {
            factory
                .session()
                .run_detached(async |_db| Ok::<_, AppError>(()))
                .await
        })
        .await
        .unwrap_err();
    assert!(
        matches!(error, AppError::Session(SessionError::Nested(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_runtime_that_ends_before_the_call_is_told_as_that_and_the_call_is_rolled_back() {
    let bed = PgBed::new().await;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let call = bed.factory.session().run_detached(async move |db| {
        db.batch_execute("INSERT INTO items VALUES (1, 'x')")
            .await?;
        let _told = tell.send(());
        std::future::pending::<()>().await;
        Ok::<_, AppError>(())
    });
    let mut call = Box::pin(call);
    {
        let _entered = runtime.enter();
        assert!((&mut call).now_or_never().is_none());
    }
    told.await.unwrap();
    runtime.shutdown_background();
    let error = call.await.unwrap_err();
    assert!(
        matches!(error, AppError::Session(SessionError::RuntimeEnded)),
        "{error:?}"
    );
    let said = error.to_string();
    assert!(
        said.contains("the runtime in which a detached call ran ended before the call did"),
        "{said}"
    );
    testbed::eventually(testbed::PATIENCE, "it is given back", || async {
        bed.factory.status().in_use == 0 && bed.factory.status().recovering == 0
    })
    .await;
    assert_eq!(bed.count().await, 0);
}
