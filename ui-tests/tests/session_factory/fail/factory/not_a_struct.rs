// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub enum AppDb(Postgres);
}

session_factory! {
    pub struct Generic<T>(Postgres);
}

session_factory! {}

session_factory! {
    pub struct NoSemicolon(Postgres)
}

fn main() {}
