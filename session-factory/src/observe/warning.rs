//! Warnings for operators: one line for each, but at most one line a second for each kind.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::observer::Caller;
use crate::one_line::one_line;
use crate::sync::Mutex;

/// The shortest time between two lines of one kind.
const WINDOW: Duration = Duration::from_secs(1);

/// One warning.
pub(super) struct Warning {
    pub(super) caller: Caller,
    pub(super) message: String,
}

/// Limits one kind of warnings to one line a second. The line after a flood says how many warnings it replaces.
pub(super) struct Flood {
    /// The kind in the plural: "slow statements".
    kind: &'static str,
    /// The most warnings that the line lists; it counts the rest.
    listed: usize,
    window: Duration,
    write: Write,
    state: Mutex<State>,
}

/// Writes a line, with the call if the line is for one warning.
type Write = fn(Option<&Caller>, &str);

#[derive(Default)]
struct State {
    last: Option<Instant>,
    /// Warnings since the last line.
    held: Vec<String>,
    more: u64,
    /// True if a task will write the held warnings.
    is_due: bool,
}

impl Flood {
    pub(super) fn new(kind: &'static str, listed: usize) -> Arc<Self> {
        Self::with(kind, listed, WINDOW, write)
    }

    fn with(kind: &'static str, listed: usize, window: Duration, write: Write) -> Arc<Self> {
        Arc::new(Self {
            kind,
            listed,
            window,
            write,
            state: Mutex::default(),
        })
    }

    /// Writes the warning now, or together with later ones at the end of the second.
    pub(super) fn warn(self: &Arc<Self>, warning: Warning) {
        let now = Instant::now();
        let mut state = self.state.lock();
        let left = state
            .last
            .map(|last| {
                self.window
                    .saturating_sub(now.saturating_duration_since(last))
            })
            .filter(|left| !left.is_zero());
        let Some(left) = left.or_else(|| state.is_due.then_some(Duration::ZERO)) else {
            state.last = Some(now);
            drop(state);
            (self.write)(Some(&warning.caller), &warning.message);
            return;
        };
        if state.held.len() < self.listed {
            state.held.push(warning.message);
        } else {
            state.more += 1;
        }
        if std::mem::replace(&mut state.is_due, true) {
            return;
        }
        drop(state);
        let flood = Arc::clone(self);
        let spawned = crate::runtime::spawn(async move {
            tokio::time::sleep(left).await;
            flood.end();
        });
        if spawned.is_err() {
            self.end();
        }
    }

    /// Writes the warnings that were held back.
    fn end(&self) {
        let (held, more) = {
            let mut state = self.state.lock();
            state.last = Some(Instant::now());
            state.is_due = false;
            (
                std::mem::take(&mut state.held),
                std::mem::take(&mut state.more),
            )
        };
        if let ([only], 0) = (held.as_slice(), more) {
            (self.write)(None, only);
            return;
        }
        let count = held.len() as u64 + more;
        let mut message = format!(
            "{count} {} within a second: {}",
            self.kind,
            held.join(" | ")
        );
        if more > 0 {
            let _infallible = write!(message, " | and {more} more");
        }
        (self.write)(None, &message);
    }
}

/// Writes to `tracing` if there is a subscriber, otherwise to the standard error stream.
#[cfg_attr(not(feature = "tracing"), allow(unused_variables))] // the message names the call as well
fn write(caller: Option<&Caller>, message: &str) {
    let message = one_line(message);
    #[cfg(feature = "tracing")]
    if tracing::dispatcher::has_been_set() {
        // The subscriber is the application's code and may panic.
        let _panicked = crate::panics::contained(|| {
            tracing::warn!(
                target: "session_factory",
                {
                    code.function.name = caller.map(|caller| caller.function),
                    code.file.path = caller.map(|caller| caller.file),
                    code.line.number = caller.map(|caller| caller.line),
                },
                "{message}"
            );
        });
        return;
    }
    // `eprintln!` panics if the stream is closed, so that panic is contained.
    #[allow(clippy::print_stderr)] // there is nowhere else to report it
    let _closed = crate::panics::contained(|| eprintln!("session_factory: {message}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Origin;

    static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

    /// The window is 20 ms instead of a second, so a minute becomes 1.2 seconds.
    #[test]
    fn a_minute_of_warnings_is_at_most_sixty_lines_that_count_all_of_them() {
        let window = Duration::from_millis(20);
        let write: Write = |_, line| LINES.lock().push(line.to_owned());
        let flood = Flood::with("slow waits", 2, window, write);
        let caller = Caller::new("AppDb", &Origin::internal("f"));
        let started = Instant::now();
        let mut warned = 0;
        while started.elapsed() < window * 60 {
            flood.warn(Warning {
                caller,
                message: "f waited".to_owned(),
            });
            warned += 1;
            std::thread::sleep(Duration::from_micros(500));
        }
        std::thread::sleep(window * 10);
        let lines = LINES.lock();
        assert!(lines.len() <= 61, "{}", lines.len());
        let counted: u64 = lines
            .iter()
            .map(
                |line| match line.split_once(" slow waits within a second: ") {
                    Some((count, _)) => count.parse().unwrap_or(0),
                    None => 1,
                },
            )
            .sum();
        assert_eq!(counted, warned);
        assert!(lines.iter().all(|line| line.len() < 100), "{lines:#?}");
    }
}
