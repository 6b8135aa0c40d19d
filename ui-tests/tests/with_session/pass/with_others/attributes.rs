use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
#[must_use]
#[deprecated(note = "old")]
#[inline]
#[allow(clippy::unused_async)]
async fn many(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[with_session]
#[cfg(any())]
async fn never(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(no_such_function(NO_SUCH_NAME))
}

#[with_session]
#[cfg_attr(all(), doc = "Here.")]
async fn parameters(
    _db: &mut Session<AppDb>,
    #[cfg(any())] missing: NoSuchType,
    #[cfg(all())] there: i32,
) -> QueryResult<i32> {
    Ok(there)
}

#[with_session]
#[expect(unused_variables)]
async fn expected(db: &mut Session<AppDb>, id: i32) -> QueryResult<()> {
    Ok(())
}

#[with_session]
#[tokio::main]
async fn runs_here(_db: &mut Session<AppDb>) -> QueryResult<i32> {
    Ok(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[with_session]
    #[tokio::test]
    async fn a_test(_db: &mut Session<AppDb>) -> QueryResult<()> {
        Ok(())
    }
}

fn main() {
    #[allow(deprecated)]
    drop((many(), async { many_in(&mut AppDb::create_session().await.unwrap()).await }));
    drop(parameters(1));
    drop(expected(1));
    let synchronous: fn() -> QueryResult<i32> = runs_here;
    let _ = synchronous;
}
