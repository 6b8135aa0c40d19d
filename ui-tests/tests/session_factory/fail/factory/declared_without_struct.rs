use session_factory::session_factory;

session_factory! {
    pub AppDb(Postgres);
}

fn main() {}
