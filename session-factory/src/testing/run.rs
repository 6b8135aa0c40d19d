//! Runs one test: its database, its runtime, its body, what it left behind, the verdict.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::databases::Setup;
use super::outcome::Outcome;
use super::place::slots;
use super::plan::{Plan, Workers};
use super::wanted::{Taken, Tests, WantedFactory};
use crate::call::{TestContext, VirtualSessions};

/// How a body ended.
enum Ended {
    Well,
    /// The body returned `Err`, or left sessions open.
    Failed(String),
    Panicked(Box<dyn Any + Send>),
}

impl Ended {
    fn message(&self) -> Option<&str> {
        match self {
            Self::Well => None,
            Self::Failed(message) => Some(message),
            Self::Panicked(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            }
        }
    }
}

/// Runs a test on the current thread.
///
/// # Panics
/// When the test fails.
#[track_caller]
pub fn run<B, R>(plan: &Plan, wanted: &[&dyn WantedFactory], body: impl FnOnce(&Tests) -> B)
where
    B: Future<Output = R>,
    R: Outcome,
{
    // Held until the test has ended: this many run at a time.
    let _permit = aside(permit());
    let sessions = Arc::new(VirtualSessions::new(plan.within));
    let leases = match aside(take(plan, wanted, &sessions)) {
        Ok(leases) => leases,
        Err(error) => fail(&error),
    };
    let factories = leases.iter().map(|lease| lease.factory()).collect();
    let context = TestContext::new(factories, Arc::clone(&sessions));
    let tests = Tests(leases.iter().map(|lease| lease.test(&context)).collect());
    let runtime = match runtime(plan) {
        Ok(runtime) => runtime,
        Err(error) => fail(&format!("the test's runtime could not be started: {error}")),
    };
    let registered = context.register(runtime.handle());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { body(&tests).await.failure() })
    }));
    let ended = match ran {
        Ok(None) => match runtime.block_on(strays(plan, &leases)) {
            Ok(()) => match context.faults.left().as_slice() {
                [] => Ended::Well,
                left => Ended::Failed(never_struck(left)),
            },
            Err(strays) => Ended::Failed(strays),
        },
        Ok(Some(failure)) => Ended::Failed(failure),
        Err(panic) => Ended::Panicked(panic),
    };
    // Futures that are dropped with the runtime still belong to the test.
    drop(runtime);
    drop(registered);
    drop(tests);
    let ended = match sessions.failures().as_slice() {
        [] => ended,
        // The body may have failed for this reason, or not have seen it.
        cannot_show => {
            let cannot_show = cannot_show.join("\n");
            Ended::Failed(match ended.message() {
                Some(message) => format!("{cannot_show}\nthe test's own failure: {message}"),
                None => cannot_show,
            })
        }
    };
    finish(plan, leases, ended);
}

/// Gives each factory its database.
async fn take(
    plan: &Plan,
    wanted: &[&dyn WantedFactory],
    sessions: &Arc<VirtualSessions>,
) -> Setup<Vec<Box<dyn Taken>>> {
    let mut leases = Vec::new();
    for wanted in wanted {
        match wanted.take(plan, leases.is_empty(), sessions).await {
            Ok(lease) => leases.push(lease),
            Err(error) => {
                for lease in leases {
                    lease.end(plan).await?;
                }
                return Err(error);
            }
        }
    }
    Ok(leases)
}

async fn strays(plan: &Plan, leases: &[Box<dyn Taken>]) -> Result<(), String> {
    for lease in leases {
        lease.strays(plan).await?;
    }
    Ok(())
}

/// The right to run a test, of which a process has as many as it may use slots.
async fn permit() -> Setup<SemaphorePermit<'static>> {
    static PERMITS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(slots()));
    let permit = PERMITS.acquire().await;
    permit.map_err(|error| error.to_string())
}

fn never_struck(faults: &[String]) -> String {
    format!(
        "a fault that the test has armed never struck, so the test shows nothing of it: {}",
        faults.join("; ")
    )
}

fn finish(plan: &Plan, leases: Vec<Box<dyn Taken>>, ended: Ended) {
    let passed = match &ended {
        Ended::Well => plan.panics.is_none(),
        ended => plan.expects(ended.message()),
    };
    for lease in leases {
        let removed = aside(async {
            if passed && !plan.keep {
                lease.end(plan).await.map(|()| None)
            } else {
                lease.keep(plan).await
            }
        });
        match &removed {
            Ok(None) => {}
            Ok(Some(url)) => say(&format!("the database of {} is kept: {url}", plan.name)),
            Err(error) => say(&format!("the database of {}: {error}", plan.name)),
        }
    }
    match ended {
        Ended::Well => {}
        Ended::Failed(message) => fail(&message),
        Ended::Panicked(panic) => resume_unwind(panic),
    }
}

/// Runs the crate's own work on the background runtime: the test's clock may be paused.
fn aside<T>(work: impl Future<Output = T>) -> T
where
    T: FromNoRuntime,
{
    match crate::runtime::handle() {
        Ok(handle) => handle.block_on(work),
        Err(error) => T::no_runtime(error.to_string()),
    }
}

/// A result that can say that there is no background runtime.
trait FromNoRuntime {
    fn no_runtime(error: String) -> Self;
}

impl<T> FromNoRuntime for Setup<T> {
    fn no_runtime(error: String) -> Self {
        Err(error)
    }
}

fn runtime(plan: &Plan) -> std::io::Result<Runtime> {
    let mut builder = match plan.workers {
        None => Builder::new_current_thread(),
        Some(_) => Builder::new_multi_thread(),
    };
    if let Some(Workers::Number(number)) = plan.workers {
        builder.worker_threads(number);
    }
    builder.enable_all().start_paused(plan.start_paused).build()
}

#[track_caller]
#[allow(clippy::panic)] // how a test fails
fn fail(message: &str) -> ! {
    panic!("{message}")
}

#[allow(clippy::print_stderr)] // beside the failure that the test's harness prints
fn say(message: &str) {
    eprintln!("{message}");
}
