//! SQL that changes the connection itself; the next borrower must not see the change.

use futures_util::future::BoxFuture;

use super::{UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{Db, Done, Entry};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "set_in_session",
        &[UnitOfWork::new(Entry::Annotated, 1, set)],
    )
    .only(Backend::Postgres),
    Workload::new(
        "listen_and_lock",
        &[UnitOfWork::new(Entry::Annotated, 1, listen_and_lock)],
    )
    .only(Backend::Postgres),
    Workload::new(
        "raw_begin",
        &[UnitOfWork::new(Entry::Annotated, 1, raw_begin)],
    )
    .only(Backend::Postgres),
    Workload::new(
        "set_and_lock",
        &[UnitOfWork::new(Entry::Annotated, 1, set_and_lock)],
    )
    .only(Backend::Mysql),
    Workload::new(
        "pragma_in_session",
        &[UnitOfWork::new(Entry::Annotated, 1, pragma)],
    )
    .only(Backend::Sqlite),
    Workload::new(
        "temporary_table",
        &[UnitOfWork::new(Entry::Annotated, 1, temporary)],
    ),
];

fn set(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "SET work_mem = '77MB'").await?;
        unit.sql(db, "SET search_path = pg_catalog, public").await?;
        unit.sql(db, "SELECT set_config('timezone', 'Asia/Tokyo', false)")
            .await
    })
}

fn listen_and_lock(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.sql(db, "LISTEN news").await?;
        unit.write(db, 0).await?;
        unit.sql(db, "SELECT pg_advisory_lock(7)").await
    })
}

fn set_and_lock(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "SET SESSION sql_mode = '', time_zone = '+05:00'")
            .await?;
        unit.sql(db, "SET @torture = 'mine'").await?;
        unit.sql(db, "DO GET_LOCK(concat(database(), '7'), 0)")
            .await
    })
}

/// PostgreSQL warns about a second BEGIN, and continues.
fn raw_begin(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.sql(db, "BEGIN").await?;
        unit.write(db, 0).await
    })
}

fn pragma(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, "PRAGMA recursive_triggers = ON").await
    })
}

fn temporary(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.sql(db, "CREATE TEMPORARY TABLE scratch (id int)")
            .await?;
        unit.write(db, 0).await
    })
}
