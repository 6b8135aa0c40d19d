use session_factory::{Factory, Session, SessionFactory, session_factory};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[derive(Clone, Debug)]
struct State<F: SessionFactory> {
    factory: Factory<F>,
}

fn is_send<T: Send>() {}

fn main() {
    is_send::<State<AppDb>>();
    is_send::<Session<AppDb>>();
    let config = AppDbConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let state = State { factory: Factory::<AppDb>::new(config.expect("all others have defaults")) };
    assert!(format!("{:?}", state.clone()).contains("State"));
    drop(state.factory);
}
