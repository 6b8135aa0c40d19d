//! The examples of session-factory. `quickstart` (`SQLite`, no set-up) and `service` (`PostgreSQL`)
//! run the functions of `shared/bank.rs`; `doctor` examines a configuration and its server.
