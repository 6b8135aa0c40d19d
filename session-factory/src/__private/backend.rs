//! What `session_factory!` wraps the code in that needs the driver of a factory. With the backend's
//! feature on it is that code; with the feature off it is the one error that says so.

/// PostgreSQL.
#[cfg(feature = "postgres")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    ($($items:tt)*) => { $($items)* };
}

/// PostgreSQL, with the feature off.
#[cfg(not(feature = "postgres"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    ($($items:tt)*) => {
        ::core::compile_error!(
            "the backend `Postgres` needs the feature `postgres`, which is off; write \
             `session-factory = { version = \"…\", features = [\"postgres\"] }` in Cargo.toml"
        );
    };
}

/// SQLite.
#[cfg(feature = "sqlite")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    ($($items:tt)*) => { $($items)* };
}

/// SQLite, with the feature off.
#[cfg(not(feature = "sqlite"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    ($($items:tt)*) => {
        ::core::compile_error!(
            "the backend `Sqlite` needs the feature `sqlite`, which is off; write \
             `session-factory = { version = \"…\", features = [\"sqlite\"] }` in Cargo.toml"
        );
    };
}

/// MySQL and MariaDB.
#[cfg(feature = "mysql")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_mysql {
    ($($items:tt)*) => { $($items)* };
}

/// MySQL and MariaDB, with the feature off.
#[cfg(not(feature = "mysql"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_mysql {
    ($($items:tt)*) => {
        ::core::compile_error!(
            "the backend `Mysql` needs the feature `mysql`, which is off; write \
             `session-factory = { version = \"…\", features = [\"mysql\"] }` in Cargo.toml"
        );
    };
}

pub use crate::{__session_factory_mysql, __session_factory_postgres, __session_factory_sqlite};
