#![no_implicit_prelude]

mod inner {
    ::session_factory::session_factory! {
        pub struct AppDb(Sqlite) {
            pool_size = 5,
            max_overflow = 0,
        }
    }

    fn keep<T, E>(_: &::std::result::Result<T, E>) -> ::std::primitive::bool {
        true
    }

    #[::session_factory::with_session(
        isolation = "serializable", immediate, timeout = "5s", retry = 5, savepoint, requires_new,
        commit_on = keep, detach,
    )]
    pub async fn run(
        db: &mut ::session_factory::Session<AppDb>,
        name: ::std::string::String,
    ) -> ::std::result::Result<::std::string::String, ::session_factory::SessionError> {
        let _ = db;
        ::std::result::Result::Ok(name)
    }
}

fn main() {
    ::std::mem::drop(inner::run(::std::string::String::new()));
}
