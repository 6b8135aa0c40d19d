use session_factory::session_factory;

session_factory! {
    pub struct 2Db(Sqlite);
}

fn main() {}
