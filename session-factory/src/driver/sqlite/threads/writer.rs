//! The write lock of one file within this process: the queue for it, and the thread of all its
//! writers.
//!
//! SQLite has one writer at a time, and waking a thread costs more than a short transaction. So all
//! writers of a file run on one thread, where the next writer's first statement directly follows
//! the previous writer's COMMIT. Writers get their turns in the order in which they asked.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::sync::{Arc, MutexGuard, OnceLock, Weak};
use std::time::{Duration, Instant};

use super::Work;
use crate::driver::CommitSent;
use crate::sync::Mutex;
use crate::time::after;

/// How long the thread spins before it sleeps, while a session has the turn. The session's next
/// statement or COMMIT usually follows within microseconds, and every session in the queue would
/// wait for the thread to wake. The thread also spins between two turns if the last writer came as
/// quickly.
const LINGER: Duration = Duration::from_micros(50);

/// The writers of one file. Their thread ends when the last handle is dropped.
#[derive(Debug)]
pub(in crate::driver::sqlite) struct Writers {
    messages: Sender<Message>,
    /// The number of turns that are waiting or taken.
    asked: AtomicUsize,
}

enum Message {
    Ask(Arc<Turn>),
    /// Work of the session that has the turn.
    Run(Work),
    Over,
}

/// Returns the writers of a file. All factories share them.
pub(in crate::driver::sqlite) fn of(file: &str) -> io::Result<Arc<Writers>> {
    of_place(std::fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file)))
}

/// Returns the writers of an in-memory database.
pub(in crate::driver::sqlite) fn of_memory(name: &str) -> io::Result<Arc<Writers>> {
    // A file's name cannot contain a zero byte, so no file has this name.
    of_place(PathBuf::from(format!("\0{name}")))
}

fn of_place(path: PathBuf) -> io::Result<Arc<Writers>> {
    static FILES: OnceLock<Mutex<HashMap<PathBuf, Weak<Writers>>>> = OnceLock::new();
    let mut files = FILES.get_or_init(Mutex::default).lock();
    if let Some(writers) = files.get(&path).and_then(Weak::upgrade) {
        return Ok(writers);
    }
    files.retain(|_, writers| writers.strong_count() > 0);
    let (messages, queue) = mpsc::channel();
    super::spawn(move || take_turns(&queue))?;
    let writers = Arc::new(Writers {
        messages,
        asked: AtomicUsize::new(0),
    });
    files.insert(path, Arc::downgrade(&writers));
    Ok(writers)
}

/// The loop of the writers' thread.
fn take_turns(messages: &Receiver<Message>) {
    let mut waiting = VecDeque::new();
    let mut taken = false;
    // True if spinning between the last two turns would have caught the next one.
    let mut is_busy = false;
    loop {
        if !taken && let Some(next) = waiting.pop_front() {
            taken = Turn::begin(&next);
            continue;
        }
        let since = Instant::now();
        let message = next(messages, (taken || is_busy).then(|| after(since, LINGER)));
        if !taken {
            is_busy = since.elapsed() < LINGER;
        }
        match message {
            Some(Message::Ask(turn)) => waiting.push_back(turn),
            Some(Message::Run(task)) => super::run(task),
            Some(Message::Over) => taken = false,
            None => return,
        }
    }
}

/// Returns the next message: spins until `until`, then sleeps. `None` if every sender is gone.
fn next(messages: &Receiver<Message>, until: Option<Instant>) -> Option<Message> {
    while until.is_some_and(|until| Instant::now() < until) {
        match messages.try_recv() {
            Ok(message) => return Some(message),
            // A yield could take a whole time slice on a busy machine.
            Err(TryRecvError::Empty) => std::hint::spin_loop(),
            Err(TryRecvError::Disconnected) => return None,
        }
    }
    messages.recv().ok()
}

/// One session's turn to write.
#[derive(Debug)]
pub(in crate::driver::sqlite) struct Turn {
    writers: Arc<Writers>,
    state: Mutex<State>,
}

enum State {
    /// Not asked for yet.
    New,
    /// In the queue, with the work to run when the turn comes.
    Waiting(Work, Option<CommitSent>),
    Taken,
    Over,
}

impl Turn {
    pub(in crate::driver::sqlite) fn new(writers: &Arc<Writers>) -> Arc<Self> {
        Arc::new(Self {
            writers: Arc::clone(writers),
            state: Mutex::new(State::New),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(in crate::driver::sqlite) fn is_new(&self) -> bool {
        matches!(*self.state(), State::New)
    }

    pub(in crate::driver::sqlite) fn is_taken(&self) -> bool {
        matches!(*self.state(), State::Taken)
    }

    /// Asks for the turn. When it comes, `sent` is set and `task` runs. Returns true if no other
    /// session is ahead.
    pub(in crate::driver::sqlite) fn ask(
        self: &Arc<Self>,
        task: Work,
        sent: Option<CommitSent>,
    ) -> bool {
        *self.state() = State::Waiting(task, sent);
        let ahead = self.writers.asked.fetch_add(1, Ordering::SeqCst);
        self.writers.send(Message::Ask(Arc::clone(self)));
        ahead == 0
    }

    /// Leaves the queue and returns the work. `None` if the turn has come already.
    pub(in crate::driver::sqlite) fn withdraw(&self) -> Option<Work> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Over) {
            State::Waiting(task, _) => {
                self.writers.leave();
                Some(task)
            }
            other => {
                *state = other;
                None
            }
        }
    }

    /// Begins the turn, on the writers' thread. Returns false if the turn was withdrawn.
    fn begin(turn: &Arc<Self>) -> bool {
        let mut state = turn.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting(task, sent) => {
                // Set under the lock, so that after `withdraw` it is certain whether the work was sent.
                if let Some(sent) = sent {
                    sent.set();
                }
                drop(state);
                super::run(task);
                true
            }
            other => {
                *state = other;
                false
            }
        }
    }

    /// Runs `task` on the writers' thread. The turn must be taken.
    pub(in crate::driver::sqlite) fn run(&self, task: Work) {
        self.writers.send(Message::Run(task));
    }

    /// Ends the turn. The next session's turn begins when this turn's running work has ended.
    pub(in crate::driver::sqlite) fn over(&self) {
        let mut state = self.state();
        if let State::Taken = *state {
            *state = State::Over;
            self.writers.leave();
            self.writers.send(Message::Over);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.over();
    }
}

impl Writers {
    /// Sends a message. That fails only after the last handle is dropped, when the thread has ended.
    fn send(&self, message: Message) {
        let _thread_is_gone = self.messages.send(message);
    }

    fn leave(&self) {
        self.asked.fetch_sub(1, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::New => "New",
            Self::Waiting(..) => "Waiting",
            Self::Taken => "Taken",
            Self::Over => "Over",
        })
    }
}
