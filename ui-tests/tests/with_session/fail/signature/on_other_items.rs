// mistakes: 5
use session_factory::{session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
struct Users;

#[with_session]
impl Users {
    fn nothing() {}
}

#[with_session]
trait Repository {}

#[with_session]
mod repository {}

#[with_session]
const LIMIT: u32 = 1;

fn users() -> Users {
    Users::nothing();
    repository::nothing();
    Users
}

fn main() {}
