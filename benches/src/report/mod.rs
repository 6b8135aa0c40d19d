//! `docs/benchmarks`, made of what was measured last.

mod plots;
mod ratios;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::Result;
use serde_json::{Map, Value};

use self::plots::Bars;
use crate::arguments::Arguments;
use crate::results::{kept, markdown, root};

type Record = Map<String, Value>;

/// What a page says about one measurement.
struct Chapter {
    name: &'static str,
    title: &'static str,
    text: &'static str,
}

const CHAPTERS: [Chapter; 7] = [
    Chapter {
        name: "wire",
        title: "Round trips",
        text: "One unit of work on a warm connection, counted by a proxy in front of a line of 10 ms each way: round trips in \
               all, and those that the caller waits for (its fastest time, less that of the same without the line, over \
               what proxy and line add to a ping, to the nearest whole number: for 20 statements it can be one off). `read` is a `read_only` function \
               here and the same transaction elsewhere; `rolled back` is a body that ends with an error; `savepoint` is \
               one around the first statement. `commit_with` sends the last statement and COMMIT together. A statement \
               is an UPDATE of one row (`read`: a SELECT); diesel-async prepares an UPDATE anew each time. \
               psycopg prepares a statement when it is run for the sixth time, which takes a round trip more, and forgets all that \
               it has prepared when it is rolled back, which takes another: hence two more of SQLAlchemy for 20 statements that are \
               rolled back.",
    },
    Chapter {
        name: "storm",
        title: "A storm of cancelled calls",
        text: "Calls on a pool of 10, each of which changes a row, starts a slow query (2 s, and 0.5 s in the storm of \
               2,000), and is dropped by its caller 10 ms later; then as many normal calls that change the same rows. Seconds from the first to the last of them; \
               connections opened meanwhile, without those that carried nothing but a request to cancel; the most backends on the server. \
               `locks after cancel`: how many \
               transactions still hold a row's lock when the last cancelled call has returned and before any normal one has \
               begun: whoever needs one of these rows waits for them. `locks left`: the same when all normal calls are served: they change all of these \
               rows, so that anything but 0 would be a surprise. Looking at the locks is not in the seconds.",
    },
    Chapter {
        name: "latency",
        title: "Latency",
        text: "One transaction of one statement after another, over a line that delays each way by so much. What the line adds \
               to a round trip is measured with a ping: the timer and the threads of the line add some 0.2 ms of their own \
               to twice the delay, so that `added per round trip` is what each round trip of each system costs. A pool of 10 \
               connections, of which one call at a time needs one. Without a delay there is no line.",
    },
    Chapter {
        name: "contention",
        title: "Contention",
        text: "Many tasks on ten connections, each running one short transaction after another for 3 s, by turns in three rounds \
               of which the middle figure counts. Times are from the call to its answer, the wait for a connection included. \
               Fairness is Jain's index of how many calls each task got through: 1 is all the same. Tasks that never got a \
               turn in 3 s show in it. bb8 by itself lets whoever asks first take the connection from one that waits: its p99 is that \
               of those who are served, and is left out of the comparison of p99.",
    },
    Chapter {
        name: "sqlite",
        title: "SQLite",
        text: "Short transactions on a file in WAL mode with `synchronous = FULL` for all, in a file system in memory where \
               there is one: what is measured is the way to the database, not the disk. One task, or many at once, by \
               turns in short rounds of which the middle one counts; plain diesel, synchronous on one thread, is the floor.",
    },
    Chapter {
        name: "overhead",
        title: "Instructions",
        text: "Instructions of one session in the client's process, on a runtime of one thread, counted by callgrind: the \
               difference between 200 and 1,200 sessions, so that start-up is not in it. `ratio` is to hand-written code \
               whose pool does not ping. `empty` runs no statement, which by hand is still BEGIN and COMMIT; a pool that is \
               asked for a connection and given it back, and nothing else, is the floor. What our own threads do is \
               counted too. `spread` is how far the first 500 sessions and the last 500 are apart.",
    },
    Chapter {
        name: "compile",
        title: "Compiling",
        text: "500 annotated functions with one or two statements on 20 tables, and the same 500 with `pool.get()` and \
               `transaction(…)`. The crate alone, with its dependencies built before; the least of several runs. `ratio` is \
               of the processor's time, or of bytes.",
    },
];

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = root().join("docs/benchmarks");
    fs::create_dir_all(&folder)?;
    let mut page = String::from(INTRODUCTION);
    page.push_str(&environment(arguments)?);
    writeln!(page, "\n## The ratios\n\n{}", ratios::table()?)?;
    let mut bars = Vec::new();
    for chapter in &CHAPTERS {
        writeln!(page, "\n## {}\n", chapter.title)?;
        let Ok(records) = kept(chapter.name) else {
            writeln!(
                page,
                "Not measured yet: `cargo xtask bench {}`.",
                chapter.name
            )?;
            continue;
        };
        writeln!(
            page,
            "{}\n\n`cargo xtask bench {}`\n",
            wrapped(chapter.text),
            chapter.name
        )?;
        if let Some(picture) = picture(chapter.name, &records) {
            picture.draw(&folder.join(format!("{}.svg", chapter.name)))?;
            writeln!(page, "![{}]({}.svg)\n", picture.title, chapter.name)?;
            bars.push(picture);
        }
        page.push_str(&markdown(&records));
    }
    plots::overview(&bars, &folder.join("overview.svg"))?;
    fs::write(folder.join("README.md"), page)?;
    Ok(())
}

const INTRODUCTION: &str = "# Benchmarks

Made by `cargo xtask bench all`. Every system does the same work in its documented default way to run a transaction;
what counts is their ratio. SQLAlchemy does not ping by default; round trips and latency show it
with `pool_pre_ping=True` as well, as in the module that this crate replaces. PostgreSQL runs on the same machine with `fsync = off`, in memory: COMMIT costs no disk,
for anybody. Timed figures of a machine that does something else meanwhile are provisional; round trips, connections and
instructions are not.

![Overview](overview.svg)

";

/// With what it was measured.
fn environment(arguments: &Arguments) -> Result<String> {
    let mut text = String::from("| what | version |\n| --- | --- |\n");
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown", |(_, model)| model);
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    writeln!(text, "| machine | {cores} cores, {model} |")?;
    for program in ["rustc", "postgres"] {
        writeln!(text, "| {program} | {} |", version(program))?;
    }
    for line in include_str!("../../Cargo.lock").split("[[package]]") {
        let field = |name: &str| {
            line.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = ")?.get(1..))
                .map(|value| value.trim_end_matches('"').to_owned())
        };
        if let (Some(name), Some(version)) = (field("name"), field("version"))
            && [
                "bb8",
                "deadpool",
                "diesel",
                "diesel-async",
                "sea-orm",
                "sqlx",
                "tokio-postgres",
            ]
            .contains(&name.as_str())
        {
            writeln!(text, "| {name} | {version} |")?;
        }
    }
    if arguments
        .systems()
        .contains(&crate::systems::Kind::SqlAlchemy)
    {
        writeln!(
            text,
            "| SQLAlchemy | {} |",
            crate::systems::python_versions()?
        )?;
    }
    Ok(text)
}

fn version(program: &str) -> String {
    let found = if program == "postgres" {
        // Debian does not put the server on the PATH.
        fs::read_dir("/usr/lib/postgresql").ok().and_then(|folder| {
            let versions = folder
                .flatten()
                .map(|entry| entry.path().join("bin/postgres"));
            versions.max()
        })
    } else {
        None
    };
    let output = Command::new(found.unwrap_or_else(|| program.into()))
        .arg("--version")
        .output();
    output.map_or_else(
        |_| "not on the PATH".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

fn picture(name: &str, records: &[Record]) -> Option<Bars> {
    let select = |title, unit, value, wanted: &dyn Fn(&Record) -> bool| {
        let bars: Vec<_> = records
            .iter()
            .filter(|record| wanted(record))
            .filter_map(|record| Some((label(record)?, record.get(value)?.as_f64()?)))
            .collect();
        (!bars.is_empty()).then_some(Bars { title, unit, bars })
    };
    let is = |record: &Record, key: &str, value: f64| {
        record.get(key).and_then(Value::as_f64) == Some(value)
    };
    let kind = |record: &Record, kinds: &[&str]| {
        record
            .get("kind")
            .and_then(Value::as_str)
            .is_some_and(|kind| kinds.contains(&kind))
    };
    match name {
        "wire" => select(
            "Round trips that a caller waits for: 5 UPDATEs",
            "",
            "caller_waits",
            &|record| {
                is(record, "statements", 5.0)
                    && kind(record, &["write", "commit_with"])
                    && record.get("savepoint") == Some(&Value::Bool(false))
            },
        ),
        "storm" => select(
            "200 cancelled calls, then 200 served: seconds",
            "s",
            "seconds",
            &|record| is(record, "cancels", 200.0),
        ),
        "latency" => select(
            "One UPDATE at 1 ms each way: median",
            "ms",
            "median_ms",
            &|record| is(record, "delay_ms", 1.0) && kind(record, &["write", "commit_with"]),
        ),
        "contention" => select(
            "1,000 tasks on 10 connections: p99 of a call",
            "ms",
            "p99_ms",
            &|record| is(record, "tasks", 1000.0),
        ),
        "sqlite" => select(
            "SQLite, one writer: transactions per second",
            "",
            "per_second",
            &|record| is(record, "tasks", 1.0) && kind(record, &["write"]),
        ),
        "overhead" => select(
            "One SELECT in a transaction: instructions",
            "",
            "instructions",
            &|record| kind(record, &["one SELECT"]),
        ),
        "compile" => select(
            "500 functions, cargo build: seconds of the processor",
            "s",
            "cpu_seconds",
            &|record| kind(record, &["cargo build, from nothing"]),
        ),
        _ => None,
    }
}

/// The system, and what it does otherwise than the others.
fn label(record: &Record) -> Option<String> {
    let system = record.get("system")?.as_str()?;
    match record.get("kind").and_then(Value::as_str) {
        Some("commit_with") => Some(format!("{system}, commit_with")),
        _ => Some(system.to_owned()),
    }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, String::len);
        if last + word.len() >= 118 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}
