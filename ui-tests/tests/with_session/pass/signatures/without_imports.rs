#![no_implicit_prelude]


mod inner {
    ::session_factory::session_factory! {
        pub struct AppDb(Sqlite) {
            batch: u32 = env("BATCH", default = 1),
        }
    }

    #[::session_factory::with_session]
    pub async fn run(
        db: &mut ::session_factory::Session<AppDb>,
        id: i32,
    ) -> ::std::result::Result<i32, ::session_factory::SessionError> {
        let _ = db;
        ::std::result::Result::Ok(id)
    }

    #[::session_factory::with_session(joined = false)]
    pub async fn inlined(
        db: &mut ::session_factory::Session<AppDb>,
    ) -> ::std::result::Result<(), ::session_factory::SessionError> {
        let _ = db;
        ::std::result::Result::Ok(())
    }
}

// Names that an expansion must not run into.
#[allow(non_camel_case_types, dead_code)]
mod core {}
#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;

fn main() {
    ::std::mem::drop(inner::run(1));
    ::std::mem::drop(inner::inlined());
}
