#![deny(warnings, clippy::pedantic)]
#![allow(
    clippy::missing_errors_doc,
    clippy::multiple_bound_locations,
    clippy::needless_lifetimes,
    clippy::no_effect_underscore_binding,
    clippy::unused_async,
    clippy::used_underscore_binding,
    reason = "of the functions as they are written here, not of what the macro makes of them"
)]
//! Free functions: by value, by reference, with patterns, generics, lifetimes and `impl Trait`.

use diesel::result::QueryResult;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    /// The database.
    pub struct AppDb(Sqlite);
}

/// Some of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// From where.
    pub offset: i64,
    /// How many.
    pub limit: i64,
}

/// No arguments.
#[with_session]
pub async fn nothing(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    let _ = db.in_transaction();
    Ok(())
}

/// diesel's own alias.
#[with_session]
pub async fn alias(_db: &mut Session<AppDb>, id: i32) -> QueryResult<i32> {
    Ok(id)
}

#[with_session]
pub async fn patterns(
    _: &mut Session<AppDb>,
    Page { offset, limit }: Page,
    (a, _): (i64, i64),
    mut sum: i64,
    _unused: i64,
    _: u8,
) -> QueryResult<i64> {
    sum += offset + limit + a;
    Ok(sum)
}

#[with_session]
pub async fn generic<T: Send + Clone, const N: usize>(
    _db: &mut Session<AppDb>,
    items: &[T],
) -> QueryResult<[T; N]>
where
    T: Default + Copy,
{
    let _ = items;
    Ok([T::default(); N])
}

#[with_session]
pub async fn only_turbofish<T: Default + Send>(_db: &mut Session<AppDb>) -> QueryResult<usize> {
    Ok(size_of_val(&T::default()))
}

#[with_session]
pub async fn lifetimes<'a, 'b>(
    _db: &'b mut Session<AppDb>,
    name: &'a str,
    _other: &str,
) -> QueryResult<&'a str> {
    Ok(name)
}

#[with_session]
pub async fn elided(_db: &'_ mut Session<AppDb>, name: String) -> QueryResult<String> {
    Ok(name)
}

#[with_session]
pub async fn impl_trait_in(
    _db: &mut Session<AppDb>,
    name: impl Into<String> + Send,
    ids: impl IntoIterator<Item = i32> + Send,
) -> QueryResult<(String, i32)> {
    Ok((name.into(), ids.into_iter().sum()))
}

#[with_session]
pub async fn impl_trait_out(
    _db: &mut Session<AppDb>,
    fail: bool,
) -> Result<impl Iterator<Item = i32> + Send, SessionError> {
    if fail {
        return Err(diesel::result::Error::NotFound.into());
    }
    let three: i32 = "3".parse().map_err(|_| diesel::result::Error::NotFound)?;
    Ok(0..three)
}

#[with_session]
async fn r#type(_db: &mut Session<AppDb>, r#match: i32) -> QueryResult<i32> {
    Ok(r#match)
}

#[with_session(joined = "renamed_within")]
async fn renamed(_db: &mut Session<AppDb>) -> QueryResult<()> {
    Ok(())
}

#[with_session(joined = false)]
async fn alone(_db: &mut Session<AppDb>, mut id: i32) -> QueryResult<i32> {
    if id > 100 {
        return Ok(id);
    }
    id += Ok::<_, diesel::result::Error>(1)?;
    Ok(id)
}

#[with_session]
async fn calls_others(db: &mut Session<AppDb>) -> Result<i32, SessionError> {
    nothing_in(db).await?;
    renamed_within(db).await?;
    let page = Page {
        offset: 1,
        limit: 2,
    };
    patterns_in(db, page, (1, 2), 3, 4, 5).await?;
    let name = String::from("x");
    assert_eq!(lifetimes_in(db, &name, "").await?, "x");
    let all: [i32; 2] = generic_in(db, &[1]).await?;
    type_in(db, all[0]).await?;
    Ok(impl_trait_out_in(db, false).await?.sum())
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned(nothing());
    spawned(alias(1));
    spawned(patterns(
        Page {
            offset: 1,
            limit: 2,
        },
        (1, 2),
        3,
        4,
        5,
    ));
    spawned(generic::<i32, 3>(&[1]));
    spawned(only_turbofish::<u8>());
    spawned(lifetimes("a", "b"));
    spawned(elided(String::new()));
    spawned(impl_trait_in("a", [1, 2]));
    spawned(impl_trait_out(true));
    spawned(r#type(1));
    spawned(renamed());
    spawned(alone(1));
    spawned(calls_others());
}
