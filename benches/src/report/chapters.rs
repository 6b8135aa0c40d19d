//! The texts of the report.

pub(super) const INTRODUCTION: &str = "# Benchmarks

Made by `cargo xtask bench all`. Every system does the same work in its documented default way to run a transaction;
what counts is their ratio. SQLAlchemy does not ping by default; round trips and latency show it with
`pool_pre_ping=True` as well, as in the module that this crate replaces. Every pool has 10 connections (for round trips:
one). PostgreSQL runs on the same machine with `fsync = off`, in memory: COMMIT costs no disk, for anybody. Timed figures
of a machine that does something else meanwhile are provisional; round trips, connections and instructions are not.

![Bars of this crate beside its peers: round trips that a caller waits for, seconds of a storm of cancelled calls, latency over a
line, p99 under contention, transactions on SQLite, instructions, and time of the compiler](overview.svg)

";

/// The text above the table of ratios.
pub(super) const RATIOS: &str = "Ours beside the best peer, or beside the one that the promise names. Behind `≥` a ratio says how many times better \
     ours is, behind `≤` how much of theirs it takes; where nothing is promised it is our part of theirs. `N` is 1, 2, 5 and 20 \
     statements, and a promise of them has to hold exactly at each. A pool that serves some tasks and starves \
     others (fairness below 0.5) is no peer for a p99.";

/// The report's text about one measurement.
pub(super) struct Chapter {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

pub(super) const CHAPTERS: [Chapter; 7] = [
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
               to a round trip is measured with a ping: the timer and the threads of the line add 0.2 to 0.4 ms of their own \
               to twice the delay, so that `added per round trip` is what each round trip of each system costs. A pool of 10 \
               connections, of which one call at a time needs one. Without a delay there is no line. `read` is a `read_only` function \
               here and the same transaction elsewhere; a single statement outside of any transaction takes one round trip with \
               everybody, and whatever the pool's ping takes. Ours asks a connection that idled for half a second, which none does here.",
    },
    Chapter {
        name: "contention",
        title: "Contention",
        text: "Many tasks on ten connections, each running one short transaction after another for 3 s, by turns in five rounds \
               of which the middle figure counts. Times are from the call to its answer, the wait for a connection included. \
               Fairness is Jain's index of how many calls each task got through: 1 is all the same. Tasks that never got a \
               turn in 3 s show in it. Our pool hands a connection over to whoever has waited longest, in the order of arrival, and so do deadpool's \
               and sqlx's. bb8 by itself lets whoever asks first take the connection from one that waits: its p99 is that \
               of those who are served, and is left out of the comparison of p99.",
    },
    Chapter {
        name: "sqlite",
        title: "SQLite",
        text: "Short transactions on a file in WAL mode with `synchronous = FULL` for all, in a file system in memory where \
               there is one: what is measured is the way to the database, not the disk. A transaction that writes starts with BEGIN IMMEDIATE \
               in all systems, one that reads with BEGIN; pools have 10 connections. One task, or many at once, by \
               turns in short rounds of which the middle one counts; plain diesel, synchronous on one thread, is the floor: \
               each has its part of what that does with one task.",
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
