//! The run: lanes that process one series after another.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use crate::arguments::Torture;
use crate::backend::Backend;
use crate::bed::{Against, Bed, LiteBed, MyBed, MyServer, PgBed, Server};
use crate::faults::Fault;
use crate::lane::Lane;
use crate::plan::{Extent, Series};
use crate::report::{Line, Report};
use crate::workloads;

/// Runs everything that was requested.
pub(crate) async fn run(arguments: Torture) -> ExitCode {
    let against = match arguments.against {
        Some(_) => Against::Naive,
        None => Against::Ours,
    };
    if let Some(name) = arguments.workload.iter().find(|name| !is_known(name)) {
        eprintln!("{name}: no such workload");
        return ExitCode::FAILURE;
    }
    let (mut violations, mut cases) = (0, 0);
    let mut traps = BTreeSet::new();
    let mut in_words = Vec::new();
    let mut servers = Servers::default();
    let repeated = arguments.repeat.as_ref().map(|point| point.backend);
    let usual = arguments.backend.is_empty() && repeated.is_none();
    let backends: &[_] = if usual {
        &Backend::USUAL
    } else {
        &Backend::ALL
    };
    for backend in chosen(backends, &arguments.backend, repeated) {
        for fault in chosen(
            &Fault::ALL,
            &arguments.fault,
            arguments.repeat.as_ref().map(|point| point.fault),
        ) {
            if !fault.applies_to(backend) {
                continue;
            }
            servers.start(backend).await;
            let line = one(&arguments, &servers, backend, fault, against).await;
            violations += line.violations;
            cases += line.cases;
            traps.extend(line.traps.iter().flatten().copied());
            say(&line, arguments.json);
            in_words.extend(line.violations_in_words);
        }
    }
    if against == Against::Ours {
        // Repeated at the end, so that a log that keeps its last lines only still names each case.
        for text in &in_words {
            eprintln!("{text}");
        }
    }
    let as_it_should_be = match against {
        Against::Ours => violations == 0 && cases > 0,
        Against::Naive => violations > 0 && (arguments.is_partial() || finds_the_traps(&traps)),
    };
    if as_it_should_be {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The traps of the hand-written wrapper that the torture must find.
const TRAPS: [&str; 5] = ["1", "2", "3", "4", "8"];

fn finds_the_traps(found: &BTreeSet<&'static str>) -> bool {
    let missed: Vec<_> = TRAPS
        .into_iter()
        .filter(|trap| !found.contains(trap))
        .collect();
    if !missed.is_empty() {
        eprintln!("the traps {missed:?} were not found: the auditor is blind");
    }
    missed.is_empty()
}

fn is_known(name: &str) -> bool {
    Backend::ALL
        .into_iter()
        .flat_map(workloads::all)
        .any(|workload| workload.name == name)
}

fn chosen<T: Copy + PartialEq>(all: &[T], asked: &[T], repeated: Option<T>) -> Vec<T> {
    all.iter()
        .copied()
        .filter(|one| asked.is_empty() || asked.contains(one))
        .filter(|one| repeated.is_none_or(|repeated| repeated == *one))
        .collect()
}

fn say(line: &Line, json: bool) {
    if json {
        match serde_json::to_string(line) {
            Ok(text) => println!("{text}"),
            Err(error) => eprintln!("{error}"),
        }
    } else {
        println!("{line}");
    }
}

/// Runs one backend with one fault.
async fn one(
    arguments: &Torture,
    servers: &Servers,
    backend: Backend,
    fault: Fault,
    against: Against,
) -> Line {
    let mut series = series(arguments, backend, fault);
    let opponent = (against == Against::Naive).then_some("naive");
    let (count, seed) = (series.len(), arguments.seed);
    let report = Arc::new(Report::new(backend, fault, count, seed, opponent));
    let lanes = arguments
        .lanes
        .unwrap_or_else(|| fault.lanes(backend))
        .clamp(1, series.len().max(1));
    // Lanes take series from the end.
    series.reverse();
    let queue = Arc::new(Mutex::new(series));
    let mut running = JoinSet::new();
    for _ in 0..lanes {
        let bed = bed(servers, backend, fault).await;
        let (queue, report) = (Arc::clone(&queue), Arc::clone(&report));
        running.spawn(async move {
            let mut lane = Lane::new(bed, against, fault.limits(against)).await;
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(series) = next else { return };
                lane.run(&series, &report).await;
                report.series_done();
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            std::panic::resume_unwind(error.into_panic());
        }
    }
    match Arc::try_unwrap(report) {
        Ok(report) => report.finish(),
        Err(_) => unreachable!("the lanes have ended"),
    }
}

fn series(arguments: &Torture, backend: Backend, fault: Fault) -> Vec<Series> {
    let extent = Extent {
        quick: arguments.quick,
        every_byte: arguments.every_byte,
        seed: arguments.seed,
    };
    let Some(point) = &arguments.repeat else {
        return extent.series(backend, fault, &arguments.workload);
    };
    let thorough = Extent {
        quick: false,
        ..extent
    };
    let one = thorough
        .series(backend, fault, &[point.workload.to_owned()])
        .into_iter()
        .find(|series| series.variant == point.variant);
    let Some(series) = one else { return Vec::new() };
    let only = Series {
        first: point.at.unwrap_or(0),
        step: 1,
        last: Some(point.at.unwrap_or(0)),
        ..series
    };
    vec![only; arguments.times as usize]
}

/// The run's servers, each started on first use.
#[derive(Clone, Default)]
struct Servers {
    postgres: Option<Server>,
    mysql: Option<MyServer>,
}

impl Servers {
    async fn start(&mut self, backend: Backend) {
        match backend {
            Backend::Postgres | Backend::Pgbouncer if self.postgres.is_none() => {
                self.postgres = Some(Server::builder().max_connections(400).start().await);
            }
            Backend::Mysql if self.mysql.is_none() => {
                self.mysql = Some(MyServer::builder().max_connections(400).start().await);
            }
            _ => {}
        }
    }
}

async fn bed(servers: &Servers, backend: Backend, fault: Fault) -> Bed {
    let gated = fault == Fault::Terminate;
    match (backend, &servers.postgres, &servers.mysql) {
        (Backend::Postgres, Some(server), _) if gated => {
            Bed::Postgres(Box::new(PgBed::gated(server).await))
        }
        (Backend::Postgres, Some(server), _) => {
            Bed::Postgres(Box::new(PgBed::proxied(server).await))
        }
        (Backend::Pgbouncer, Some(server), _) => {
            Bed::Postgres(Box::new(PgBed::pooled(server).await))
        }
        (Backend::Mysql, _, Some(server)) if gated => {
            Bed::Mysql(Box::new(MyBed::gated(server).await))
        }
        (Backend::Mysql, _, Some(server)) => Bed::Mysql(Box::new(MyBed::proxied(server).await)),
        _ => Bed::Sqlite(Box::new(LiteBed::new())),
    }
}

impl Fault {
    /// How many cases run in parallel: many, if they mostly wait.
    fn lanes(self, backend: Backend) -> usize {
        match (self, backend) {
            (Self::Stall, _) => 64,
            (Self::Cut, _) => 16,
            (_, Backend::Postgres | Backend::Pgbouncer | Backend::Mysql) => 6,
            (_, Backend::Sqlite) => 4,
        }
    }
}
