use session_factory::session_factory;

session_factory! {
    pub struct AppDb = Postgres;
}

fn main() {}
