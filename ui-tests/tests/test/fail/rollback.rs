use session_factory::session_factory;

session_factory! {
    pub struct AppDb(Sqlite);
}

#[session_factory::test(AppDb, rollback)]
async fn renames() {}

fn main() {}
