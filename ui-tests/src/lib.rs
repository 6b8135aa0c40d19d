//! What the compiler says about mistakes with the two macros, and what it must accept: the cases are
//! the files in `tests/with_session` and `tests/session_factory`, one mistake each, run by
//! `tests/ui.rs`. A single case: `cargo test -p session-factory-ui-tests -- ui trybuild=not_async`.
