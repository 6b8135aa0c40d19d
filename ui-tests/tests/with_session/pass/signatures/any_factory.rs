use diesel::result::QueryResult;
use session_factory::{Session, SessionFactory, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn on_any<F: SessionFactory>(_db: &mut Session<F>, id: i32) -> QueryResult<i32> {
    Ok(id)
}

struct Users<F>(std::marker::PhantomData<fn() -> F>);

impl<F: SessionFactory> Users<F> {
    #[with_session(retry = 5, timeout = "5s")]
    async fn name(&self, _db: &mut Session<F>) -> QueryResult<&'static str> {
        Ok(F::NAME)
    }
}

#[with_session(isolation = "read_committed")]
async fn on_postgres<F>(_db: &mut Session<F>) -> QueryResult<()>
where
    F: SessionFactory<Driver = session_factory::driver::Postgres>,
{
    Ok(())
}

session_factory! {
    pub struct Other(Postgres) {
        prefix = "OTHER_",
    }
}

fn spawned<T: Send>(_: T) {}

fn main() {
    spawned((on_any::<AppDb>(1), on_postgres::<Other>()));
    spawned(Users::<AppDb>(std::marker::PhantomData).name());
}
