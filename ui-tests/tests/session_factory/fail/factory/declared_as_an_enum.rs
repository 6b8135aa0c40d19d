use session_factory::session_factory;

session_factory! {
    pub enum AppDb(Postgres);
}

fn main() {}
