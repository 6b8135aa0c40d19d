//! Transactions that end in another way than by a plain `Ok`.

use futures_util::future::BoxFuture;

use super::statements::one;
use super::{UnitOfWork, Workload};
use crate::backend::Backend;
use crate::case::{Unit, Verdict};
use crate::subject::{Db, Done, Entry, Failure};

pub(super) const WORKLOADS: &[Workload] = &[
    Workload::new(
        "error_returned",
        &[UnitOfWork::new(Entry::Annotated, 2, refused).in_vain()],
    ),
    Workload::new(
        "swallowed_error",
        &[UnitOfWork::new(Entry::Annotated, 1, swallowed).in_vain()],
    )
    .only(Backend::Postgres),
    // On SQLite, a failed statement does not spoil the transaction.
    Workload::new(
        "swallowed_error",
        &[UnitOfWork::new(Entry::Annotated, 1, swallowed)],
    )
    .only(Backend::Sqlite),
    Workload::new(
        "swallowed_error",
        &[UnitOfWork::new(Entry::Annotated, 1, swallowed)],
    )
    .only(Backend::Mysql),
    Workload::new(
        "commit_then_more",
        &[UnitOfWork::new(Entry::Annotated, 2, commit_then_more)],
    ),
    Workload::new(
        "rollback_then_more",
        &[UnitOfWork::new(Entry::Annotated, 1, rollback_then_more)],
    ),
    Workload::new(
        "rollback_only",
        &[UnitOfWork::new(Entry::Annotated, 1, rollback_only).in_vain()],
    ),
    Workload::new("hooks", &[UnitOfWork::new(Entry::Annotated, 1, hooks)]),
    Workload::new(
        "hooks_of_a_failure",
        &[UnitOfWork::new(Entry::Annotated, 1, failed_hooks).in_vain()],
    ),
    Workload::new(
        "sessions_in_sequence",
        &[
            UnitOfWork::new(Entry::Annotated, 1, one),
            UnitOfWork::new(Entry::Annotated, 2, refused).in_vain(),
            UnitOfWork::new(Entry::Closure, 1, one),
            UnitOfWork::new(Entry::Manual, 1, one),
        ],
    ),
    Workload::new(
        "retry_by_hand",
        &[UnitOfWork::new(Entry::Annotated, 1, one).tries(3)],
    ),
];

fn refused(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        unit.write(db, 1).await?;
        Err(Failure::Refused("as planned"))
    })
}

fn swallowed(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        let _swallowed = unit.fail(db).await;
        Ok(())
    })
}

/// Commits in the middle, and records the result.
async fn commit(db: &mut dyn Db, unit: &Unit) -> Done {
    unit.step();
    let committed = db.commit().await;
    let told = match &committed {
        Ok(()) => Verdict::Committed,
        // A session's own error says more. It ends the body here, and the caller gets it too.
        Err(Failure::Session(session_factory::SessionError::CommitUnknown(_))) => Verdict::Unknown,
        Err(_) => Verdict::RolledBack,
    };
    unit.ended(told);
    unit.step();
    committed
}

/// The unit's own rows come last, because the caller's result is about them.
fn commit_then_more(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        let first = unit.next(2);
        first.write(db, 0).await?;
        first.write(db, 1).await?;
        commit(db, &first).await?;
        unit.write(db, 0).await?;
        unit.write(db, 1).await
    })
}

fn rollback_then_more(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.poison(db).await?;
        unit.step();
        db.rollback().await?;
        unit.step();
        unit.write(db, 0).await
    })
}

fn rollback_only(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        unit.write(db, 0).await?;
        db.set_rollback_only();
        Ok(())
    })
}

fn hooks(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        db.after_commit(&unit);
        db.after_rollback(&unit);
        unit.write(db, 0).await
    })
}

fn failed_hooks(db: &mut dyn Db, unit: Unit) -> BoxFuture<'_, Done> {
    Box::pin(async move {
        hooks(db, unit).await?;
        Err(Failure::Refused("as planned"))
    })
}
