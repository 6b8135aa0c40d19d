use session_factory::session_factory;

session_factory! {
    Postgres
}

fn main() {}
