//! Feature `metrics`: the figures of pools, statements and units of work, by the conventions' names.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use session_factory_tests::functions::{MY_CONFLICT, PG_CONFLICT};
use session_factory_tests::{LiteBed, MyBed, PgBed, PgDb};

/// Each figure as `name{label=value,…}`: the counter's or gauge's value, or how often a histogram was recorded.
type Figures = BTreeMap<String, f64>;

macro_rules! calls {
    ($backend:ident, $db:ident, $bed:ident, $conflicts:expr) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::{again, hang, insert, nothing};

            pub(super) async fn run() {
                let bed = $bed::with(|config| {
                    config.pool_size = 1;
                    config.max_overflow = 0;
                    config.pool_timeout = Duration::from_secs(2);
                });
                let bed = bed.await;
                let scope = &bed.factory;
                for id in 1..4 {
                    scope.scope(insert(id)).await.unwrap();
                }
                scope.scope(insert(1)).await.unwrap_err();
                if !$conflicts.is_empty() {
                    scope.scope(again($conflicts)).await.unwrap();
                }
                let call = scope.scope(hang());
                let dropped = tokio::time::timeout(Duration::from_millis(500), call).await;
                dropped.unwrap_err();
                testbed::eventually(testbed::PATIENCE, "it is back", || async {
                    scope.status().idle == 1 && scope.status().recovering == 0
                })
                .await;
                let held = scope.create_session().await.unwrap();
                scope.scope(nothing()).await.unwrap_err();
                // The pool's figures are set once a second.
                tokio::time::sleep(Duration::from_millis(2500)).await;
                drop(held);
            }
        }
    };
}

calls!(postgres, PgDb, PgBed, PG_CONFLICT);
calls!(mysql, MyDb, MyBed, MY_CONFLICT);
calls!(sqlite, LiteDb, LiteBed, "");

fn figures(snapshotter: &metrics_util::debugging::Snapshotter) -> (Figures, Vec<String>) {
    let mut described = Vec::new();
    let mut figures = Figures::new();
    for (key, unit, description, value) in snapshotter.snapshot().into_vec() {
        let (_, key) = key.into_parts();
        let mut labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        labels.sort();
        let name = format!("{}{{{}}}", key.name(), labels.join(","));
        if unit.is_some() && description.is_some() {
            described.push(key.name().to_owned());
        }
        let value = match value {
            #[allow(clippy::cast_precision_loss)] // small numbers
            DebugValue::Counter(value) => value as f64,
            DebugValue::Gauge(value) => value.into_inner(),
            #[allow(clippy::cast_precision_loss)] // small numbers
            DebugValue::Histogram(values) => values.len() as f64,
        };
        figures.insert(name, value);
    }
    (figures, described)
}

/// One test: the recorder is the process's.
#[tokio::test]
async fn the_figures_have_the_conventions_names_and_labels_on_every_backend() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();
    PgDb::describe_metrics();
    tokio::join!(postgres::run(), mysql::run(), sqlite::run());
    let (figures, described) = figures(&snapshotter);
    for name in figures.keys() {
        assert!(!name.contains("hunter2"), "{name}");
        let bare = name.split('{').next().unwrap();
        assert!(
            described.iter().any(|other| other == bare),
            "{bare} is not described"
        );
    }
    let figure = |name: &str| {
        *figures
            .get(name)
            .unwrap_or_else(|| panic!("{name} in {figures:#?}"))
    };
    for (db, system, unique, conflict) in [
        ("PgDb", "postgresql", "23505", Some("40001")),
        ("MyDb", "mariadb", "1062", Some("1213")),
        ("LiteDb", "sqlite", "unique_violation", None),
    ] {
        let retried = if conflict.is_some() { 1.0 } else { 0.0 };
        let pool = format!("db.client.connection.pool.name={db}");
        let operation = "db.client.operation.duration";
        let ran = figure(&format!("{operation}{{db.system.name={system}}}"));
        assert!((ran - (4.0 + retried)).abs() < 0.1, "{db}: {ran}");
        let failed = format!("{operation}{{db.system.name={system},error.type={unique}}}");
        assert!((figure(&failed) - 1.0).abs() < 0.1);
        let connection = "db.client.connection";
        for (state, count) in [("idle", 0.0), ("used", 1.0)] {
            let name = format!("{connection}.count{{{pool},db.client.connection.state={state}}}");
            assert!(
                (figure(&name) - count).abs() < 0.1,
                "{name}: {}",
                figure(&name)
            );
        }
        for (name, value) in [
            ("max", 1.0),
            ("idle.max", 1.0),
            ("pending_requests", 0.0),
            ("timeouts", 1.0),
            ("create_time", 1.0),
        ] {
            let name = format!("{connection}.{name}{{{pool}}}");
            assert!(
                (figure(&name) - value).abs() < 0.1,
                "{name}: {}",
                figure(&name)
            );
        }
        assert!(figure(&format!("{connection}.wait_time{{{pool}}}")) >= 6.0);
        let in_vain = format!("{connection}.wait_time{{{pool},error.type=acquire}}");
        assert!((figure(&in_vain) - 1.0).abs() < 0.1);
        assert!(figure(&format!("{connection}.use_time{{{pool}}}")) >= 5.0);
        if let Some(conflict) = conflict {
            let retries = format!("session_factory.retries{{function=again,reason={conflict}}}");
            assert!(figure(&retries) >= 2.0, "{figures:#?}");
        }
    }
    for (name, count) in [
        ("function=insert,outcome=committed", 9.0),
        ("function=insert,outcome=rolled_back", 3.0),
        ("function=hang,outcome=rolled_back", 3.0),
        ("function=again,outcome=committed", 2.0),
        ("function=nothing,outcome=nothing", 3.0),
    ] {
        let name = format!("session_factory.unit.duration{{{name}}}");
        assert!(
            (figure(&name) - count).abs() < 0.1,
            "{name}: {}",
            figure(&name)
        );
    }
}

/// The names that a text of Prometheus' language uses, without the suffixes of histograms.
fn names_in(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_name =
        |word: &&str| word.starts_with("db_client_") || word.starts_with("session_factory_");
    let bare = |word: &'_ str| -> usize {
        let suffixes = ["_count", "_bucket", "_sum"];
        let suffix = suffixes.iter().find(|suffix| word.ends_with(**suffix));
        word.len() - suffix.map_or(0, |suffix| suffix.len())
    };
    let labels = [
        "db_client_connection_pool_name",
        "db_client_connection_state",
    ];
    words
        .filter(is_name)
        .filter(|word| !labels.contains(word))
        .map(|word| {
            if word == "db_client_connection_count" {
                word
            } else {
                &word[..bare(word)]
            }
        })
        .collect()
}

#[test]
fn the_alert_rules_and_the_dashboard_use_figures_that_there_are() {
    let source = include_str!("../../session-factory/src/observe/figures.rs");
    let figures: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("const ")?.split('"').nth(1))
        .map(|name| name.replace('.', "_"))
        .collect();
    assert!(figures.len() > 15, "{figures:?}");
    let guide = include_str!("../../session-factory/docs/guide/seeing-what-happens.md");
    for (name, text) in [
        (
            "alerts.yml",
            include_str!("../../docs/observability/alerts.yml"),
        ),
        (
            "alerts_test.yml",
            include_str!("../../docs/observability/alerts_test.yml"),
        ),
        (
            "dashboard.json",
            include_str!("../../docs/observability/dashboard.json"),
        ),
    ] {
        let used = names_in(text);
        assert!(used.len() > 10, "{name}: {used:?}");
        for figure in used {
            assert!(
                figures.iter().any(|known| known == figure),
                "{figure} in {name}"
            );
        }
    }
    let dashboard = include_str!("../../docs/observability/dashboard.json");
    let dashboard: serde_json::Value = serde_json::from_str(dashboard).unwrap();
    assert_eq!(dashboard["panels"].as_array().unwrap().len(), 8);
    // The guide has each, the last part alone where several stand in one row.
    for figure in source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("const ")?.split('"').nth(1))
    {
        let last = figure.rsplit('.').next().unwrap();
        assert!(
            guide.contains(figure) || guide.contains(&format!(".{last}`")),
            "{figure}"
        );
    }
}
