// mistakes: 3
use axum::Json;
use axum::response::{IntoResponse, Response};
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn f0(db: &mut Session<AppDb>) -> impl IntoResponse {
    let _ = db;
    "done"
}

#[with_session]
async fn f1(db: &mut Session<AppDb>) -> Option<Json<u32>> {
    let _ = db;
    Some(Json(1))
}

#[with_session]
async fn f2(db: &mut Session<AppDb>) -> Box<Response> {
    let _ = db;
    Box::new("done".into_response())
}

fn main() {}
