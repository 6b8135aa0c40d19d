// mistakes: 3
use axum::http::StatusCode;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn f0(db: &mut Session<AppDb>) -> Result<u32, ()> {
    let _ = db;
    Ok(1)
}

#[with_session]
async fn f1(db: &mut Session<AppDb>) -> Result<u32, &'static str> {
    let _ = db;
    Ok(1)
}

#[with_session]
async fn f2(db: &mut Session<AppDb>) -> Result<u32, (StatusCode, String)> {
    let _ = db;
    Ok(1)
}

fn main() {}
