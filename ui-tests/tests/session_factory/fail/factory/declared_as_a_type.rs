use session_factory::session_factory;

session_factory! {
    pub type AppDb = Postgres;
}

fn main() {}
