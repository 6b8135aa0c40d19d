//! Slow statements, slow waits, connections that are held for too long, and too many statements: one line each, and a
//! flood is one line a second.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;
use std::time::Duration;

use session_factory_tests::{LiteBed, LiteDbConfig, MyBed, PgBed};

/// What the program writes to the standard error stream.
fn shown(backend: &str, url: &str, mode: &str, settings: &[(&str, &str)]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_warnings"))
        .args([backend, mode])
        .env("DATABASE_URL", url)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
    shown.lines().map(str::to_owned).collect()
}

const LINE: &str = "tests/src/bin/warnings.rs:";

/// A line without its first word, its place and its times.
fn plain(line: &str) -> String {
    let line = line.strip_prefix("session_factory: ").expect(line);
    let mut words = Vec::new();
    for word in line.split(' ') {
        let bare = word.trim_matches(['(', ')', ',', ':', ';']);
        let is_time = bare.starts_with(|c: char| c.is_ascii_digit())
            && (bare.ends_with("ms") || bare.ends_with('s'));
        if word.starts_with('(') && word.contains(LINE) {
            words.push("(PLACE)");
        } else if is_time && !word.starts_with('(') {
            if words.last() != Some(&"TIME") {
                words.push("TIME");
            }
            if let Some(end) = word.strip_prefix(bare)
                && !end.is_empty()
            {
                words.pop();
                words.push(if end == "," { "TIME," } else { "TIME:" });
            }
        } else {
            words.push(word);
        }
    }
    words.join(" ")
}

macro_rules! suite {
    ($backend:ident, $bed:ident, $db:expr, $slow:expr, $summary:expr, $threshold:expr) => {
        mod $backend {
            use super::*;

            const NAME: &str = stringify!($backend);

            #[tokio::test]
            async fn a_slow_statement_is_one_line_with_function_place_time_rows_and_text() {
                let bed = $bed::new().await;
                let (url, limit) = (bed.database.url(), [("DB_SLOW_STATEMENT", $threshold)]);
                let lines = shown(NAME, &url, "slow", &limit);
                assert_eq!(lines.len(), 1, "{lines:#?}");
                assert!(lines[0].contains(LINE), "{}", lines[0]);
                // `execute` counts changed rows; PostgreSQL's command tag counts those that were read as well.
                let rows = if NAME == "postgres" { "1 row" } else { "0 rows" };
                let expected = format!(
                    "a statement of {}.slow (PLACE) took TIME, longer than slow_statement ({}), {rows}: {}",
                    $db, $threshold, $slow
                );
                assert_eq!(plain(&lines[0]), expected, "{}", lines[0]);
            }

            #[tokio::test]
            async fn a_slow_script_is_shown_by_its_summary_alone() {
                let bed = $bed::new().await;
                let limit = [("DB_SLOW_STATEMENT", $threshold)];
                let lines = shown(NAME, &bed.database.url(), "slow-script", &limit);
                let expected = format!(
                    "a statement of {}.slow_script (PLACE) took TIME, longer than slow_statement ({}): {}",
                    $db, $threshold, $summary
                );
                assert_eq!(lines.len(), 1, "{lines:#?}");
                assert_eq!(plain(&lines[0]), expected, "{}", lines[0]);
            }

            #[tokio::test]
            async fn what_is_off_or_fast_enough_is_not_reported() {
                let bed = $bed::new().await;
                for limit in ["off", "20s"] {
                    let limits = [("DB_SLOW_STATEMENT", limit), ("DB_SLOW_ACQUIRE", limit)];
                    for mode in ["slow", "full", "budget"] {
                        let lines = shown(NAME, &bed.database.url(), mode, &limits);
                        assert!(lines.is_empty(), "{mode}: {lines:#?}");
                    }
                }
            }

            #[tokio::test]
            async fn a_slow_wait_is_one_line_that_names_who_holds_the_connections() {
                let bed = $bed::new().await;
                let limits = [
                    ("DB_SLOW_ACQUIRE", "200ms"),
                    ("DB_POOL_SIZE", "2"),
                    ("DB_MAX_OVERFLOW", "0"),
                ];
                // With a second connection the caller does not wait.
                let lines = shown(NAME, &bed.database.url(), "full", &limits);
                assert!(lines.is_empty(), "{lines:#?}");
                let limits = [
                    ("DB_SLOW_ACQUIRE", "200ms"),
                    ("DB_POOL_SIZE", "1"),
                    ("DB_MAX_OVERFLOW", "0"),
                ];
                let lines = shown(NAME, &bed.database.url(), "full", &limits);
                assert_eq!(lines.len(), 1, "{lines:#?}");
                let expected = format!(
                    "{}.wait (PLACE) waited TIME for a connection, longer than slow_acquire (200ms); when the wait began, \
                     connections were held by hold (PLACE) for TIME",
                    $db
                );
                assert_eq!(plain(&lines[0]), expected, "{}", lines[0]);
            }

            #[tokio::test]
            async fn a_call_over_its_budget_is_one_line_with_the_statement_that_ran_most_often() {
                let bed = $bed::new().await;
                let limits = [("DB_STATEMENT_BUDGET", "20")];
                let lines = shown(NAME, &bed.database.url(), "budget", &limits);
                assert_eq!(lines.len(), 1, "{lines:#?}");
                let expected = format!(
                    "{}.one_by_one (PLACE) ran 52 statements, more than statement_budget (20): 51 × SELECT items: a \
                     query in a loop?",
                    $db
                );
                assert_eq!(plain(&lines[0]), expected, "{}", lines[0]);
                let lines = shown(NAME, &bed.database.url(), "within-budget", &limits);
                assert!(lines.is_empty(), "{lines:#?}");
            }

            #[tokio::test]
            async fn a_leak_is_one_line_and_one_more_when_the_connection_comes_back() {
                let bed = $bed::new().await;
                let limits = [("DB_LEAK_THRESHOLD", "2s")];
                let lines = shown(NAME, &bed.database.url(), "leak", &limits);
                assert_eq!(lines.len(), 2, "{lines:#?}");
                let held = plain(&lines[0]);
                let expected = format!(
                    "{}.hold (PLACE) has held a connection for TIME, longer than leak_threshold (2s): idle in \
                     transaction, last statement SELECT items ended TIME ago",
                    $db
                );
                assert_eq!(held, expected, "{}", lines[0]);
                let back = plain(&lines[1]);
                let expected = format!(
                    "the connection of {}.hold (PLACE) that was held for too long has come back after TIME",
                    $db
                );
                assert_eq!(back, expected, "{}", lines[1]);
            }
        }
    };
}

suite!(
    postgres,
    PgBed,
    "PgDb",
    "SELECT pg_sleep(?), ?",
    "SELECT",
    "200ms"
);
suite!(
    mysql,
    MyBed,
    "MyDb",
    "SELECT SLEEP(?), ?",
    "SELECT",
    "200ms"
);
suite!(
    sqlite,
    LiteBed,
    "LiteDb",
    "WITH RECURSIVE n(i) AS (SELECT ? UNION ALL SELECT i + ? FROM n WHERE i < ?) SELECT max(i), ? FROM n",
    "SELECT n",
    "10ms"
);

#[tokio::test]
async fn a_hundred_leaks_at_once_each_name_their_function() {
    let bed = LiteBed::new().await;
    let limits = [
        ("DB_LEAK_THRESHOLD", "2s"),
        ("DB_POOL_SIZE", "100"),
        ("DB_MAX_OVERFLOW", "0"),
    ];
    let lines = shown("sqlite", &bed.database.url(), "many-leaks", &limits);
    // Two seconds after the first ones, and when all come back: each flood is a line at once and one a second later.
    assert!(lines.len() <= 8, "{lines:#?}");
    let (back, held): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.contains("come back"));
    for leak in 0..100 {
        let name = format!("LiteDb.leak_{leak} ({LINE}");
        let count = |lines: &[&String]| -> usize {
            lines.iter().map(|line| line.matches(&name).count()).sum()
        };
        assert_eq!(count(&held), 1, "leak_{leak}: {held:#?}");
        assert_eq!(count(&back), 1, "leak_{leak}: {back:#?}");
    }
    for line in held {
        assert!(line.contains("no statement yet"), "{line}");
    }
}

#[tokio::test]
async fn a_flood_of_slow_waits_is_one_line_a_second_that_counts_them() {
    let bed = LiteBed::new().await;
    let limits = [
        ("DB_SLOW_ACQUIRE", "50ms"),
        ("DB_POOL_SIZE", "1"),
        ("DB_MAX_OVERFLOW", "0"),
    ];
    let started = std::time::Instant::now();
    let lines = shown("sqlite", &bed.database.url(), "flood", &limits);
    let seconds = usize::try_from(started.elapsed().as_secs()).unwrap();
    assert!(lines.len() <= seconds + 1, "{} in {seconds} s", lines.len());
    let mut counted = 0;
    for line in &lines {
        match line.split_once(" slow waits for a connection within a second: ") {
            Some((count, _)) => {
                let count = count.strip_prefix("session_factory: ").unwrap();
                counted += count.parse::<usize>().unwrap();
            }
            None => counted += 1,
        }
    }
    // A holder waits for its connection too, where that is slowly opened.
    assert!((500..=510).contains(&counted), "{counted}: {lines:#?}");
}

#[test]
fn a_threshold_or_a_budget_that_would_report_everything_is_an_error() {
    for (key, value, expected) in [
        (
            "DB_LEAK_THRESHOLD",
            "1999ms",
            "DB_LEAK_THRESHOLD is malformed; expected a duration of at least 2s, or `off`; found `1s 999ms`",
        ),
        (
            "DB_STATEMENT_BUDGET",
            "0",
            "DB_STATEMENT_BUDGET is malformed; expected a whole number of at least 1, or `off`; found `0`",
        ),
        (
            "DB_STATEMENT_BUDGET",
            "many",
            "DB_STATEMENT_BUDGET is malformed; expected a whole number of at least 1, or `off`; found `many`",
        ),
    ] {
        let error = LiteDbConfig::from_vars(|name| match name {
            "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
            name => (name == key).then(|| value.to_owned()),
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let fine = LiteDbConfig::from_vars(|name| match name {
        "DATABASE_URL" => Some("sqlite::memory:".to_owned()),
        "DB_LEAK_THRESHOLD" => Some("2s".to_owned()),
        "DB_STATEMENT_BUDGET" => Some("off".to_owned()),
        _ => None,
    })
    .unwrap();
    assert_eq!(fine.leak_threshold, Some(Duration::from_secs(2)));
    assert_eq!(fine.statement_budget, None);
}

#[tokio::test]
async fn what_the_code_sets_too_low_fails_each_session_with_the_setting_s_name() {
    let leak = LiteBed::with(|config| config.leak_threshold = Some(Duration::from_millis(1))).await;
    let budget = LiteBed::with(|config| config.statement_budget = Some(0)).await;
    for (bed, expected) in [
        (
            leak,
            "leak_threshold is 1ms: set at least 2s, or None for no reports",
        ),
        (
            budget,
            "statement_budget is 0: set at least 1, or None for no reports",
        ),
    ] {
        let error = bed.factory.create_session().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
