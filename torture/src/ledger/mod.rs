//! The ledger moves money between accounts while callers give up and panic, connections are cut and
//! the server restarts. In the end, no acknowledged transfer may be missing.

mod bank;
mod galera;
mod ground;
mod mysql;
mod postgres;
mod replicated;
mod sqlite;
mod tally;

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::FutureExt as _;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use self::bank::{ACCOUNTS, Bank, Fate, Transfer};
pub(crate) use self::ground::Ground;
use self::tally::Tally;
use crate::arguments::Ledger;
use crate::case::Verdict;
use crate::subject::{Failure, verdict};

/// The number of concurrent callers.
const TASKS: u64 = 50;
/// How many times the server restarts, evenly spread over the run.
const RESTARTS: u32 = 4;
/// How long sessions may take to settle at the end: the library gives a silent connection up after
/// 30 seconds.
const REST: Duration = Duration::from_secs(45);

/// Runs transfers for the given time, then audits the books.
pub(crate) async fn run(arguments: Ledger) -> ExitCode {
    let bank = bank::open(arguments.backend).await;
    let tally = Arc::new(Tally::default());
    let mut random = Rng::with_seed(arguments.seed);
    let length = Duration::from_secs(arguments.seconds);
    let end = Instant::now() + length;
    let mut callers = JoinSet::new();
    for number in 0..TASKS {
        let (bank, tally, random) = (Arc::clone(&bank), Arc::clone(&tally), random.fork());
        callers.spawn(async move {
            let mut caller = Caller {
                bank,
                tally,
                random,
            };
            // Each caller uses its own numbers.
            let mut ids = (0..).map(|n| n * TASKS + number);
            while Instant::now() < end
                && let Some(id) = ids.next()
            {
                caller.transfer(id).await;
            }
        });
    }
    disturb(&*bank, &tally, &mut random, length).await;
    while let Some(ended) = callers.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    let rests = timeout(REST, async {
        while !bank.is_quiet() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    let at_rest = rests.await.is_ok();
    let (books, conflicts) = (bank.books().await, bank.conflicts().await);
    let line = tally.line(arguments.backend, arguments.seconds, &books, conflicts);
    let line = line.with_reads_of_replicas(bank.replica_reads());
    if arguments.json {
        match serde_json::to_string(&line) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("{error}"),
        }
    } else {
        println!("{line}");
    }
    if !at_rest {
        eprintln!("after {REST:?} the pool still has sessions out");
    }
    if line.is_right() && at_rest {
        ExitCode::SUCCESS
    } else {
        eprintln!("again: cargo xtask ledger --seed {}", arguments.seed);
        ExitCode::FAILURE
    }
}

/// Cuts connections and restarts the server, for the given time.
async fn disturb(bank: &dyn Bank, tally: &Tally, random: &mut Rng, length: Duration) {
    let bar = ProgressBar::new(length.as_secs());
    let style = "{prefix:20} {bar:30} {pos}/{len} s  {msg}";
    bar.set_style(
        ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.set_prefix("ledger");
    let started = Instant::now();
    let mut restarts = 0;
    while started.elapsed() < length {
        if started.elapsed() > length * (restarts + 1) / (RESTARTS + 1) && restarts < RESTARTS {
            tally.happened(bank.restart(restarts).await);
            restarts += 1;
        } else if bank.cut(random).await {
            tally.cut();
        }
        bar.set_position(started.elapsed().as_secs());
        bar.set_message(tally.acknowledged());
        sleep(Duration::from_millis(random.u64(50..500))).await;
    }
    bank.calm().await;
    bar.finish_and_clear();
}

/// A caller that makes transfers.
struct Caller {
    bank: Arc<dyn Bank>,
    tally: Arc<Tally>,
    random: Rng,
}

impl Caller {
    /// Makes one transfer, and records its result.
    async fn transfer(&mut self, id: u64) {
        let from = self.random.u32(0..ACCOUNTS);
        let transfer = Transfer {
            id,
            from,
            to: (from + self.random.u32(1..ACCOUNTS)) % ACCOUNTS,
            amount: self.random.u32(1..100),
            panic_at: (self.random.u32(0..100) < 5).then(|| self.random.u32(0..4)),
        };
        let call = self.bank.transfer(transfer);
        let dropped = self.random.u32(0..100);
        let polls = self.random.usize(0..12);
        let patience = Duration::from_micros(self.random.u64(0..20_000));
        let call = async {
            match dropped {
                0..15 => testbed::polls::drop_at(polls, call).await,
                15..25 => timeout(patience, call).await.ok(),
                _ => Some(call.await),
            }
        };
        let mut wait = Duration::ZERO;
        let fate = match AssertUnwindSafe(call).catch_unwind().await {
            Err(_panic) => Fate::Panicked,
            Ok(None) => Fate::Dropped,
            Ok(Some(told)) => {
                if let Err(Failure::Session(_)) = &told {
                    // Usually because no server is running at the moment.
                    wait = Duration::from_millis(self.random.u64(5..50));
                }
                Fate::Told(verdict(told))
            }
        };
        self.tally.ended(id, fate);
        if fate == Fate::Told(Verdict::Committed) {
            self.look(id).await;
        }
        sleep(wait).await;
    }

    /// Reads the transfer that was just acknowledged, and an earlier one.
    async fn look(&mut self, id: u64) {
        let earlier = self.tally.an_acknowledged(&mut self.random);
        for id in [Some(id), earlier].into_iter().flatten() {
            // An error usually means that no server is running at the moment.
            if let Ok(seen) = self.bank.sees(id).await {
                self.tally.read(seen);
            }
        }
    }
}
