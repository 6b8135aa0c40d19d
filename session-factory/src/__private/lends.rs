//! What the factory's driver must provide if the first parameter is a backend's own connection.

#[cfg(feature = "sqlite")]
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;

use crate::driver::{Driver, RawConnection};

/// Drivers whose connection is a `C`, for functions that take a backend's own connection.
#[diagnostic::on_unimplemented(
    message = "`{C}` is the connection of another backend; the one of this factory is `{Self}`",
    label = "not this factory's connection",
    note = "write `&mut Session<AppDb>` with the factory's name for `AppDb`, or name in `#[with_session(…)]` the factory of \
            this connection"
)]
pub trait Lends<C>: Driver {
    /// Returns the connection as a `C`.
    fn lend(connection: &mut RawConnection<Self>) -> &mut C;
}

#[cfg(feature = "postgres")]
#[diagnostic::do_not_recommend]
impl Lends<diesel_async::AsyncPgConnection> for crate::driver::Postgres {
    fn lend(connection: &mut RawConnection<Self>) -> &mut diesel_async::AsyncPgConnection {
        connection
    }
}

#[cfg(feature = "sqlite")]
#[diagnostic::do_not_recommend]
impl Lends<SyncConnectionWrapper<diesel::SqliteConnection>> for crate::driver::Sqlite {
    fn lend(
        connection: &mut RawConnection<Self>,
    ) -> &mut SyncConnectionWrapper<diesel::SqliteConnection> {
        connection
    }
}
