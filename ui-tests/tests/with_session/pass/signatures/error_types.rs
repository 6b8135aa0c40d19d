use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

use session_factory::SessionError;

#[derive(Debug, thiserror::Error)]
enum AppError {
    #[error("no such user")]
    NotFound,
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}

type AppResult<T> = Result<T, AppError>;

#[with_session]
async fn by_thiserror(_db: &mut Session<AppDb>, id: i32) -> AppResult<i32> {
    if id > 0 { Ok(id) } else { Err(AppError::NotFound) }
}

#[with_session]
async fn by_anyhow(_db: &mut Session<AppDb>) -> anyhow::Result<i32> {
    Ok("3".parse()?)
}

#[with_session]
async fn boxed(_db: &mut Session<AppDb>) -> Result<i32, Box<dyn std::error::Error + Send + Sync>> {
    Ok("3".parse()?)
}

#[with_session]
async fn any_error<E: From<SessionError> + Send>(_db: &mut Session<AppDb>) -> Result<(), E> {
    Ok(())
}

#[with_session]
async fn question_marks(db: &mut Session<AppDb>) -> AppResult<i32> {
    any_error_in::<AppError>(db).await?;
    let one = by_thiserror_in(db, 1).await?;
    Ok(one + Err::<i32, _>(diesel::result::Error::NotFound)?)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(by_thiserror(1));
    spawned(by_anyhow());
    spawned(boxed());
    spawned(any_error::<SessionError>());
    spawned(question_marks());
}
