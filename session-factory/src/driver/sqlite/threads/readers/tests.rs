use std::sync::mpsc::{self, RecvTimeoutError, Sender};

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn workers() -> &'static Workers {
    Box::leak(Box::new(Workers::new()))
}

fn eventually(workers: &Workers, what: &str, is_so: impl Fn(&State) -> bool) {
    let started = Instant::now();
    while !is_so(&workers.state()) {
        assert!(started.elapsed() < SOON, "{what}: {:?}", workers.state());
        thread::sleep(Duration::from_millis(1));
    }
}

/// Starts a task that lasts until the returned sender is dropped.
fn long(workers: &Workers) -> Sender<()> {
    let (end, ended) = mpsc::channel();
    workers.push(Box::new(move |_| {
        let _dropped: Result<(), _> = ended.recv();
    }));
    end
}

/// True if a task pushed now is run.
fn is_served(workers: &Workers) -> bool {
    let (done, is_done) = mpsc::channel();
    workers.push(Box::new(move |_| {
        let _asked: Result<(), _> = done.send(());
    }));
    is_done.recv_timeout(SOON) != Err(RecvTimeoutError::Timeout)
}

#[test]
fn a_task_waits_for_no_other() {
    let workers = workers();
    let _hired: Vec<_> = (0..4).map(|_| workers.hire().unwrap()).collect();
    let ends = [long(workers), long(workers), long(workers)];
    for _ in 0..100 {
        assert!(is_served(workers));
    }
    drop(ends);
}

#[test]
fn nothing_that_is_asked_for_is_lost() {
    let workers = workers();
    let hired: Vec<_> = (0..8).map(|_| workers.hire().unwrap()).collect();
    thread::scope(|scope| {
        for caller in 0..8_u64 {
            scope.spawn(move || {
                for call in 0..2_000 {
                    // The callers' calls meet three states in turn: all threads asleep, one
                    // spinning, all at work.
                    if call % 50 == caller {
                        thread::sleep(Duration::from_micros(caller * 20));
                    }
                    assert!(is_served(workers));
                }
            });
        }
    });
    drop(hired);
    eventually(workers, "all have gone", |state| state.free == 0);
}

#[test]
fn threads_end_with_their_connections_and_no_sooner() {
    let workers = workers();
    let mut hired: Vec<_> = (0..10).map(|_| workers.hire().unwrap()).collect();
    eventually(workers, "all have come", |state| state.free == 10);
    // The connection's claim ends before its task. Each remaining connection still has a thread.
    let end = long(workers);
    eventually(workers, "it is at work", |state| state.free == 9);
    hired.truncate(1);
    eventually(workers, "one is left", |state| state.free == 1);
    assert!(is_served(workers));
    drop(end);
    eventually(workers, "one is enough", |state| state.asleep.len() == 1);
    assert_eq!(workers.state().free, 1);
    // The task pushed last must run too, because such tasks close connections.
    let (done, is_done) = mpsc::channel();
    workers.push(Box::new(move |_| drop(done)));
    hired.clear();
    assert_eq!(
        is_done.recv_timeout(SOON),
        Err::<(), _>(RecvTimeoutError::Disconnected)
    );
    eventually(workers, "all have gone", |state| state.free == 0);
}

#[test]
fn a_task_that_panics_costs_no_thread() {
    let workers = workers();
    let _hired = workers.hire().unwrap();
    workers.push(Box::new(|_| panic!("by way of trial")));
    assert!(is_served(workers));
}

#[test]
fn nobody_looks_out_where_tasks_are_rare() {
    let workers = workers();
    let _hired = workers.hire().unwrap();
    assert!(is_served(workers));
    for _ in 0..20 {
        eventually(workers, "it sleeps", |state| state.asleep.len() == 1);
        thread::sleep(Duration::from_millis(1));
        assert!(is_served(workers));
        assert!(!workers.state().is_busy);
    }
}
