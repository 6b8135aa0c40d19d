//! `db.transaction(…)` inside a session, which opens a savepoint.

use std::future::Future;
use std::num::NonZeroU32;

use diesel::QueryResult;
use diesel::connection::TransactionDepthChange::IncreaseDepth;
use diesel::connection::{TransactionManagerStatus, ValidTransactionManagerStatus};
use diesel::result::Error;
use diesel_async::TransactionManager;

use super::transaction_state::TransactionState;
use super::{AsyncBody, Session};
use crate::driver::{DriverConnection, TransactionStatus};
use crate::error::SessionError;
use crate::factory::SessionFactory;

/// The transaction manager of a [`Session`].
///
/// diesel-async's own manager would send COMMIT for a transaction that the session began, and becomes unusable once
/// one of its futures was dropped.
///
/// `begin_transaction` opens a savepoint, which the caller ends with `commit_transaction` or `rollback_transaction`.
/// Both fail with [`SessionError::NotBegun`] if the caller began no savepoint.
#[derive(Debug)]
pub struct SessionTransactionManager;

/// A session as diesel's generic code sees it.
struct Seen {
    /// `None` once the session is closed, or its connection lost.
    depth: Option<NonZeroU32>,
    /// True if only a rollback helps.
    is_given_up: bool,
    is_test: bool,
}

impl<F: SessionFactory> Session<F> {
    fn seen(&mut self) -> Seen {
        let Some(lease) = &mut self.lease else {
            return Seen {
                depth: None,
                is_given_up: true,
                is_test: false,
            };
        };
        let connection = lease.connection();
        let is_lost = connection.is_closed();
        let failed = matches!(
            connection.watch(),
            TransactionStatus::Failed(_)
                | TransactionStatus::Refused(_)
                | TransactionStatus::Ended { .. }
                | TransactionStatus::Parted(_)
        );
        let depth = NonZeroU32::MIN.saturating_add(self.state.depth());
        Seen {
            depth: (!is_lost).then_some(depth),
            is_test: self.state.is_test(),
            is_given_up: self.state.is_begun() && (failed || self.state.has_fault()),
        }
    }
}

impl<F: SessionFactory> TransactionManager<Session<F>> for SessionTransactionManager {
    type TransactionStateData = TransactionState;

    async fn begin_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        let level = conn.open_savepoint();
        let sent = conn.flush_if_observed().await;
        if sent.is_err() {
            conn.abandon(level);
        }
        Ok(sent?)
    }

    async fn rollback_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        let level = conn.state.begun_by_hand("rollback_transaction")?;
        Ok(conn.roll_back_to(level).await?)
    }

    async fn commit_transaction(conn: &mut Session<F>) -> QueryResult<()> {
        let level = conn.state.begun_by_hand("commit_transaction")?;
        conn.release_savepoint(level).await?;
        Ok(conn.flush_if_observed().await?)
    }

    /// A session always counts as a transaction, because the next statement runs in one: its depth is 1 even before the
    /// first statement and after `commit()`. Each open savepoint adds 1. If a failed statement leaves only a rollback,
    /// the status says *requires rollback up to top level*; a session that is closed or has lost its connection is in
    /// error.
    fn transaction_manager_status_mut(conn: &mut Session<F>) -> &mut TransactionManagerStatus {
        let seen = conn.seen();
        let state = &mut conn.transaction_state;
        if matches!(state.status, TransactionManagerStatus::InError) {
            // A caller has marked the status as broken: keep it.
            return &mut state.status;
        }
        state.status = match seen.depth {
            None => TransactionManagerStatus::InError,
            Some(transaction_depth) => {
                let mut valid = ValidTransactionManagerStatus::default();
                let _from_none = valid.change_transaction_depth(IncreaseDepth);
                if let Some(inside) = &mut valid.in_transaction {
                    inside.transaction_depth = transaction_depth;
                    inside.requires_rollback_maybe_up_to_top_level = seen.is_given_up;
                    inside.test_transaction = seen.is_test;
                }
                TransactionManagerStatus::Valid(valid)
            }
        };
        &mut state.status
    }

    // An `async fn` could not express that its future lives no longer than the connection.
    #[allow(clippy::manual_async_fn)]
    fn transaction<'a, 'conn, B, R, E>(
        conn: &'conn mut Session<F>,
        callback: B,
    ) -> impl Future<Output = Result<R, E>> + Send + 'conn
    where
        for<'r> B: AsyncFnOnce(&'r mut Session<F>) -> Result<R, E>
            + AsyncBody<&'r mut Session<F>, Result<R, E>>
            + Send
            + 'a,
        E: From<Error> + Send,
        R: Send,
        'a: 'conn,
    {
        async move {
            super::savepoint::run(conn, callback, |error: SessionError| E::from(error.into())).await
        }
    }

    /// True in error and while a transaction other than a test's is open, as for diesel-async's own manager: a pool
    /// must not lend such a connection. (This crate's pool asks the session instead.)
    fn is_broken_transaction_manager(conn: &mut Session<F>) -> bool {
        let is_open = conn.in_transaction() || conn.innermost_savepoint().is_some();
        match Self::transaction_manager_status_mut(conn).transaction_state() {
            Ok(ValidTransactionManagerStatus {
                in_transaction: Some(inside),
                ..
            }) => is_open && !inside.test_transaction,
            Ok(_) => false,
            Err(_) => true,
        }
    }
}
