use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Pool<AsyncPgConnection>);
}

fn main() {}
