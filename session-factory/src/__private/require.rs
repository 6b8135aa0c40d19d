//! Stops the build, in the user's words, when a factory's backend is not compiled in.

macro_rules! require {
    ($feature:literal, $backend:literal, $hidden:ident as $name:ident) => {
        #[cfg(feature = $feature)]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            () => {};
        }
        #[cfg(not(feature = $feature))]
        #[doc(hidden)]
        #[macro_export]
        macro_rules! $hidden {
            () => {
                ::core::compile_error!(::core::concat!(
                    "`",
                    $backend,
                    "` needs the feature `",
                    $feature,
                    "` of session-factory; write in Cargo.toml: session-factory = { version = \"0.1\", features = [\"",
                    $feature,
                    "\"] }"
                ));
            };
        }
        pub use $hidden as $name;
    };
}

require!(
    "postgres",
    "Postgres",
    __session_factory_require_postgres as require_postgres
);
require!(
    "sqlite",
    "Sqlite",
    __session_factory_require_sqlite as require_sqlite
);

#[doc(hidden)]
#[macro_export]
macro_rules! __session_factory_require_mysql {
    () => {
        ::core::compile_error!(
            "`Mysql` is not supported by this version of session-factory; write `Postgres` or `Sqlite`"
        );
    };
}
pub use __session_factory_require_mysql as require_mysql;
