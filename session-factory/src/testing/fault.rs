//! Failures on demand.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::databases::Tested;
use super::test::Test;
use crate::call::{ArmedFault, FaultEffect, FaultPoint};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::factory::SessionFactory;

/// A failure that [`Test::fault`](crate::Test::fault) arms: the application's code then meets the error that the real
/// failure would give it.
///
/// | fault | the call gets |
/// | --- | --- |
/// | [`Fault::conflict()`] | COMMIT is refused with a conflict, which `retry` repeats |
/// | [`Fault::commit_unknown(Kept::Yes)`](Fault::commit_unknown) | [`SessionError::CommitUnknown`](crate::SessionError::CommitUnknown), and the work is there |
/// | [`Fault::commit_unknown(Kept::No)`](Fault::commit_unknown) | the same, and the work is not there |
/// | [`Fault::connection_lost()`] | the statement fails, because its connection is closed first |
/// | [`Fault::refused(kind)`](Fault::refused) | [`SessionError::Acquire`](crate::SessionError::Acquire) with this reason |
/// | [`Fault::slow(time)`](Fault::slow) | its connection, after this additional wait |
///
/// COMMIT of a transaction that has only read cannot fail: on a `read_only` function faults at COMMIT never strike.
#[must_use = "`Test::fault` arms it"]
pub struct Fault<K> {
    effect: FaultEffect,
    point: FaultPoint,
    times: u32,
    function: Option<&'static str>,
    kind: PhantomData<fn() -> K>,
}

/// Whether a COMMIT whose answer is lost has taken effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The server has committed.
    Yes,
    /// The server has rolled back.
    No,
}

/// The kind of [`Fault::conflict`], [`Fault::commit_unknown`], [`Fault::refused`] and [`Fault::slow`].
#[derive(Debug)]
pub enum Anywhere {}

/// The kind of [`Fault::connection_lost`]: SQLite has no connection to a server.
#[derive(Debug)]
pub enum OfServers {}

impl<K> fmt::Debug for Fault<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("effect", &self.effect)
            .field("point", &self.point)
            .field("times", &self.times)
            .field("function", &self.function)
            .finish_non_exhaustive()
    }
}

impl<K> Fault<K> {
    fn new(effect: FaultEffect, point: FaultPoint) -> Self {
        Self {
            effect,
            point,
            times: 1,
            function: None,
            kind: PhantomData,
        }
    }

    /// Strikes this number of times. Default: once.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// Strikes in the sessions of this function alone, named as in `#[with_session] async fn transfer`. Default: in any
    /// session of the test's factory, [`Test::look`](crate::Test::look) included.
    pub fn on(self, function: &'static str) -> Self {
        Self {
            function: Some(function),
            ..self
        }
    }

    pub(super) fn armed<D: Tested>(self) -> ArmedFault {
        let effect = match self.effect {
            FaultEffect::Conflict(_) => FaultEffect::Conflict(Some(D::conflict())),
            other => other,
        };
        ArmedFault {
            effect,
            point: self.point,
            times: self.times,
            function: self.function,
        }
    }
}

impl Fault<Anywhere> {
    /// The server refuses COMMIT because of another transaction: a serialization failure, a deadlock, a busy SQLite
    /// database.
    pub fn conflict() -> Self {
        Self::new(FaultEffect::Conflict(None), FaultPoint::Commit)
    }

    /// The connection is lost after COMMIT was sent, so its answer never comes.
    pub fn commit_unknown(kept: Kept) -> Self {
        let effect = match kept {
            Kept::Yes => FaultEffect::AnswerLost,
            Kept::No => FaultEffect::CommitLost,
        };
        Self::new(effect, FaultPoint::Commit)
    }

    /// The server refuses a connection for this reason, before the pool could lend any.
    pub fn refused(kind: ConnectErrorKind) -> Self {
        let error = ConnectError::new(kind, "refused by a fault of the test");
        Self::new(FaultEffect::Refused(error), FaultPoint::Acquire)
    }

    /// The pool lends its connection after this additional wait, which counts towards the call's `timeout`.
    pub fn slow(time: Duration) -> Self {
        Self::new(FaultEffect::Slow(time), FaultPoint::Acquire)
    }
}

impl Fault<OfServers> {
    /// The connection is lost before the first statement is sent.
    pub fn connection_lost() -> Self {
        Self::new(FaultEffect::ConnectionLost, FaultPoint::Statement(1))
    }

    /// Strikes at the statement of this number, counted from when the fault was armed; the first is 1.
    ///
    /// # Panics
    /// If the number is 0.
    pub fn at_statement(self, number: u32) -> Self {
        assert!(number > 0, "the first statement has the number 1");
        Self {
            point: FaultPoint::Statement(number),
            ..self
        }
    }
}

/// The faults that a backend can have.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no connection that could be lost",
    label = "this fault is one of a server",
    note = "`Fault::connection_lost()` is for PostgreSQL and MySQL"
)]
pub trait HasFault<K>: Tested {}

impl<D: Tested> HasFault<Anywhere> for D {}
#[cfg(feature = "postgres")]
impl HasFault<OfServers> for crate::driver::Postgres {}
#[cfg(feature = "mysql")]
impl HasFault<OfServers> for crate::driver::Mysql {}

impl<F: SessionFactory<Driver: Tested>> Test<F> {
    /// Arms a failure: the next call that reaches its place gets the error that the real failure would give it. A
    /// fault that has not struck by the end of the test fails the test.
    ///
    /// ```no_run
    /// # #[cfg(feature = "sqlite")] mod example {
    /// # use session_factory::{Fault, Kept, Session, SessionError, Test, with_session};
    /// # session_factory::session_factory! { pub struct AppDb(Sqlite); }
    /// # #[with_session(retry = 3)] async fn transfer(db: &mut Session<AppDb>) -> Result<(), SessionError> { Ok(()) }
    /// # async fn test(db: Test<AppDb>) {
    /// db.fault(Fault::conflict().times(2).on("transfer"));
    /// transfer().await.unwrap();                           // at its third attempt
    /// db.fault(Fault::commit_unknown(Kept::Yes));
    /// assert!(matches!(transfer().await, Err(SessionError::CommitUnknown(_))));
    /// # } }
    /// ```
    pub fn fault<K>(&self, fault: Fault<K>)
    where
        F::Driver: HasFault<K>,
    {
        self.context().faults.arm(fault.armed::<F::Driver>());
    }
}
