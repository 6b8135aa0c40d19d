//! The accepted forms of a URL.

/// The schemes of a URL.
pub(in crate::driver::postgres) const SCHEMES: &[&str] = &["postgres", "postgresql"];

pub(super) const EXPECTED: &str = "expected postgres://user:password@host:5432/database";

/// A name and a value.
pub(super) type Pair = (String, String);
