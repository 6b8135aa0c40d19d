//! The examples of session-factory: `quickstart` (`SQLite`, no set-up) and `service` (`PostgreSQL`), which both
//! run the functions of `shared/bank.rs`; and `doctor`, which looks at a configuration and its server.
