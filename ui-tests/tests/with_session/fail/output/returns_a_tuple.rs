use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn find(db: &mut Session<AppDb>) -> (i32, String) {
    let _ = db;
    (1, String::new())
}

fn main() {}
