#![deny(warnings, clippy::pedantic)]
#![allow(clippy::unused_async)]
//! A body that is put into a block has its type declared all the same: what the last expression, `return` and
//! `?` give is coerced to it.

use std::error::Error;
use std::fmt::Display;

use diesel::result::QueryResult;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

type Shown = Box<dyn Display + Send + Sync>;
type Failure = Box<dyn Error + Send + Sync>;

struct Users {
    name: String,
}

impl Users {
    #[with_session(savepoint)]
    async fn deref(&self, _db: &mut Session<AppDb>) -> QueryResult<&str> {
        Ok(&self.name)
    }

    #[with_session(joined = false)]
    async fn deref_alone(&self, _db: &mut Session<AppDb>, early: bool) -> QueryResult<&str> {
        if early {
            return Ok(&self.name);
        }
        Ok(&self.name)
    }

    #[with_session(joined = false, retry = 2)]
    async fn deref_again(&self, _db: &mut Session<AppDb>) -> QueryResult<&str> {
        Ok(&self.name)
    }
}

#[with_session(savepoint)]
async fn unsized_in_a_savepoint(_db: &mut Session<AppDb>, number: u8) -> Result<Shown, Failure> {
    if number == 0 {
        return Ok(Box::new("none"));
    }
    if number > 100 {
        return Err("too many".into());
    }
    let parsed: u8 = "1".parse()?;
    Ok(Box::new(number + parsed))
}

#[with_session(joined = false, detach)]
async fn unsized_and_detached(_db: &mut Session<AppDb>, number: u8) -> Result<Shown, Failure> {
    let parsed: u8 = "1".parse()?;
    Ok(Box::new(number + parsed))
}

#[with_session(savepoint)]
async fn slices<'a>(_db: &mut Session<AppDb>, all: &'a [u8; 3]) -> QueryResult<&'a [u8]> {
    Ok(all)
}

#[with_session(joined = false)]
async fn pointers(_db: &mut Session<AppDb>) -> QueryResult<[fn(&str) -> usize; 2]> {
    Ok([str::len, |text| text.chars().count()])
}

#[with_session(savepoint)]
async fn never_ok(_db: &mut Session<AppDb>) -> Result<u8, SessionError> {
    Err(diesel::result::Error::NotFound)?
}

#[with_session(savepoint)]
async fn never_returns(_db: &mut Session<AppDb>) -> Result<u8, SessionError> {
    loop {
        std::future::pending::<()>().await;
    }
}

#[with_session(joined = false)]
async fn not_there_yet(_db: &mut Session<AppDb>) -> Result<u8, SessionError> {
    unimplemented!()
}

#[with_session(savepoint)]
async fn inferred(_db: &mut Session<AppDb>, text: &str) -> Result<Vec<u16>, SessionError> {
    Ok(text.bytes().map(Into::into).collect())
}

#[with_session(savepoint)]
async fn hidden(_db: &mut Session<AppDb>) -> QueryResult<impl Iterator<Item = u16> + Send + use<>> {
    Ok([1_u8, 2].into_iter().map(Into::into))
}

fn spawned<T: Send>(_: T) {}

fn main() {
    let users = Users {
        name: String::new(),
    };
    spawned((users.deref(), users.deref_alone(true), users.deref_again()));
    spawned((unsized_in_a_savepoint(1), unsized_and_detached(1)));
    spawned((slices(&[1, 2, 3]), pointers(), never_ok(), never_returns()));
    spawned((not_there_yet(), inferred("x"), hidden()));
}
