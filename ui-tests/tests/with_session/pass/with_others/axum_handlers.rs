use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct AppError;

impl From<SessionError> for AppError {
    fn from(_: SessionError) -> Self {
        Self
    }
}

impl IntoResponse for AppError {
    fn into_response(self) -> Response {
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}

#[with_session]
async fn show(_db: &mut Session<AppDb>, Path(id): Path<i32>) -> Result<String, AppError> {
    Ok(id.to_string())
}

#[with_session(timeout = "5s", retry = 3)]
#[axum::debug_handler]
async fn rename(
    _db: &mut Session<AppDb>,
    State(name): State<String>,
    Path(id): Path<i32>,
    body: String,
) -> Result<String, AppError> {
    Ok(format!("{name} {id} {body}"))
}

fn main() {
    let _: Router = Router::new()
        .route("/{id}", get(show).post(rename))
        .with_state(String::new());
}
