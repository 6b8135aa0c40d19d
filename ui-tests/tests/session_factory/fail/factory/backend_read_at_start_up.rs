use session_factory::session_factory;

session_factory! {
    pub struct AppDb(env("BACKEND"));
}

fn main() {}
