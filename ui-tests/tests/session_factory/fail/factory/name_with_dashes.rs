use session_factory::session_factory;

session_factory! {
    pub struct app-db(Sqlite);
}

fn main() {}
