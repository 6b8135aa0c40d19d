use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Postgres);

    /// The reports.
}

fn main() {}
