//! Macros around the code of `session_factory!` that needs a factory's driver. If the backend's
//! feature is on, they expand to that code. If it is off, they expand to one error that says so,
//! and to the names that the application uses.

/// PostgreSQL.
#[cfg(feature = "postgres")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => { $($items)* };
}

/// PostgreSQL, with the feature off.
#[cfg(not(feature = "postgres"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => {
        $crate::__private::__session_factory_broken! {
            [$($names)*]
            "the backend `Postgres` needs the feature `postgres`, which is off; write \
             `session-factory = { version = \"…\", features = [\"postgres\"] }` in Cargo.toml"
        }
        $($uses)*
    };
}

/// SQLite.
#[cfg(feature = "sqlite")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => { $($items)* };
}

/// SQLite, with the feature off.
#[cfg(not(feature = "sqlite"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => {
        $crate::__private::__session_factory_broken! {
            [$($names)*]
            "the backend `Sqlite` needs the feature `sqlite`, which is off; write \
             `session-factory = { version = \"…\", features = [\"sqlite\"] }` in Cargo.toml"
        }
        $($uses)*
    };
}

/// MySQL and MariaDB.
#[cfg(feature = "mysql")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_mysql {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => { $($items)* };
}

/// MySQL and MariaDB, with the feature off.
#[cfg(not(feature = "mysql"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_mysql {
    ([$($names:tt)*] { $($uses:tt)* } $($items:tt)*) => {
        $crate::__private::__session_factory_broken! {
            [$($names)*]
            "the backend `Mysql` needs the feature `mysql`, which is off; write \
             `session-factory = { version = \"…\", features = [\"mysql\"] }` in Cargo.toml"
        }
        $($uses)*
    };
}

/// Declares the names of a factory whose backend is off, as a type about which the compiler reports no further
/// errors. `expand/broken.rs` of the macros explains how.
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_broken {
    ([$vis:vis $broken:ident $name:ident $config:ident] $message:literal) => {
        #[doc(hidden)]
        #[allow(dead_code, unreachable_pub)]
        $vis trait $broken {
            type Error;
        }
        #[allow(dead_code, unreachable_pub)]
        $vis type $name = dyn $broken<Error = [(); { let () = ::core::compile_error!($message); 0 }]>;
        #[allow(dead_code, unreachable_pub)]
        $vis type $config = $name;
    };
}

pub use crate::{
    __session_factory_broken, __session_factory_mysql, __session_factory_postgres,
    __session_factory_sqlite,
};
