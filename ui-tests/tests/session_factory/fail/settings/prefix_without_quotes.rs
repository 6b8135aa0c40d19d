use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        prefix = REPORTS_,
    }
}

fn main() {}
