use axum::extract::{Path, State};
use session_factory::{SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

struct PgPool;

#[with_session]
async fn show(State(pool): State<PgPool>, Path(id): Path<i32>) -> Result<String, SessionError> {
    let _ = pool;
    Ok(id.to_string())
}

fn main() {}
