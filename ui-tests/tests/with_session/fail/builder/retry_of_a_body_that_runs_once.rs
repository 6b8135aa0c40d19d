use session_factory::{SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn rename(name: String) -> Result<(), SessionError> {
    AppDb::session()
        .retry(5)
        .run(async move |_db| {
            drop(name);
            Ok(())
        })
        .await
}

fn main() {}
