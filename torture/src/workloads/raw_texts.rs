//! Raw SQL that ends its session's transaction, or seems to.
//!
//! The caller may learn the rows' outcome, or that it is unknown. It must never get an untrue
//! "committed" or "rolled back", or `Ok` for a lost row.

use futures_util::future::BoxFuture;

use super::{UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{Db, Done, Entry, Failure};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "raw_rollback",
        &[UnitOfWork::new(Entry::Annotated, 1, rollback).rolls_back(1)],
    ),
    Workload::new(
        "raw_hidden_rollback",
        &[UnitOfWork::new(Entry::Annotated, 2, hidden).rolls_back(1)],
    ),
    Workload::new(
        "raw_rollback_begin",
        &[UnitOfWork::new(Entry::Annotated, 2, rollback_begin).rolls_back(1)],
    ),
    Workload::new(
        "raw_commit_midway",
        &[UnitOfWork::new(Entry::Annotated, 2, commit_midway).commits_amid(1, 2)],
    ),
    // A MySQL connection that is lost after the body's COMMIT is reported as if nothing were kept.
    Workload::new(
        "raw_commit_then_failing",
        &[UnitOfWork::new(Entry::Annotated, 2, commit_then_failing).commits(1)],
    )
    .except(Backend::Mysql),
    Workload::new(
        "raw_commit_in_savepoint",
        &[UnitOfWork::new(Entry::Annotated, 3, commit_in_savepoint).commits(2)],
    ),
    Workload::new(
        "raw_savepoints",
        &[UnitOfWork::new(Entry::Annotated, 2, savepoints)],
    ),
    Workload::new(
        "raw_prepared_rollback",
        &[UnitOfWork::new(Entry::Annotated, 2, prepared_rollback).rolls_back(1)],
    ),
    Workload::new(
        "raw_prepared_commit",
        &[UnitOfWork::new(Entry::Annotated, 2, prepared_commit).commits(1)],
    ),
    Workload::new(
        "on_raw_hidden_rollback",
        &[UnitOfWork::new(Entry::Annotated, 2, on_raw_hidden).rolls_back(1)],
    ),
    Workload::new(
        "on_raw_commit_midway",
        &[UnitOfWork::new(Entry::Annotated, 2, on_raw_commit_midway).commits_amid(1, 2)],
    ),
    Workload::new(
        "on_raw_commit_then_failing",
        &[UnitOfWork::new(Entry::Annotated, 2, on_raw_commit_then_failing).commits(1)],
    )
    .except(Backend::Mysql),
];

fn rollback(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "ROLLBACK").await
    })
}

/// SQL that replaces the transaction by another one, and hides that from a lexer.
fn hidden_sql(unit: &Unit) -> &'static str {
    match unit.case.backend() {
        // An escape string continues in the next literal.
        Backend::Postgres | Backend::Pgbouncer => {
            "SELECT E'a'\n'\\''; ROLLBACK AND CHAIN; SELECT ''"
        }
        Backend::Mysql => "SELECT 'a\\''; ROLLBACK AND CHAIN; SELECT ''",
        // This looks like the beginning of a trigger.
        Backend::Sqlite => "CREATE TABLE trigger (a INTEGER); ROLLBACK; BEGIN",
    }
}

fn hidden(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, hidden_sql(&unit)).await?;
        unit.write(db, 1).await
    })
}

fn rollback_begin(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "ROLLBACK; BEGIN").await?;
        unit.write(db, 1).await
    })
}

fn commit_midway_sql(unit: &Unit) -> String {
    format!("{} COMMIT; {}", unit.insert_sql(0), unit.insert_sql(1))
}

fn commit_midway(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move { unit.sql(db, &commit_midway_sql(&unit)).await })
}

/// A statement that fails.
const TAKEN: &str = "INSERT INTO torture_taken (id) VALUES (1);";

/// The text fails after its COMMIT, and the body ignores the error.
fn commit_then_failing(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let sql = format!("COMMIT; {TAKEN} {}", unit.insert_sql(1));
        let _swallowed = unit.sql(db, &sql).await;
        Ok(())
    })
}

fn commit_in_savepoint(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.savepoint(unit.clone(), |db, unit| {
            Box::pin(async move {
                unit.write(db, 1).await?;
                unit.sql(db, "COMMIT").await?;
                Err(Failure::Refused("as planned"))
            })
        });
        let _swallowed = inner.await;
        unit.write(db, 2).await
    })
}

/// SQL that contains savepoints only, and ends no transaction.
fn savepoints(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "SAVEPOINT a").await?;
        unit.poison(db).await?;
        unit.sql(db, "ROLLBACK TO a").await?;
        unit.write(db, 1).await?;
        unit.sql(db, "RELEASE SAVEPOINT a").await
    })
}

fn prepared_rollback(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let texts: &[_] = match unit.case.backend() {
            Backend::Sqlite => &["ROLLBACK", "BEGIN"],
            _ => &["ROLLBACK AND CHAIN"],
        };
        for text in texts {
            unit.prepared(db, text).await?;
        }
        unit.write(db, 1).await
    })
}

fn prepared_commit(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.prepared(db, "COMMIT").await?;
        unit.write(db, 1).await
    })
}

fn on_raw_hidden(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.raw(unit.clone(), |db, unit| {
            Box::pin(async move { unit.sql(db, hidden_sql(&unit)).await })
        });
        inner.await?;
        unit.write(db, 1).await
    })
}

fn on_raw_commit_midway(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    db.raw(unit, commit_midway)
}

fn on_raw_commit_then_failing(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        db.raw(unit, |db, unit| {
            Box::pin(async move {
                let sql = format!("COMMIT; {} {TAKEN}", unit.insert_sql(1));
                let _swallowed = unit.sql(db, &sql).await;
                Ok(())
            })
        })
        .await
    })
}
