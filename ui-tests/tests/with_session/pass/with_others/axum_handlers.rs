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

#[with_session(timeout = "5s")]
#[axum::debug_handler]
async fn rename(
    _db: &mut Session<AppDb>,
    State(name): State<String>,
    Path(id): Path<i32>,
    body: String,
) -> Result<String, AppError> {
    Ok(format!("{name} {id} {body}"))
}

// `Path` is not `Clone`, what it holds is: the handler takes it apart, and its work is what runs again.
#[axum::debug_handler]
async fn remove(State(name): State<String>, Path(id): Path<i32>) -> Result<String, AppError> {
    remove_from(&name, id).await
}

#[with_session(retry = 3)]
async fn remove_from(_db: &mut Session<AppDb>, name: &str, id: i32) -> Result<String, AppError> {
    Ok(format!("{name} {id}"))
}

// And `State` is.
#[with_session(retry = 3)]
#[axum::debug_handler(state = String)]
async fn create(
    _db: &mut Session<AppDb>,
    State(name): State<String>,
    body: String,
) -> Result<String, AppError> {
    Ok(name + &body)
}

fn main() {
    let _: Router = Router::new()
        .route("/{id}", get(show).post(rename).delete(remove))
        .route("/all/{id}", get(show).post(create))
        .with_state(String::new());
}
