use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn elided(_db: &mut Session<AppDb>, name: &str) -> QueryResult<usize> {
    Ok(name.len())
}

#[with_session]
async fn named<'a, 'b: 'a>(_db: &mut Session<AppDb>, a: &'a str, b: &'b str) -> QueryResult<&'a str> {
    Ok(if a.is_empty() { b } else { a })
}

#[with_session]
async fn of_the_session<'s, 'a>(_db: &'s mut Session<AppDb>, a: &'a str) -> QueryResult<&'a str> {
    Ok(a)
}

#[with_session]
async fn forever(_db: &mut Session<AppDb>) -> QueryResult<&'static str> {
    Ok("x")
}

struct Names<'a>(&'a [String]);

impl<'a> Names<'a> {
    #[with_session]
    async fn first(&self, _db: &mut Session<AppDb>) -> QueryResult<Option<&'a str>> {
        Ok(self.0.first().map(String::as_str))
    }

    #[with_session]
    async fn longest<'b>(&'b self, _db: &mut Session<AppDb>, other: &'b str) -> QueryResult<&'b str> {
        Ok(self.0.first().map_or(other, |name| name))
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let names = [String::new()];
    spawned((elided("a"), named("a", "b"), of_the_session("a"), forever(), Names(&names).first()));
    spawned(Names(&names).longest("x"));
}
