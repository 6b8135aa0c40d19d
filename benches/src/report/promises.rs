//! The promises of the README and the issue, as figures.

use super::missed;

/// One promise: compares a figure of this crate with the best peer's.
pub(super) struct Promise {
    pub(super) what: String,
    pub(super) measurement: &'static str,
    pub(super) value: &'static str,
    /// Fields that select our record and the peers', as `name=value; name=value`.
    pub(super) ours: String,
    pub(super) theirs: String,
    /// The peer to compare with; the best one if empty.
    pub(super) peer: &'static str,
    pub(super) claim: Claim,
    /// For a missed promise: the reason, what was tried, and the limit.
    pub(super) why: Option<&'static str>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Claim {
    /// Ours is at least this many times theirs.
    More(f64),
    /// Theirs is at least this many times ours; less is better.
    Less(f64),
    /// Ours is at most this many times theirs.
    AtMost(f64),
    /// Ours is at most this, whatever theirs is.
    Limit(f64),
    /// Ours is the number of statements plus this, for every number of statements.
    Statements(u32),
    /// No promise: only shows the ratio.
    Part,
}

impl Promise {
    fn new(
        what: impl Into<String>,
        (measurement, value): (&'static str, &'static str),
        wanted: impl Into<String>,
        peer: &'static str,
        claim: Claim,
    ) -> Self {
        let ours = wanted.into();
        Self {
            what: what.into(),
            measurement,
            value,
            theirs: ours.clone(),
            ours,
            peer,
            claim,
            why: None,
        }
    }

    /// Compares with other fields of the peers, which lack this feature.
    fn against(self, theirs: &str) -> Self {
        Self {
            theirs: theirs.to_owned(),
            ..self
        }
    }

    fn because(self, why: &'static str) -> Self {
        Self {
            why: Some(why),
            ..self
        }
    }
}

const ANY: &str = "";
const SQLX: &str = "sqlx";
const BB8: &str = "diesel-async + bb8";
const NO_PING: &str = "diesel-async + bb8, no ping";
const WRAPPER: &str = "diesel-async's wrapper";
const FLOOR: &str = "plain diesel";

/// All promises, in the report's order.
pub(super) fn all() -> Vec<Promise> {
    let mut all = wire();
    all.extend(storm());
    all.extend(latency());
    all.extend(contention());
    all.extend(sqlite());
    all.extend(overhead());
    all.extend(compile());
    all
}

fn wire() -> Vec<Promise> {
    let trips = ("wire", "round_trips");
    let waits = ("wire", "caller_waits");
    let rows = [
        (
            "N UPDATEs: round trips",
            trips,
            "kind=write; savepoint=no",
            1,
        ),
        (
            "N UPDATEs, a savepoint around the first: round trips",
            trips,
            "kind=write; savepoint=yes",
            1,
        ),
        (
            "N UPDATEs, rolled back: waits of the caller",
            waits,
            "kind=rolled back; savepoint=no",
            0,
        ),
        (
            "N UPDATEs, a savepoint, rolled back: waits of the caller",
            waits,
            "kind=rolled back; savepoint=yes",
            0,
        ),
        (
            "N SELECTs, read-only: waits of the caller",
            waits,
            "kind=read",
            0,
        ),
    ];
    let mut promises: Vec<_> = rows
        .into_iter()
        .map(|(what, value, wanted, more)| {
            Promise::new(what, value, wanted, ANY, Claim::Statements(more))
        })
        .collect();
    promises.push(
        Promise::new(
            "N UPDATEs, the last by `commit_with`: round trips",
            trips,
            "kind=commit_with",
            ANY,
            Claim::Statements(0),
        )
        .against("kind=write; savepoint=no"),
    );
    promises
}

fn storm() -> Vec<Promise> {
    let mut promises = Vec::new();
    for (cancels, name) in [(200, "200"), (2_000, "2,000")] {
        let wanted = format!("cancels={cancels}");
        for (peer, least) in [(SQLX, 10.0), (BB8, 2.0)] {
            promises.push(
                Promise::new(
                    format!("storm of {name}: seconds"),
                    ("storm", "seconds"),
                    &wanted,
                    peer,
                    Claim::Less(least),
                )
                .because(missed::STORM),
            );
        }
        for (what, value, most) in [
            ("connections opened", "connections_opened", 0.0),
            ("peak of backends", "peak_backends", 10.0),
        ] {
            promises.push(Promise::new(
                format!("storm of {name}: {what}"),
                ("storm", value),
                &wanted,
                ANY,
                Claim::Limit(most),
            ));
        }
    }
    promises
}

fn latency() -> Vec<Promise> {
    let row = |what: &str, kind: &str| {
        Promise::new(
            format!("{what} at 1 ms each way: median, ms"),
            ("latency", "median_ms"),
            format!("delay_ms=1; kind={kind}"),
            ANY,
            Claim::Less(2.0),
        )
    };
    vec![
        row("one UPDATE", "write").because(missed::UPDATE),
        row("one UPDATE by `commit_with`", "commit_with").against("delay_ms=1; kind=write"),
        row("one SELECT", "read"),
    ]
}

fn contention() -> Vec<Promise> {
    let mut promises = Vec::new();
    for (tasks, name) in [
        (10, "10"),
        (100, "100"),
        (1_000, "1,000"),
        (10_000, "10,000"),
    ] {
        for (what, value, claim) in [
            ("calls per second", "calls_per_second", Claim::More(1.0)),
            ("p99, ms", "p99_ms", Claim::Less(1.0)),
        ] {
            promises.push(Promise::new(
                format!("{name} tasks: {what}"),
                ("contention", value),
                format!("tasks={tasks}"),
                ANY,
                claim,
            ));
        }
    }
    promises
}

fn sqlite() -> Vec<Promise> {
    let mut promises = Vec::new();
    let mut row = |tasks, kind, name: &str, peer, claim| {
        promises.push(Promise::new(
            format!("SQLite, {name}: per second"),
            ("sqlite", "per_second"),
            format!("tasks={tasks}; kind={kind}"),
            peer,
            claim,
        ));
    };
    for (tasks, kind, name) in [
        (1, "write", "one writer"),
        (1, "read", "one reader"),
        (100, "write", "100 writers"),
        (100, "read", "100 readers"),
    ] {
        row(tasks, kind, name, WRAPPER, Claim::More(1.5));
        row(tasks, kind, name, SQLX, Claim::More(1.0));
        if tasks == 1 {
            row(tasks, kind, name, FLOOR, Claim::Part);
        }
    }
    promises
}

fn overhead() -> Vec<Promise> {
    let row = |kind: &str| {
        Promise::new(
            format!("{kind} session: instructions"),
            ("overhead", "instructions"),
            format!("kind={kind}"),
            NO_PING,
            Claim::AtMost(1.1),
        )
    };
    vec![
        row("empty"),
        row("one SELECT").because(missed::INSTRUCTIONS),
        row("one UPDATE").because(missed::INSTRUCTIONS),
    ]
}

fn compile() -> Vec<Promise> {
    let row = |kind: &str, value| {
        Promise::new(
            format!("500 functions, {kind}"),
            ("compile", value),
            format!("kind={kind}"),
            BB8,
            Claim::AtMost(1.15),
        )
    };
    vec![
        row("cargo check, from nothing", "cpu_seconds"),
        row("cargo check, one body changed", "cpu_seconds").because(missed::CHANGED),
        row("cargo build, from nothing", "cpu_seconds"),
        row("cargo build, one body changed", "cpu_seconds").because(missed::CHANGED),
        row("expansion of all macros", "cpu_seconds").because(missed::EXPANSION),
        row("size of the program, stripped", "bytes"),
    ]
}
