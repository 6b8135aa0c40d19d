// mistakes: 2
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
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

#[axum::debug_handler]
#[with_session]
async fn show(_db: &mut Session<AppDb>, Path(id): Path<i32>) -> Result<String, AppError> {
    Ok(id.to_string())
}

fn main() {}
