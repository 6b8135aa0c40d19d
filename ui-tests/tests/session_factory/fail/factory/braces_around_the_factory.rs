use session_factory::session_factory;

session_factory! {
    {
        pub struct AppDb(Sqlite);
    }
}

fn main() {}
