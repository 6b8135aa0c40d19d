use session_factory::session_factory;

session_factory! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    #[allow(dead_code)]
    pub struct AppDb(Sqlite);
}

fn main() {
    fn is<T: Copy + Eq>() {}
    is::<AppDb>();
}
