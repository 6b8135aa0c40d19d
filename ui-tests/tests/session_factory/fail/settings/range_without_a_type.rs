use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        batch: 1..=1000 = 5,
    }
}

fn main() {}
