// mistakes: 3
use session_factory::{Factory, SessionError, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

async fn by_pool(factory: &Factory<AppDb>) -> Result<(), SessionError> {
    let mut conn = factory.get().await?;
    conn.commit().await
}

async fn by_acquire(factory: &Factory<AppDb>) -> Result<(), SessionError> {
    let mut conn = factory.acquire().await?;
    conn.commit().await
}

async fn by_transaction(factory: &Factory<AppDb>) -> Result<(), SessionError> {
    let tx = factory.begin().await?;
    tx.commit().await
}

fn main() {}
