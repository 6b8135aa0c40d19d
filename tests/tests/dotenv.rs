//! `.env` is read at start-up, on request, and below the variables that are set.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::process::Command;

use tempfile::TempDir;

const ENV: &str = "\
# what a developer has
APP_DATABASE_URL='sqlite::memory:'
APP_BATCH=7
";

/// A folder with a `.env`, and the folder below it in which the program runs.
fn folder(env: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(".env"), env).unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    folder
}

fn run(folder: &TempDir, mode: &str, set: &[(&str, &str)]) -> Result<String, String> {
    let mut program = Command::new(env!("CARGO_BIN_EXE_configured"));
    program
        .arg(mode)
        .current_dir(folder.path().join("below"))
        .env_remove("APP_DATABASE_URL")
        .env_remove("APP_BATCH")
        .envs(set.iter().copied());
    let output = program.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let all = format!("{printed}{errors}");
    assert!(!all.contains("hunter2"), "{all}");
    if output.status.success() {
        Ok(printed)
    } else {
        Err(all)
    }
}

#[test]
fn it_is_read_when_it_is_asked_for_and_the_environment_is_left_alone() {
    let folder = folder(ENV);
    for mode in ["from_dotenv", "dotenv = true", "init_from_dotenv"] {
        let printed = run(&folder, mode, &[]).unwrap();
        assert!(
            printed.ends_with("batch 7, in the environment: false\n"),
            "{mode}: {printed}"
        );
    }
    let error = run(&folder, "from_env", &[]).unwrap_err();
    assert!(error.contains("APP_DATABASE_URL is not set"), "{error}");
}

#[test]
fn it_is_never_over_a_variable_that_is_set() {
    let folder = folder(ENV);
    let printed = run(&folder, "dotenv = true", &[("APP_BATCH", "9")]).unwrap();
    assert!(printed.starts_with("batch 9,"), "{printed}");
    // An empty variable is set, so `.env` does not apply, and its key has the default.
    let printed = run(&folder, "dotenv = true", &[("APP_BATCH", "")]).unwrap();
    assert!(printed.starts_with("batch 500,"), "{printed}");
}

#[test]
fn without_a_file_there_is_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("below")).unwrap();
    let url = [("APP_DATABASE_URL", "sqlite::memory:")];
    let printed = run(&folder, "init_from_dotenv", &url).unwrap();
    assert!(printed.contains("batch 500,"), "{printed}");
}

#[test]
fn the_table_says_what_is_from_the_file_before_and_after_it_was_asked_for() {
    let folder = folder(ENV);
    let printed = run(&folder, "init_from_dotenv", &[("APP_DB_ECHO", "no")]).unwrap();
    let row = |key: &str| {
        let line = printed.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(row("APP_BATCH"), "APP_BATCH .env 7");
    assert_eq!(row("APP_DB_ECHO"), "APP_DB_ECHO environment no");
    assert_eq!(row("APP_DATABASE_URL"), "APP_DATABASE_URL .env [redacted]");
    let tables = run(&folder, "describe", &[]).unwrap();
    assert_eq!(tables.matches("WRONG: not set").count(), 1, "{tables}");
}

#[test]
fn a_line_that_cannot_be_read_is_named_and_not_shown() {
    let folder = folder(&format!(
        "{ENV}\nmy password is hunter2\nAPP_DB_POOL_SIZE=many\n"
    ));
    let error = run(&folder, "init_from_dotenv", &[]).unwrap_err();
    for part in [
        ".env, line 5 is malformed; expected `KEY=value`",
        "APP_DB_POOL_SIZE is malformed; expected a whole number of at least 1, such as 5; found `many`",
        "WRONG: ",
        "2 things are wrong with it.",
    ] {
        assert!(error.contains(part), "{part} in {error}");
    }
}
