use diesel::result::QueryResult;
use session_factory::{Session, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

macro_rules! annotated {
    ($vis:vis $name:ident($arg:ident: $ty:ty) -> $out:ty $body:block) => {
        #[with_session]
        $vis async fn $name(db: &mut Session<AppDb>, $arg: $ty) -> $out {
            let _ = db;
            $body
        }
    };
    (impl $type:ident, $name:ident) => {
        impl $type {
            #[with_session]
            async fn $name(_db: &mut Session<AppDb>) -> QueryResult<i32> {
                Ok(1)
            }
        }
    };
    (whole $session:ty, $factory:ident, $backend:ident) => {
        session_factory! {
            pub struct $factory($backend) {
                prefix = "OTHER_",
            }
        }

        #[with_session]
        async fn whole(_db: &mut $session) -> QueryResult<i32> {
            Ok(1)
        }
    };
}

annotated!(pub by_parts(id: i32) -> QueryResult<i32> { Ok(id) });
struct Users;
annotated!(impl Users, count);
annotated!(whole Session<Other>, Other, Sqlite);

fn main() {
    drop(by_parts(1));
    drop(Users::count());
    drop(whole());
}
