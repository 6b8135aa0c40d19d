use session_factory::session_factory;

session_factory! {
    pub struct r#type(Sqlite) {
        r#fn: u8 = env("FN", default = 1),
    }
}

fn main() {
    assert_eq!(<r#type>::KEYS[0].name, "DATABASE_URL");
}
