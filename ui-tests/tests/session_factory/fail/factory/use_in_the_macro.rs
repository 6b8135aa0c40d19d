use session_factory::session_factory;

session_factory! {
    use std::time::Duration;

    pub struct AppDb(Postgres);
}

fn main() {}
