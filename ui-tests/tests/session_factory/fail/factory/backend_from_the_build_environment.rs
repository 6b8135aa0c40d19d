use session_factory::session_factory;

session_factory! {
    pub struct AppDb(build_env("BACKEND"));
}

fn main() {}
