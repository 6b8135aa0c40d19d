// mistakes: 8
use session_factory::session_factory;

// Cargo sets these: to `0`, and to the name of a package.
session_factory! {
    pub struct AppDb(Postgres) {
        pool_size = build_env("CARGO_PKG_VERSION_MAJOR"),
        echo = build_env("CARGO_PKG_NAME"),
        pool_timeout = build_env("CARGO_PKG_RUST_VERSION_X", default = "soon"),
        slow_acquire: "1s"..="1m" = build_env("CARGO_PKG_VERSION_MINOR"),
        max_overflow: 1..=5 = build_env("CARGO_PKG_VERSION_PATCH"),
        batch: u32 = build_env("CARGO_MANIFEST_DIR_IS_NOT_SET", default = "many"),
    }
    pub struct Other(Postgres) {
        prefix = "OTHER_",
        rows: i32 in 1.. = build_env("CARGO_PKG_VERSION_MINOR"),
        lines: std::time::Duration = build_env("CARGO_PKG_NAME_X", default = "soon"),
    }
}

fn main() {}
