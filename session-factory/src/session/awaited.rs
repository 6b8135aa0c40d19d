//! `AppDb::session().await`. A builder opens no session, and a bound that nothing fulfils says what does.

use std::future::{IntoFuture, Pending, pending};

use super::{Session, SessionBuilder};
use crate::error::SessionError;
use crate::factory::SessionFactory;

/// What would open a session by itself. Nothing does.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`session()` gives a builder, which is not awaited itself",
    label = "write `create_session()` in place of `session()`",
    note = "write `AppDb::create_session().await` for a session that the caller commits",
    note = "write `AppDb::session().run(async |db| …).await` to run a body in a session with options"
)]
pub trait OpensASession {}

impl<F: SessionFactory, Runs, Commits> IntoFuture for SessionBuilder<F, Runs, Commits>
where
    Self: OpensASession,
{
    type Output = Result<Session<F>, SessionError>;
    type IntoFuture = Pending<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        pending()
    }
}
