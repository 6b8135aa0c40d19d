use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Postgres);
}

#[with_session]
async fn work(db: &mut Session<AppDb>) -> ! {
    loop {
        let _ = db.rollback().await;
    }
}

fn main() {}
