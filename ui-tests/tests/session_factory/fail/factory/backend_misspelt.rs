// mistakes: 4
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgress);
    pub struct Second(SQLite);
    pub struct Third(postgres);
    pub struct Fourth(Sqilte);
}

fn main() {}
