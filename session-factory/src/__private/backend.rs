//! What `session_factory!` writes for the driver of a factory: a macro in the place of a type. With
//! the backend's feature on it is the driver; with the feature off it is the one error that says so,
//! and the compiler complains about nothing that follows from it.

/// PostgreSQL.
#[cfg(feature = "postgres")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    () => {
        $crate::driver::Postgres
    };
}

/// PostgreSQL, with the feature off.
#[cfg(not(feature = "postgres"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_postgres {
    () => {
        ::core::compile_error!(
            "the backend `Postgres` needs the feature `postgres`, which is off; write \
             `session-factory = { version = \"…\", features = [\"postgres\"] }` in Cargo.toml"
        )
    };
}

/// SQLite.
#[cfg(feature = "sqlite")]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    () => {
        $crate::driver::Sqlite
    };
}

/// SQLite, with the feature off.
#[cfg(not(feature = "sqlite"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_sqlite {
    () => {
        ::core::compile_error!(
            "the backend `Sqlite` needs the feature `sqlite`, which is off; write \
             `session-factory = { version = \"…\", features = [\"sqlite\"] }` in Cargo.toml"
        )
    };
}

/// MySQL, which there is no driver for.
#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_mysql {
    () => {
        ::core::compile_error!(
            "the backend `Mysql` is not supported yet by this version of session-factory; \
             write `Postgres` or `Sqlite`"
        )
    };
}

pub use crate::{__session_factory_mysql, __session_factory_postgres, __session_factory_sqlite};
