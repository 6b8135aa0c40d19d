//! `diesel::prelude::*` brings diesel's own `RunQueryDsl`, which blocks. Add `use diesel_async::RunQueryDsl;`: it takes
//! precedence over what `*` brings. Do not remove `.await`.
// mistakes: 2
use diesel::prelude::*;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

diesel::table! {
    users (id) {
        id -> Integer,
    }
}

#[with_session]
async fn ids(db: &mut Session<AppDb>) -> Result<Vec<i32>, SessionError> {
    Ok(users::table.select(users::id).load(db).await?)
}

fn main() {}
