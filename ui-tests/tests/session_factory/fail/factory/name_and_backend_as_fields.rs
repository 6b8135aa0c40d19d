use session_factory::session_factory;

session_factory! {
    name = AppDb, backend = Sqlite
}

fn main() {}
