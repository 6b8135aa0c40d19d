//! A backend's own connection type, with the factory named.

use diesel::SqliteConnection;
use diesel::result::QueryResult;
use diesel_async::AsyncPgConnection;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use session_factory::{Session, session_factory, with_session};

mod db {
    session_factory::session_factory! {
        pub struct Embedded(Sqlite);
    }
    pub type Connection = session_factory::Session<Embedded>;
}

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session(AppDb)]
async fn on_postgres(conn: &mut AsyncPgConnection, id: i32) -> QueryResult<i32> {
    let _ = conn;
    Ok(id)
}

#[with_session(db::Embedded)]
async fn on_sqlite(
    conn: &mut SyncConnectionWrapper<SqliteConnection>,
    id: i32,
) -> QueryResult<i32> {
    let _ = conn;
    Ok(id)
}

#[with_session(AppDb)]
async fn named_twice(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session]
async fn under_an_alias(_db: &mut db::Connection) -> QueryResult<()> {
    Ok(())
}

#[with_session]
async fn two_databases(
    _from: &mut Session<AppDb>,
    _to: &mut Session<db::Embedded>,
) -> QueryResult<()> {
    Ok(())
}

#[with_session]
async fn of_any_factory<F: session_factory::SessionFactory>(
    _db: &mut Session<F>,
) -> QueryResult<()> {
    Ok(())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(on_postgres(1));
    spawned(on_sqlite(1));
    spawned(named_twice());
    spawned(under_an_alias());
    spawned(of_any_factory::<AppDb>());
    let _ = two_databases;
}
