// mistakes: 3
use session_factory::session_factory;

session_factory! {
    pub struct AppDb;
}

session_factory! {
    pub struct Other();
}

session_factory! {
    pub struct Third { url: String }
}

fn main() {}
