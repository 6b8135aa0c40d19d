// mistakes: 2
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite) {
        dotenv = env("DOTENV"),
    }
    pub struct Other(Sqlite) {
        dotenv = ".env.local",
    }
}

fn main() {}
