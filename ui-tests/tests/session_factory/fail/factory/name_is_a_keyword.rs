use session_factory::session_factory;

session_factory! {
    pub struct type(Postgres);
}

fn main() {}
