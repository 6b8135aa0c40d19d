use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

trait Service {
    fn run<'a, 'async_trait>(
        &'a self,
        db: &'a mut Session<AppDb>,
    ) -> std::pin::Pin<Box<dyn Future<Output = QueryResult<()>> + Send + 'async_trait>>
    where
        'a: 'async_trait;
}

struct Users;

impl Service for Users {
    // What `#[async_trait]` makes of an `async fn`.
    #[with_session]
    fn run<'a, 'async_trait>(
        &'a self,
        db: &'a mut Session<AppDb>,
    ) -> std::pin::Pin<Box<dyn Future<Output = QueryResult<()>> + Send + 'async_trait>>
    where
        'a: 'async_trait,
    {
        Box::pin(async move {
            let _ = (self, db);
            Ok(())
        })
    }
}

fn main() {}
