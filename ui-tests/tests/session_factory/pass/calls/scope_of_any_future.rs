use std::pin::Pin;

use session_factory::{Factory, Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

fn spawned<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) -> T {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let task = runtime.spawn(future);
    runtime.block_on(task).expect("no panic")
}

fn in_scope<T: Future + Send>(
    factory: Factory<AppDb>,
    future: T,
) -> impl Future<Output = T::Output> + Send {
    factory.scope(future)
}

fn main() -> Result<(), SessionError> {
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let factory = Factory::<AppDb>::new(config.expect("it is complete"));
    let boxed: Pin<Box<dyn Future<Output = i32> + Send>> = Box::pin(async { 5 });
    assert_eq!(spawned(factory.scope(boxed)), 5);
    assert_eq!(spawned(in_scope(factory.clone(), std::future::ready("a"))), "a");
    assert_eq!(spawned(factory.scope(factory.scope(async { 'b' }))), 'b');
    spawned(factory.scope(clear()))
}
