use diesel::result::QueryResult;
use session_factory::{Session, SessionFactory, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session(requires_new)]
async fn audit(_db: &mut Session<AppDb>, text: &str) -> QueryResult<usize> {
    Ok(text.len())
}

session_factory! {
    pub struct Two(Sqlite) {
        prefix = "TWO_",
        pool_size = 1,
        max_overflow = 1,
    }
    pub struct Unknown(Sqlite) {
        prefix = "UNKNOWN_",
        pool_size = 1,
    }
}

#[with_session(requires_new)]
async fn on_two(_db: &mut Session<Two>) -> QueryResult<()> {
    Ok(())
}

#[with_session(requires_new)]
async fn on_unknown(_db: &mut Session<Unknown>) -> QueryResult<()> {
    Ok(())
}

// What is not known here is asked when it runs.
#[with_session(requires_new)]
async fn on_any<F: SessionFactory>(_db: &mut Session<F>) -> QueryResult<()> {
    Ok(())
}

struct Audit<F>(std::marker::PhantomData<fn() -> F>);

impl<F: SessionFactory> Audit<F> {
    #[with_session(requires_new)]
    async fn write(_db: &mut Session<F>) -> QueryResult<()> {
        Ok(())
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((audit("x"), on_two(), on_unknown()));
    spawned((on_any::<Two>(), Audit::<Two>::write()));
}
