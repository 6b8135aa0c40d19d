//! Runs one test: its database, its runtime, its body, what it left behind, the verdict.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::databases::{Setup, Tested};
use super::fixture::Fixture;
use super::lease::Lease;
use super::outcome::Outcome;
use super::plan::{Plan, Workers};
use super::strays;
use super::test::Test;
use crate::factory::SessionFactory;

/// The longest wait for connections that come back late.
const END: Duration = Duration::from_secs(5);

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
pub fn run<F, B, R>(plan: &Plan, fixtures: &[Fixture<F>], body: impl FnOnce(&Test<F>) -> B)
where
    F: SessionFactory<Driver: Tested>,
    B: Future<Output = R>,
    R: Outcome,
{
    let lease = match aside(Lease::<F>::take(plan, fixtures)) {
        Ok(lease) => lease,
        Err(error) => fail(&error),
    };
    let test = Test::new(&lease);
    let runtime = match runtime(plan) {
        Ok(runtime) => runtime,
        Err(error) => fail(&format!("the test's runtime could not be started: {error}")),
    };
    let registered = test.context().register(runtime.handle());
    let ran = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async { body(&test).await.failure() })
    }));
    let ended = match ran {
        Ok(None) => match runtime.block_on(strays::ended(plan, &lease.factory)) {
            Ok(()) => match test.context().faults.left().as_slice() {
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
    drop(test);
    finish(plan, lease, ended);
}

fn never_struck(faults: &[String]) -> String {
    format!(
        "a fault that the test has armed never struck, so the test shows nothing of it: {}",
        faults.join("; ")
    )
}

fn finish<F: SessionFactory<Driver: Tested>>(plan: &Plan, lease: Lease<F>, ended: Ended) {
    let passed = match &ended {
        Ended::Well => plan.panics.is_none(),
        ended => plan.expects(ended.message()),
    };
    let factory = lease.factory.clone();
    let removed = aside(async {
        factory.shutdown(END).await;
        if passed && !plan.keep {
            lease.end().await.map(|()| None)
        } else {
            lease.keep(plan).await.map(Some)
        }
    });
    match &removed {
        Ok(None) => {}
        Ok(Some(url)) => say(&format!("the database of {} is kept: {url}", plan.name)),
        Err(error) => say(&format!("the database of {}: {error}", plan.name)),
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
