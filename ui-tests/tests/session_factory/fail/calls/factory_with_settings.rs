use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite);
}

fn main() {
    let _db = AppDb { pool_size: 5 };
}
