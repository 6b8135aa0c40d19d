use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        dotenv = ".env.local",
    }
}

fn main() {}
