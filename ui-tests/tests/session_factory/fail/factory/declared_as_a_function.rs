use session_factory::session_factory;

session_factory! {
    fn app_db(Postgres);
}

fn main() {}
