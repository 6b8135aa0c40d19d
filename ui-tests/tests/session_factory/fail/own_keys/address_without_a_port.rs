use std::net::SocketAddr;

use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        listen: SocketAddr = env("LISTEN", default = "127.0.0.1"),
    }
}

fn main() {}
