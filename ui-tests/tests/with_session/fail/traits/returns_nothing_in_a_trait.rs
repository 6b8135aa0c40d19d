use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Repository {
    #[with_session]
    async fn run(&self, db: &mut Session<AppDb>);
}

fn main() {}
