//! Runs both macros as plain functions on random token trees and on real functions with changes.
//! With the feature `drivers`, it also tries database URLs (`--urls`).
//!
//! The promises for every input: no panic; every error has a place in the input; output without an
//! error parses as Rust. `cargo xtask fuzz` runs it for a chosen time, a test for two seconds.
//!
//! A crate of macros can export nothing else, so its modules are included here by their paths
//! (`docs/decisions/0011-fuzzing.md`).

extern crate proc_macro;

#[path = "../../session-factory-macros/src/diagnostics.rs"]
mod diagnostics;
#[path = "../../session-factory-macros/src/duration.rs"]
mod duration;
#[path = "../../session-factory-macros/src/session_factory/mod.rs"]
mod session_factory;
#[path = "../../session-factory-macros/src/with_session/mod.rs"]
mod with_session;

mod arbitrary;
mod check;
mod corpus;
mod input;
mod mutate;
mod run;
mod signatures;
#[cfg(feature = "drivers")]
mod urls;

pub use check::Problem;
pub use run::{Finding, Report, Settings, repeat, run};
#[cfg(feature = "drivers")]
pub use urls::{Leak, Secret, UrlReport, repeat_url, run_urls};
