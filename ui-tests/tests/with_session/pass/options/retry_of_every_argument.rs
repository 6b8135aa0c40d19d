use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[derive(Clone)]
struct Page {
    from: i64,
}

#[with_session(retry = 5)]
async fn run<'a, T: Clone + Send, const N: usize>(
    _db: &mut Session<AppDb>,
    id: i32,
    mut name: String,
    borrowed: &'a str,
    counter: &mut u32,
    Page { from }: Page,
    (a, _): (Vec<T>, u8),
    array: [u8; N],
    into: impl Into<String> + Clone + Send,
    many: &[T],
) -> QueryResult<&'a str> {
    name.push('!');
    *counter += 1;
    let _ = (id, from, a, array, into.into(), many.len());
    Ok(borrowed)
}

fn main() {
    let mut counter = 0;
    drop(run(1, String::new(), "x", &mut counter, Page { from: 1 }, (vec![1], 2), [1, 2], "y", &[3]));
}
