//! Savepoints and diesel's nested transactions.

use futures_util::future::BoxFuture;

use super::{UnitOfWork, Workload};
use crate::case::Unit;
use crate::subject::{Db, Done, Entry, Failure};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "savepoint",
        &[UnitOfWork::new(Entry::Annotated, 2, savepoint)],
    ),
    Workload::new(
        "savepoint_failed",
        &[UnitOfWork::new(Entry::Annotated, 2, failed)],
    ),
    Workload::new(
        "savepoints_nested",
        &[UnitOfWork::new(Entry::Annotated, 4, nested)],
    ),
    Workload::new(
        "swallowed_in_savepoint",
        &[UnitOfWork::new(Entry::Annotated, 2, swallowed_inside)],
    ),
    Workload::new(
        "nested_transaction",
        &[UnitOfWork::new(Entry::Annotated, 3, transaction)],
    ),
    Workload::new(
        "nested_transaction_failed",
        &[UnitOfWork::new(Entry::Annotated, 2, transaction_failed)],
    ),
];

fn savepoint(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        db.savepoint(unit, |db, unit| {
            Box::pin(async move { unit.write(db, 1).await })
        })
        .await
    })
}

/// Writes a row that must not be kept, and fails.
fn poisoned(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.poison(db).await?;
        Err(Failure::Refused("as planned"))
    })
}

/// Returns every error except the planned one.
fn planned(result: Done) -> Done {
    match result {
        Err(Failure::Refused("as planned")) => Ok(()),
        other => other,
    }
}

fn failed(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        planned(db.savepoint(unit.clone(), poisoned).await)?;
        unit.write(db, 1).await
    })
}

fn nested(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let outer = db.savepoint(unit.clone(), |db, unit| {
            Box::pin(async move {
                unit.write(db, 1).await?;
                planned(db.savepoint(unit.clone(), poisoned).await)?;
                db.savepoint(unit.clone(), |db, unit| {
                    Box::pin(async move { unit.write(db, 2).await })
                })
                .await
            })
        });
        outer.await?;
        unit.write(db, 3).await
    })
}

fn swallowed_inside(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let _swallowed = db
            .savepoint(unit.clone(), |db, unit| {
                Box::pin(async move {
                    unit.poison(db).await?;
                    unit.fail(db).await
                })
            })
            .await;
        unit.write(db, 1).await
    })
}

fn transaction(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.transaction(unit.clone(), |db, unit| {
            Box::pin(async move { unit.write(db, 1).await })
        });
        inner.await?;
        unit.write(db, 2).await
    })
}

fn transaction_failed(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        planned(db.transaction(unit.clone(), poisoned).await)?;
        unit.write(db, 1).await
    })
}
