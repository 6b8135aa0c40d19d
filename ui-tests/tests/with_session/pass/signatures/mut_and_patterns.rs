use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

struct Page {
    from: i64,
}

#[with_session]
async fn run(
    mut db: &mut Session<AppDb>,
    mut id: i32,
    (a, mut b): (i32, i32),
    [x, ..]: [u8; 3],
    Page { from }: Page,
    &c: &i32,
    _: String,
    all @ (_, _): (u8, u8),
) -> QueryResult<i32> {
    let _ = &mut db;
    id += a;
    b += id;
    let _ = (x, from, all);
    Ok(b + c)
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(run(1, (1, 2), [1, 2, 3], Page { from: 1 }, &1, String::new(), (1, 2)));
}
