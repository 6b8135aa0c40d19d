//! What a dropped task leaves behind.

use diesel::sqlite::SqliteConnection;
use futures_util::future::BoxFuture;

/// It goes to the thread that works on it, and comes back.
pub(super) type Connection = Box<SqliteConnection>;

/// What a dropped task leaves: it goes on by itself, and somebody must see its end and take the connection.
pub(super) type Leftover = BoxFuture<'static, Option<Connection>>;
