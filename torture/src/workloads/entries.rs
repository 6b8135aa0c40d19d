//! The same few statements through every entry of the library.

use futures_util::future::BoxFuture;

use super::statements::{many, one};
use super::{Setup, UnitOfWork, Workload};
use crate::case::Unit;
use crate::subject::{Db, Done, Entry, Failure};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new("joined", &[UnitOfWork::new(Entry::Joined, 5, many)]),
    Workload::new(
        "connection_form",
        &[UnitOfWork::new(Entry::Connection, 3, nested)],
    ),
    Workload::new("with_session", &[UnitOfWork::new(Entry::Closure, 1, one)]),
    Workload::new("create_session", &[UnitOfWork::new(Entry::Manual, 5, many)]),
    Workload::new(
        "session_dropped",
        &[UnitOfWork::new(Entry::Forgotten, 1, one).in_vain()],
    ),
    Workload::new(
        "session_closed",
        &[UnitOfWork::new(Entry::Closed, 1, one).in_vain()],
    ),
    Workload::new("retry_option", &[UnitOfWork::new(Entry::Retried, 1, one)]),
    Workload::new("timeout_option", &[UnitOfWork::new(Entry::Timed, 1, one)]),
    Workload::new("detached", &[UnitOfWork::new(Entry::Detached, 1, one)]),
    Workload::new(
        "raw_connection",
        &[UnitOfWork::new(Entry::Annotated, 3, raw)],
    ),
    Workload::new(
        "raw_transaction_failed",
        &[UnitOfWork::new(Entry::Annotated, 2, raw_failed)],
    ),
    Workload::new("from_pool", &[UnitOfWork::new(Entry::Annotated, 5, many)]).on(Setup::Foreign),
    Workload::new(
        "from_pool_joined",
        &[UnitOfWork::new(Entry::Joined, 1, one)],
    )
    .on(Setup::Foreign),
    Workload::new(
        "from_pool_failed",
        &[UnitOfWork::new(Entry::Annotated, 1, refused).in_vain()],
    )
    .on(Setup::Foreign),
];

fn nested(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.transaction(unit.clone(), |db, unit| {
            Box::pin(async move { unit.write(db, 1).await })
        });
        inner.await?;
        unit.write(db, 2).await
    })
}

fn raw(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.raw(unit.clone(), |db, unit| {
            Box::pin(async move {
                let sql = unit.insert_sql(1);
                unit.sql(db, &sql).await
            })
        });
        inner.await?;
        unit.write(db, 2).await
    })
}

fn raw_failed(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.raw(unit.clone(), |db, unit| {
            db.transaction(unit, |db, unit| {
                Box::pin(async move {
                    unit.poison(db).await?;
                    Err(Failure::Refused("as planned"))
                })
            })
        });
        match inner.await {
            Err(Failure::Refused("as planned")) => {}
            other => other?,
        }
        unit.write(db, 1).await
    })
}

fn refused(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        Err(Failure::Refused("as planned"))
    })
}
