use session_factory::session_factory;

session_factory! {
    pub mut struct AppDb(Sqlite);
}

fn main() {}
