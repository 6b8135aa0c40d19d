//! Slow statements, and bodies that give up waiting for them.

use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::time::timeout;

use super::{UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{Db, Done, Entry};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "slow_statement",
        &[UnitOfWork::new(Entry::Annotated, 2, slow)],
    )
    .endless(),
    Workload::new("slow_read", &[UnitOfWork::new(Entry::Read, 0, slow_read)]).endless(),
    Workload::new(
        "statement_dropped",
        &[UnitOfWork::new(Entry::Annotated, 1, statement_dropped).in_vain()],
    ),
    Workload::new(
        "savepoint_dropped",
        &[UnitOfWork::new(Entry::Annotated, 2, savepoint_dropped)],
    )
    .only(Backend::Postgres),
    Workload::new(
        "savepoint_dropped",
        &[UnitOfWork::new(Entry::Annotated, 2, savepoint_dropped)],
    )
    .only(Backend::Sqlite),
    // On MySQL, a dropped statement costs the connection and its transaction.
    Workload::new(
        "savepoint_dropped",
        &[UnitOfWork::new(Entry::Annotated, 2, savepoint_dropped).in_vain()],
    )
    .only(Backend::Mysql),
];

/// How long a body waits for a statement that does not end.
const PATIENCE: Duration = Duration::from_millis(3);

/// A statement that outlasts every wait here. SQLite cannot stop a statement, so there it ends by
/// itself after little more than a tenth of a second.
fn endless(unit: &Unit) -> &'static str {
    match unit.case.backend() {
        Backend::Postgres | Backend::Pgbouncer => "SELECT pg_sleep(60)",
        Backend::Mysql => "SELECT SLEEP(60)",
        Backend::Sqlite => {
            "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 500000) \
             SELECT count(*) FROM s"
        }
    }
}

fn slow(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.sql(db, endless(&unit)).await?;
        unit.write(db, 1).await
    })
}

fn slow_read(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move { unit.sql(db, endless(&unit)).await })
}

fn statement_dropped(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let _given_up = timeout(PATIENCE, unit.sql(db, endless(&unit))).await;
        Ok(())
    })
}

fn savepoint_dropped(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let inner = db.savepoint(unit.clone(), |db, unit| {
            Box::pin(async move {
                unit.poison(db).await?;
                unit.sql(db, endless(&unit)).await
            })
        });
        let _given_up = timeout(PATIENCE, inner).await;
        unit.write(db, 1).await
    })
}
