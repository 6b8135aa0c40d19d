//! The examples do what their readers are told.
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
