//! Statements of all kinds, in one annotated function.

use futures_util::future::BoxFuture;

use super::{Setup, UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{Db, Done, Entry, Failure};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "one_statement",
        &[UnitOfWork::new(Entry::Annotated, 1, one)],
    ),
    Workload::new(
        "many_statements",
        &[UnitOfWork::new(Entry::Annotated, 5, many)],
    ),
    Workload::new(
        "no_statement",
        &[UnitOfWork::new(Entry::Annotated, 0, none)],
    ),
    Workload::new("reads_only", &[UnitOfWork::new(Entry::Read, 0, reads)]),
    Workload::new(
        "reads_and_writes",
        &[UnitOfWork::new(Entry::Annotated, 2, reads_and_writes)],
    ),
    Workload::new("batch", &[UnitOfWork::new(Entry::Annotated, 3, batch)]),
    Workload::new(
        "not_prepared",
        &[UnitOfWork::new(Entry::Annotated, 2, not_prepared)],
    ),
    Workload::new(
        "big_parameter",
        &[UnitOfWork::new(Entry::Annotated, 1, big_parameter)],
    ),
    Workload::new("first_use", &[UnitOfWork::new(Entry::Annotated, 1, one)]).on(Setup::Cold),
    Workload::new(
        "first_use_many",
        &[UnitOfWork::new(Entry::Annotated, 5, many)],
    )
    .on(Setup::Cold),
];

pub(super) fn one(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move { unit.write(db, 0).await })
}

pub(super) fn many(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        for item in 0..5 {
            unit.write(db, item).await?;
        }
        Ok(())
    })
}

fn none(_: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.step();
        tokio::task::yield_now().await;
        unit.step();
        Ok(())
    })
}

fn reads(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        for _ in 0..2 {
            expect(unit.count(db).await?, 0)?;
        }
        Ok(())
    })
}

fn reads_and_writes(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        expect(unit.count(db).await?, 0)?;
        unit.write(db, 0).await?;
        expect(unit.count(db).await?, 1)?;
        unit.write(db, 1).await
    })
}

/// Panics if the answer belongs to another statement, which must not look like a database error.
fn expect(found: i64, expected: i64) -> Done {
    assert!(
        found == expected,
        "torture: a wrong answer: {found} instead of {expected}"
    );
    if found == expected {
        Ok(())
    } else {
        Err(Failure::Refused("a wrong answer"))
    }
}

fn batch(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        let sql: String = (0..3).map(|item| unit.insert_sql(item)).collect();
        unit.sql(db, &sql).await
    })
}

fn not_prepared(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        for item in 0..2 {
            let sql = unit.insert_sql(item);
            // With a value, the statement takes the extended protocol: Parse, Bind, Execute.
            let value = match unit.case.backend() {
                Backend::Mysql => "CAST(? AS CHAR))",
                Backend::Postgres | Backend::Pgbouncer | Backend::Sqlite => "CAST($1 AS TEXT))",
            };
            let sql = sql.replace("'kept');", value);
            unit.step();
            db.run(&sql, i64::from(item)).await?;
            unit.step();
        }
        Ok(())
    })
}

/// The value is larger than the socket's and the proxy's buffers.
fn big_parameter(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move { unit.write_text(db, 0, "x".repeat(64 * 1024)).await })
}
