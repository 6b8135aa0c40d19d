//! A crate that uses the macros and denies everything: nothing from their expansions may fire. What is allowed here
//! is about the functions as they are written.
#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    rust_2018_idioms,
    unreachable_pub,
    unused_qualifications,
    unused_lifetimes,
    unused_results,
    single_use_lifetimes,
    let_underscore_drop,
    trivial_casts,
    trivial_numeric_casts,
    unsafe_code,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::cargo,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::shadow_unrelated,
    clippy::dbg_macro,
    clippy::print_stdout,
    clippy::todo,
    clippy::unreachable
)]
#![allow(
    clippy::cargo_common_metadata,
    clippy::multiple_crate_versions,
    clippy::wildcard_dependencies,
    reason = "of the dependencies, not of the code"
)]

pub mod functions;
pub mod methods;
pub mod options;
pub mod with_others;

use session_factory::{SessionError, session_factory};

session_factory! {
    /// The application's database.
    pub struct AppDb(Postgres);
}

session_factory! {
    /// An embedded one, with everything set.
    pub struct Embedded(Sqlite) {
        prefix = "EMBEDDED_",
        url = env("EMBEDDED_URL"),
        echo = env("EMBEDDED_ECHO", default = true),
        pool_size = 5,
        max_overflow = 0,
        slow_statement = "250ms",
        /// Rows per batch.
        batch: u32 = env("EMBEDDED_BATCH", default = 500),
        /// Where to write.
        folder: String = "/tmp",
        /// More switches than a struct of the application's own may have.
        compress: bool = env("EMBEDDED_COMPRESS", default = false),
        /// See above.
        encrypt: bool = env("EMBEDDED_ENCRYPT", default = false),
        /// See above.
        verify: bool = env("EMBEDDED_VERIFY", default = false),
    }
}

/// The application's error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppError {
    /// The session's own.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The query's.
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
}
