// mistakes: 5
use session_factory::session_factory;

session_factory! {
    pub struct AppDb(build_env("SESSION_FACTORY_NOBODY_SETS_THIS"));
    // Cargo sets it to the name of a package.
    pub struct Second(build_env("CARGO_PKG_NAME", default = "sqlite"));
    pub struct Third(build_env("SESSION_FACTORY_NOBODY_SETS_THIS", default = "oracle"));
    pub struct Fourth(env("BACKEND"));
    pub struct Fifth(build_env("SESSION_FACTORY_NOBODY_SETS_THIS", default = "mysql"));
}

fn main() {}
