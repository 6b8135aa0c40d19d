//! Feature `tracing`: the tree of spans of each call, with the attributes of OpenTelemetry's conventions.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(
    clippy::cast_possible_truncation,
    missing_debug_implementations,
    unreachable_pub
)]

#[path = "spans/collector.rs"]
mod collector;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use session_factory::config::TraceText;
use session_factory::{Session, with_session};
use session_factory_tests::functions::{MY_CONFLICT, PG_CONFLICT};
use session_factory_tests::{AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb, items};
use tracing::Instrument;

use crate::collector::{Kept, collector};

/// The newest unit of this name, after its end.
async fn unit(name: &str) -> Kept {
    let newest = || collector().newest(name);
    testbed::eventually(testbed::PATIENCE, "the unit's span ends", || async {
        newest().is_some_and(|unit| !unit.is_open)
    })
    .await;
    newest().unwrap()
}

fn children(of: &Kept) -> Vec<Kept> {
    let mut all = collector().all();
    all.retain(|span| span.parent == Some(of.id));
    all
}

/// `committed -: acquire, statement INSERT items, commit`
async fn tree(name: &str) -> String {
    let unit = unit(name).await;
    let shown = |span: &Kept| {
        let mut shown = span.name.to_owned();
        if span.name == "statement" {
            shown = format!("{shown} {}", span.field("otel.name"));
        }
        match span.field("error.type") {
            "-" => shown,
            error => format!("{shown} ({error})"),
        }
    };
    let children: Vec<_> = children(&unit).iter().map(shown).collect();
    format!(
        "{} {}: {}",
        unit.field("session_factory.outcome"),
        unit.field("error.type"),
        children.join(", ")
    )
}

/// The span of this name that follows the unit.
async fn follower(name: &str, of: &Kept) -> Kept {
    let found = || {
        let all = collector().all();
        let is_it = |span: &Kept| span.name == name && span.follows == [of.id] && !span.is_open;
        all.into_iter().find(is_it)
    };
    testbed::eventually(testbed::PATIENCE, name, || async { found().is_some() }).await;
    found().unwrap()
}

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident, $system:expr, $unique:expr, $conflicts:expr) => {
        mod $backend {
            use super::*;
            use session_factory_tests::functions::$backend::{again, at_once, hang, insert, insert_in, late, nested, nothing, panics, read};

            #[with_session]
            async fn twice(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 1).await
            }

            #[with_session]
            async fn inside(db: &mut Session<$db>) -> Result<(), AppError> {
                let own = tracing::info_span!(target: "spans", "own", otel.name = concat!(stringify!($backend), ".own"));
                insert_in(db, 16).instrument(own).await
            }

            #[with_session]
            async fn by_hand(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 17).await?;
                db.rollback().await?;
                Ok(())
            }

            fn name(function: &str) -> String {
                format!("{}.{function}", stringify!($db))
            }

            #[tokio::test]
            async fn each_call_is_a_tree_of_spans() {
                collector();
                let bed = $bed::with(|config| config.pool_size = 2).await;
                let scope = &bed.factory;
                let inserted = "acquire, statement INSERT items";

                scope.scope(insert(1)).await.unwrap();
                let expected = format!("committed -: {inserted}, commit");
                assert_eq!(tree(&name("insert")).await, expected);

                scope.scope(read()).await.unwrap();
                let expected = "committed -: acquire, statement SELECT items, commit";
                assert_eq!(tree(&name("read")).await, expected);

                scope.scope(nothing()).await.unwrap();
                assert_eq!(tree(&name("nothing")).await, "nothing -: acquire");

                scope.scope(twice()).await.unwrap_err();
                let unique = $unique;
                let expected = format!("rolled_back {unique}: {inserted} ({unique})");
                assert_eq!(tree(&name("twice")).await, expected);

                let call = std::panic::AssertUnwindSafe(scope.scope(panics()));
                call.catch_unwind().await.unwrap_err();
                let expected = format!("rolled_back panic: {inserted}");
                assert_eq!(tree(&name("panics")).await, expected);

                let call = scope.scope(hang());
                let dropped = tokio::time::timeout(Duration::from_millis(200), call).await;
                dropped.unwrap_err();
                let expected = format!("rolled_back cancelled: {inserted}");
                assert_eq!(tree(&name("hang")).await, expected);
                let gone = unit(&name("hang")).await;
                assert_eq!(follower("recovery", &gone).await.parent, None);
                assert_eq!(follower("hooks", &gone).await.parent, None);

                scope.scope(late()).await.unwrap_err();
                let expected = format!("rolled_back timeout: {inserted}");
                assert_eq!(tree(&name("late")).await, expected);

                scope.scope(nested()).await.unwrap();
                let expected = format!("committed -: {inserted}, statement INSERT items, commit");
                assert_eq!(tree(&name("nested")).await, expected);

                scope.scope(at_once()).await.unwrap();
                let shown = tree(&name("at_once")).await;
                // MySQL sends COMMIT once the statement was answered, and PostgreSQL too where the statement is not yet
                // prepared.
                let shown = shown.strip_suffix(", commit").unwrap_or(&shown);
                assert_eq!(shown, "committed -: acquire, statement UPDATE items");

                scope.scope(inside()).await.unwrap();
                assert_eq!(tree(&name("inside")).await, "committed -: acquire, own, commit");
                let own = unit(concat!(stringify!($backend), ".own")).await;
                let inner = children(&own);
                assert_eq!(inner.len(), 1, "{inner:#?}");
                assert_eq!(inner[0].field("otel.name"), "INSERT items");

                scope.scope(by_hand()).await.unwrap();
                let shown = tree(&name("by_hand")).await;
                assert!(shown.ends_with(&format!("{inserted}, rollback")), "{shown}");

                if !$conflicts.is_empty() {
                    scope.scope(again($conflicts)).await.unwrap();
                    let again = unit(&name("again")).await;
                    assert_eq!(again.field("session_factory.attempts"), "3");
                    assert_eq!(again.field("session_factory.statements"), "3");
                    assert_eq!(again.field("session_factory.outcome"), "committed");
                    let acquired = children(&again);
                    let acquired = acquired.iter().filter(|span| span.name == "acquire");
                    assert_eq!(acquired.count(), 3);
                }

                holds_the_conventions(stringify!($db));
                let insert = unit(&name("insert")).await;
                assert_eq!(insert.field("db.system.name"), $system);
                assert_eq!(insert.field("otel.kind"), "internal");
                assert_eq!(insert.field("code.function.name"), "insert");
                assert!(insert.field("code.file.path").ends_with("functions.rs"));
                let statement = &children(&insert)[1];
                assert_eq!(statement.field("otel.kind"), "client");
                assert_eq!(statement.field("db.response.returned_rows"), "1");
                assert_eq!(statement.field("db.operation.name"), "INSERT");
                assert!(statement.field("db.query.text").starts_with("INSERT INTO "));
            }

            #[tokio::test]
            async fn a_statement_s_span_ends_with_its_last_row_and_shows_what_was_asked_for() {
                collector();
                for (shown, query, script) in [
                    (TraceText::Off, "-", "-"),
                    (TraceText::Parameterized, "DELETE FROM items WHERE name = ?", "DELETE items"),
                    (
                        TraceText::All,
                        "DELETE FROM items WHERE name = ?",
                        "DELETE FROM items WHERE name = ?",
                    ),
                ] {
                    let bed = $bed::with(|config| config.trace_text = shown).await;
                    let ran = bed.factory.with_session(async |db| {
                        let sql = "DELETE FROM items WHERE name = 'hunter2'";
                        diesel::sql_query(sql).execute(db).await?;
                        db.batch_execute(sql).await?;
                        Ok::<_, AppError>(())
                    });
                    let own = tracing::info_span!(target: "spans", "own", otel.name = concat!(stringify!($backend), ".text"));
                    ran.instrument(own).await.unwrap();
                    let own = unit(concat!(stringify!($backend), ".text")).await;
                    let unit = children(&own).remove(0);
                    let texts: Vec<_> = children(&unit)
                        .iter()
                        .filter(|span| span.name == "statement")
                        .map(|span| span.field("db.query.text").to_owned())
                        .collect();
                    assert_eq!(texts, [query, script], "{shown:?}");
                }
            }
        }
    };
}

suite!(postgres, PgDb, PgBed, "postgresql", "23505", PG_CONFLICT);
suite!(mysql, MyDb, MyBed, "mariadb", "1062", MY_CONFLICT);
suite!(sqlite, LiteDb, LiteBed, "sqlite", "unique_violation", "");

/// No span has an attribute that is not in the table, none lacks one that each has to have, and none shows a value.
fn holds_the_conventions(factory: &str) {
    let table = include_str!("spans/conventions.txt");
    let mut known: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.splitn(3, ' ').map(str::trim);
        let (span, rest) = (
            words.next().unwrap(),
            line.split_once(' ').unwrap().1.trim(),
        );
        let (attribute, when) = rest.split_once(' ').unwrap();
        known
            .entry(span)
            .or_default()
            .insert(attribute, when.trim());
    }
    let all = collector().all();
    let is_own = |span: &&Kept| {
        let root = std::iter::successors(Some(*span), |span| {
            let parent = span.parent.or(span.follows.as_slice().first().copied())?;
            all.iter().find(|other| other.id == parent)
        });
        root.last().unwrap().field("otel.name").starts_with(factory)
    };
    let mut seen = BTreeSet::new();
    for span in all.iter().filter(is_own).filter(|span| !span.is_open) {
        let Some(attributes) = known.get(span.name) else {
            assert_eq!(span.name, "own", "{span:#?}");
            continue;
        };
        seen.insert(span.name);
        for (attribute, value) in &span.fields {
            assert!(
                attributes.contains_key(&**attribute),
                "{attribute} of {span:#?}"
            );
            assert!(!value.contains("hunter2"), "{span:#?}");
        }
        let failed = span.fields.contains_key("error.type");
        assert_eq!(
            failed,
            span.fields.contains_key("otel.status_code"),
            "{span:#?}"
        );
        for (attribute, when) in attributes {
            assert!(
                *when != "always" || span.fields.contains_key(*attribute),
                "{attribute} is missing in {span:#?}"
            );
        }
    }
    let names: BTreeSet<_> = known.keys().copied().collect();
    assert_eq!(seen, names);
}

#[tokio::test]
async fn a_unit_of_work_names_its_server() {
    collector();
    let bed = PgBed::new().await;
    let own = tracing::info_span!(target: "spans", "own", otel.name = "server");
    let ran = bed.factory.with_session(async |db| {
        items::table.count().get_result::<i64>(db).await?;
        Ok::<_, AppError>(())
    });
    ran.instrument(own).await.unwrap();
    let unit = children(&unit("server").await).remove(0);
    let url = bed.database.url();
    assert!(url.contains(unit.field("server.address")), "{unit:#?}");
    assert!(url.contains(unit.field("server.port")), "{unit:#?}");
    assert!(url.contains(unit.field("db.namespace")), "{unit:#?}");
}

#[tokio::test]
async fn spans_cost_no_round_trip() {
    collector();
    let bed = PgBed::proxied(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
        config.pool_pre_ping = false;
    });
    let bed = bed.await;
    let select = || {
        bed.factory.with_session(async |db| {
            for _ in 0..5 {
                items::table.select(items::id).load::<i32>(db).await?;
            }
            Ok::<_, AppError>(())
        })
    };
    select().await.unwrap();
    select().await.unwrap();
    let held_back = Duration::from_millis(80);
    bed.proxy()
        .delay(testbed::proxy::Direction::ToClient, held_back);
    bed.proxy().reset_counts();
    select().await.unwrap();
    bed.at_rest().await;
    assert_eq!(
        bed.proxy().counts().round_trips,
        6,
        "{:?}",
        bed.proxy().sql()
    );
}
