use session_factory::session_factory;

session_factory! {
    pub struct One(Sqlite);
}

session_factory! {
    pub struct Two(Postgres) {
        url = env("TWO_URL"),
    };
}

fn main() {
    assert_eq!((One::KEYS[0].name, Two::KEYS[0].name), ("DATABASE_URL", "TWO_URL"));
}
