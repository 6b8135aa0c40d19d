// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Oracle);
    pub struct Second(Mongo);
    pub struct Third(SqlServer);
    pub struct Fourth(Redis);
    pub struct Fifth(DuckDb);
}

fn main() {}
