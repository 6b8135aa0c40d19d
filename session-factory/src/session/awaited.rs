//! The error message for `AppDb::session().await`: a bound that no type fulfils says what opens a session.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Session, SessionBuilder};
use crate::error::SessionError;
use crate::factory::SessionFactory;

/// A bound that no type fulfils: a builder opens no session when it is awaited.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`session()` gives a builder, which is not awaited itself",
    label = "write `create_session()` in place of `session()`",
    note = "write `AppDb::create_session().await` for a session that the caller commits",
    note = "write `AppDb::session().run(async |db| …).await` to run a body in a session with options"
)]
pub trait OpensASession {}

// With the bound on the builder itself, the compiler would only say that it is not a future.
impl<F: SessionFactory, Runs, Commits> Future for SessionBuilder<F, Runs, Commits>
where
    SessionBuilder<F, (), ()>: OpensASession,
{
    type Output = Result<Session<F>, SessionError>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Pending
    }
}
