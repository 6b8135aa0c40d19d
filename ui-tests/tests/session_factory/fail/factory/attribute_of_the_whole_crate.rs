use session_factory::session_factory;

session_factory! {
    #![allow(dead_code)]
    pub struct AppDb(Postgres);
}

fn main() {}
