//! The examples do what their documentation says.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

use session_factory_tests::PgBed;

fn example(name: &str) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .env_remove("DATABASE_URL")
        .args(["run", "--quiet", "--example", name]);
    command
}

/// The doctor in a separate folder, with no variable set.
fn doctor(folder: &tempfile::TempDir) -> Command {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(folder.path())
        .args(["run", "--quiet", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .args(["--example", "doctor"]);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy();
        if name.starts_with("DB_") || name.starts_with("DATABASE_") {
            command.env_remove(&*name);
        }
    }
    command
}

/// The exit status, the standard output, and the standard error output.
fn examined(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

fn shown(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_quickstart_shows_each_exit_path_with_nothing_set() {
    let shown = shown(&mut example("quickstart"));
    let outcome = |ending: &str| {
        let line = shown.lines().find(|line| line.starts_with(ending));
        let line = line.unwrap_or_else(|| panic!("{ending} is missing in\n{shown}"));
        (line.contains(" committed "), line.contains(" rolled back "))
    };
    for ending in ["Ok ", "early return", "create_session", "background job"] {
        assert_eq!(outcome(ending), (true, false), "{ending}\n{shown}");
    }
    for ending in ["Err", "`?`", "panic", "timeout", "cancelled"] {
        assert_eq!(outcome(ending), (false, true), "{ending}\n{shown}");
    }
}

#[tokio::test]
async fn the_service_runs_the_same_functions_on_postgres() {
    let bed = PgBed::new().await;
    let mut service = example("service");
    service
        .args(["--features", "postgres"])
        .env("DATABASE_URL", bed.database.url());
    let shown = shown(&mut service);
    assert!(shown.contains("transfer of 10: committed"), "{shown}");
    let sum = bed
        .database
        .integer("SELECT sum(balance)::bigint FROM accounts")
        .await;
    assert!((201..=202).contains(&sum), "200 and 1% interest: {sum}");
}

#[test]
fn the_doctor_says_what_to_set_when_nothing_is() {
    let folder = tempfile::tempdir().unwrap();
    let (status, table, complaint) = examined(&mut doctor(&folder));
    assert_eq!(status, Some(1), "{table}{complaint}");
    assert!(
        table.contains("DATABASE_URL ") && table.contains("WRONG"),
        "{table}"
    );
    for part in [
        "DATABASE_URL is not set; expected a URL for PostgreSQL",
        "DATABASE_URL=postgres://user:password@localhost/app cargo run --example doctor",
    ] {
        assert!(complaint.contains(part), "{part} in {complaint}");
    }
}

#[tokio::test]
async fn the_doctor_looks_at_the_server() {
    let bed = PgBed::new().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join(".env"),
        format!("DATABASE_URL='{}'\nDB_POOL_SIZE=3\n", bed.database.url()),
    )
    .unwrap();
    let (status, report, complaint) = examined(doctor(&folder).env("DB_MAX_OVERFLOW", "2"));
    assert_eq!(status, Some(0), "{report}{complaint}");
    for part in [
        "DATABASE_URL               .env         [redacted]",
        "DB_POOL_SIZE               .env         3",
        "DB_MAX_OVERFLOW            environment  2",
        "Nothing is wrong with it.",
        "server       PostgreSQL ",
        "TLS          off",
        "round trip   ",
        "in between   nothing that changes the protocol",
        "connections  5 (pool_size + max_overflow) x 1 = 5 of ",
        "they fit",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let (status, report, _) = examined(doctor(&folder).args(["--", "100000"]));
    assert_eq!(status, Some(1), "{report}");
    assert!(report.contains(" x 100000 = 1300000 of "), "{report}");
    assert!(
        report.contains("TOO MANY: set DB_POOL_SIZE and DB_MAX_OVERFLOW"),
        "{report}"
    );

    // A database's lower limit counts, not the server's.
    bed.run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 8', current_database()); END $$")
        .await;
    let (status, report, _) = examined(&mut doctor(&folder));
    assert_eq!(status, Some(1), "{report}");
    assert!(report.contains("= 13 of 8: "), "{report}");

    let wrong = bed.database.url_with_password("not-the-password");
    let (status, _, complaint) = examined(doctor(&folder).env("DATABASE_URL", wrong));
    assert_eq!(status, Some(1), "{complaint}");
    assert!(!complaint.contains("not-the-password"), "{complaint}");
}
