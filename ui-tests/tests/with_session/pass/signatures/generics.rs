use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn typed<T, const N: usize>(_db: &mut Session<AppDb>, values: [T; N]) -> QueryResult<Vec<T>>
where
    T: Clone + Send + Sync,
{
    Ok(values.to_vec())
}

#[with_session]
async fn turbofish<T: Default + Send>(_db: &mut Session<AppDb>) -> QueryResult<T> {
    Ok(T::default())
}

#[with_session]
async fn bounded<F>(_db: &mut Session<AppDb>, with: F) -> QueryResult<String>
where
    F: for<'x> Fn(&'x str) -> &'x str + Send + Sync,
{
    Ok(with("a").to_owned())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((typed([1, 2]), turbofish::<u8>(), bounded(|text| text)));
}
