//! The examples of session-factory: `quickstart` (`SQLite`, no set-up) and `service` (`PostgreSQL`).
//! Both run the functions of `shared/bank.rs`.
