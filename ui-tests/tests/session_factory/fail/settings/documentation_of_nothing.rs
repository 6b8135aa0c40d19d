use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres) {
        echo = true,
        /// Rows per batch.
    }
}

fn main() {}
