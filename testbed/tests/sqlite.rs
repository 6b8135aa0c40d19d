//! SQLite files that are created and removed.

use testbed::sqlite::{self, Database};

#[test]
fn a_database_file_is_used_and_removed() {
    let database = Database::new();
    assert!(database.url().starts_with("sqlite:///"));
    database.execute("CREATE TABLE t (s TEXT); INSERT INTO t VALUES ('a'), ('b')");
    assert_eq!(database.integer("SELECT count(*) FROM t"), 2);
    assert_eq!(database.text("SELECT max(s) FROM t"), "b");
    let path = database.path();
    assert!(path.exists());
    drop(database);
    assert!(!path.exists());
}

#[test]
fn a_writer_is_seen_by_its_lock() {
    use diesel::connection::SimpleConnection as _;

    let database = Database::new();
    let mut writer = database.connection();
    assert!(!database.is_locked());
    writer.batch_execute("BEGIN IMMEDIATE").unwrap();
    assert!(database.is_locked());
    writer.batch_execute("ROLLBACK").unwrap();
    assert!(!database.is_locked());
}

#[test]
fn says_its_version() {
    assert!(sqlite::version().starts_with("3."));
}
