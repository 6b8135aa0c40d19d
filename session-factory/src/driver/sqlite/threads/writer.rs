//! The write lock of one file within this process: who has it, who is next, and the thread they share.
//!
//! SQLite has one writer at a time, and a thread that is woken costs more than a short transaction. So all that
//! the writers of a file do is done on one thread, and the first statement of the next one follows there at once
//! behind the COMMIT of the one before. They come in the order in which they asked.

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

/// How long the thread looks out before it sleeps, while somebody has the turn: the next statement or COMMIT follows
/// within microseconds, mostly, and everybody who waits for a turn would wait for the waking as well. Where one
/// writer follows another as soon, it does so in between, too.
const LINGER: Duration = Duration::from_micros(50);

/// The writers of one file. The thread ends with the last of them.
#[derive(Debug)]
pub(in crate::driver::sqlite) struct Writers {
    messages: Sender<Message>,
    /// Turns that are waited for or taken.
    asked: AtomicUsize,
}

enum Message {
    Ask(Arc<Turn>),
    /// Work of whoever has the turn.
    Run(Work),
    Over,
}

/// The writers of a file: one queue, whatever the number of factories.
pub(in crate::driver::sqlite) fn of(file: &str) -> io::Result<Arc<Writers>> {
    of_place(std::fs::canonicalize(file).unwrap_or_else(|_| PathBuf::from(file)))
}

/// Of a database in memory.
pub(in crate::driver::sqlite) fn of_memory(name: &str) -> io::Result<Arc<Writers>> {
    // No file has such a name.
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

/// What the thread does.
fn take_turns(messages: &Receiver<Message>) {
    let mut waiting = VecDeque::new();
    let mut taken = false;
    // Between two turns it looks out as well, but only where that would have met the last one.
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

/// The next message, looked out for until then. None when there is nobody left to send one.
fn next(messages: &Receiver<Message>, until: Option<Instant>) -> Option<Message> {
    while until.is_some_and(|until| Instant::now() < until) {
        match messages.try_recv() {
            Ok(message) => return Some(message),
            // Not a yield: on a busy machine that is a whole time slice.
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
    /// Not asked for.
    New,
    /// With what is done when it comes.
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

    /// Asks for the turn: `task` is done when it comes, and `sent` told. True when nobody is ahead.
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

    /// Takes back what waits for the turn. None when it has come.
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

    /// On the writers' thread: the turn has come. False when it was withdrawn.
    fn begin(turn: &Arc<Self>) -> bool {
        let mut state = turn.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Waiting(task, sent) => {
                // Under the lock: whoever withdraws knows afterwards whether it was sent.
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

    /// Does `task` on the writers' thread. The turn has to be taken.
    pub(in crate::driver::sqlite) fn run(&self, task: Work) {
        self.writers.send(Message::Run(task));
    }

    /// The lock is free: it is the next one's turn, behind what still runs.
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
    /// The thread ends after the last handle.
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
