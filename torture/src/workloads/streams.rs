//! Rows that arrive one by one, in large numbers.

use futures_util::future::BoxFuture;

use super::{UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::Unit;
use crate::subject::{Db, Done, Entry};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "stream_to_the_end",
        &[UnitOfWork::new(Entry::Annotated, 1, to_the_end)],
    ),
    Workload::new(
        "stream_half_read",
        &[UnitOfWork::new(Entry::Annotated, 2, half_read)],
    ),
    Workload::new(
        "stream_half_read_last",
        &[UnitOfWork::new(Entry::Annotated, 1, half_read_last)],
    ),
    Workload::new(
        "stream_error_midway",
        &[UnitOfWork::new(Entry::Annotated, 1, error_midway).in_vain()],
    ),
    Workload::new(
        "big_result",
        &[UnitOfWork::new(Entry::Annotated, 1, big_result)],
    ),
];

/// SQL for `expression`, applied to the whole numbers `n` up to `last`.
fn series(unit: &Unit, last: i64, expression: &str) -> String {
    if unit.case.backend() == Backend::Mysql {
        return format!(
            "SELECT CAST({expression} AS SIGNED) AS n FROM (SELECT seq AS n FROM seq_1_to_{last}) AS s"
        );
    }
    format!(
        "WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {last}) \
         SELECT CAST({expression} AS BIGINT) AS n FROM s"
    )
}

async fn read(db: &mut dyn Db, unit: &Unit, sql: &str, at_most: usize) -> Done<i64> {
    unit.step();
    let sum = db.stream(sql, at_most).await?;
    unit.step();
    Ok(sum)
}

fn to_the_end(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let sum = read(db, &unit, &series(&unit, 40, "n"), usize::MAX).await?;
        assert!(sum == 820, "torture: a wrong answer: {sum}");
        Ok(())
    })
}

fn half_read(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let sum = read(db, &unit, &series(&unit, 300, "n"), 3).await?;
        assert!(sum == 6, "torture: a wrong answer: {sum}");
        unit.write(db, 1).await
    })
}

fn half_read_last(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        read(db, &unit, &series(&unit, 300, "n"), 3).await?;
        Ok(())
    })
}

/// Returns the stream's error; the rows before it do not count as an answer.
fn error_midway(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let failing = match unit.case.backend() {
            Backend::Postgres | Backend::Pgbouncer => "1 / (30 - n)",
            // From that number on, the subquery returns two rows, which is an error.
            Backend::Mysql => "(SELECT 1 FROM seq_1_to_2 WHERE seq <= 1 + (n >= 30))",
            Backend::Sqlite => "abs(CASE n WHEN 30 THEN -9223372036854775808 ELSE n END)",
        };
        read(db, &unit, &series(&unit, 60, failing), usize::MAX).await?;
        Ok(())
    })
}

/// The result is larger than the sockets' and the proxy's buffers.
fn big_result(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let sum = read(db, &unit, &series(&unit, 4000, "n"), usize::MAX).await?;
        assert!(sum == 8_002_000, "torture: a wrong answer: {sum}");
        Ok(())
    })
}
