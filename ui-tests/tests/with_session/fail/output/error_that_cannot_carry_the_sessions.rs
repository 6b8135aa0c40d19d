use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[derive(Debug)]
enum AppError {
    NotFound,
}

#[with_session]
async fn rename(db: &mut Session<AppDb>, id: i32) -> Result<i32, AppError> {
    let _ = db;
    if id > 0 { Ok(id) } else { Err(AppError::NotFound) }
}

fn main() {}
