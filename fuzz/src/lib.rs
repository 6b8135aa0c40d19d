//! Both macros as plain functions, run on arbitrary token trees and on real functions that were changed; with the
//! feature `drivers` also database URLs (`--urls`).
//!
//! What is promised for every input: no panic; every error has a place in the input; what is emitted without
//! an error parses as Rust. `cargo xtask fuzz` runs it for as long as it is told, a test for two seconds.
//!
//! A crate of macros exports nothing but those, so its modules are taken in here by their path
//! (`docs/decisions/0007-fuzzing.md`).

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
