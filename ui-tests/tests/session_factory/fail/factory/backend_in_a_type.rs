// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Pool<AsyncPgConnection>);
    pub struct CacheDb(Option<Sqlite>);
}

fn main() {}
