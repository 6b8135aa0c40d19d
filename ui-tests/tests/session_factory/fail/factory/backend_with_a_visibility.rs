use session_factory::session_factory;

session_factory! {
    pub struct AppDb(pub Postgres);
}

fn main() {}
