use session_factory::session_factory;

session_factory! {
    /// The application's database.
    ///
    /// It is one.
    #[allow(missing_docs)]
    #[doc(alias = "database")]
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub(crate) struct AppDb(Sqlite);
}

fn main() {
    fn is<T: Ord + std::hash::Hash>() {}
    is::<AppDb>();
}
