use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn run(_db: &mut Session<AppDb>, id: i32, name: String, text: &str, by: &mut u32) -> QueryResult<usize> {
    *by += 1;
    Ok(name.len() + text.len() + usize::try_from(id).unwrap_or(0))
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let mut by = 0;
    spawned(run(1, String::new(), "", &mut by));
}
