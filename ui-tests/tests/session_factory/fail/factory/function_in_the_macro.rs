use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);

    impl AppDb {
        fn name() -> &'static str {
            "app"
        }
    }
}

fn main() {}
