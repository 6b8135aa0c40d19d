use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        pub struct Inner {
            echo: bool,
        }
        echo = true,
    }
}

fn main() {}
