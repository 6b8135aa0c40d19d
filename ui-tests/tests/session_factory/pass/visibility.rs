mod db {
    use session_factory::session_factory;

    session_factory! {
        pub(crate) struct Crate(Sqlite);
        pub(super) struct Parent(Sqlite) {
            prefix = "PARENT_",
        }
        struct Private(Sqlite) {
            prefix = "PRIVATE_",
        }
    }

    pub fn name() -> &'static str {
        Private::KEYS[0].name
    }
}

fn main() {
    assert_eq!(db::Crate::KEYS[0].name, "DATABASE_URL");
    assert_eq!(db::Parent::KEYS[0].name, "PARENT_DATABASE_URL");
    assert_eq!(db::name(), "PRIVATE_DATABASE_URL");
}
