// mistakes: 4
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(isolaton = "serializable")]
fn rename(id: i32, db: Session<AppDb>) {
    let _ = (id, db);
}

fn main() {}
