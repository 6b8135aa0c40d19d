use session_factory::session_factory;

session_factory! {
    pub struct (Postgres);
}

fn main() {}
