use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Ticket;

impl Ticket {
    #[with_session(retry = 5)]
    async fn redeem(self, db: &mut Session<AppDb>) -> QueryResult<()> {
        let _ = db;
        Ok(())
    }
}

fn main() {}
