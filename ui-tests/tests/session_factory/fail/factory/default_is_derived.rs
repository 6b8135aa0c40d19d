// mistakes: 1
use session_factory::session_factory;

session_factory! {
    #[derive(Default, Debug, Clone)]
    pub struct AppDb(Postgres);
}

fn main() {}
