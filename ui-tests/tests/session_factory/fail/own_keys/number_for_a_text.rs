use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        name: String = env("NAME", default = 5),
    }
}

fn main() {}
