//! A server process that never outlives the test that started it.
//!
//! The server's parent is a small shell script, the supervisor. Its standard input is a pipe from
//! this process. When this process ends (returned, panicked, aborted, killed), the kernel closes
//! the pipe, and the supervisor stops the server and removes its folder. `Drop` alone is not
//! enough: statics are not dropped, and a killed process drops nothing. The kernel's parent-death
//! signal alone is not enough either: it depends on the *thread* that started the child, and a
//! test's thread ends long before its process.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::Error;
use crate::user::User;

/// The arguments: `$1` is the folder, `$2` the log file, and the server's command line follows.
///
/// If setpriv exists, killing the supervisor with SIGKILL also kills the server.
const SUPERVISOR: &str = r#"
folder=$1 log=$2; shift 2
if setpriv --pdeathsig KILL true 2>/dev/null; then set -- setpriv --pdeathsig KILL "$@"; fi
exec 3<&0
"$@" </dev/null >>"$log" 2>&1 3<&- &
server=$!
echo "$server"
(
    read -r _ <&3
    : >"$folder/orphaned"
    kill -QUIT "$server" 2>/dev/null
    tries=0
    while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    kill -KILL "$server" 2>/dev/null
) >/dev/null 2>&1 &
watcher=$!
wait "$server"
code=$?
if [ -e "$folder/orphaned" ]; then
    cd / && rm -rf "$folder"
else
    kill "$watcher" 2>/dev/null
fi
exit "$code"
"#;

/// The server to run.
pub(crate) struct Spec<'a> {
    /// The server's folder: its working directory, removed when the owner has ended.
    pub(crate) folder: &'a Path,
    /// The file to which its output is appended.
    pub(crate) log: &'a Path,
    /// The program and its arguments.
    pub(crate) command: Vec<String>,
    /// The account to run under; `None` is this process's own.
    pub(crate) user: Option<User>,
}

/// A running server with its supervisor.
#[derive(Debug)]
pub(crate) struct Process {
    supervisor: Child,
    lifeline: Option<ChildStdin>,
    pid: Pid,
}

impl Process {
    /// Starts the supervisor and through it the server.
    pub(crate) fn start(spec: &Spec<'_>) -> Result<Self, Error> {
        let failed = |what: &str| Error::new(format!("{}: {what}", spec.command[0]));
        let mut command = as_user("sh", spec.user);
        command
            .args(["-c", SUPERVISOR, "supervisor"])
            .args([spec.folder, spec.log])
            .args(&spec.command)
            .current_dir(spec.folder)
            // The terminal's Ctrl-C reaches this process only; the pipe's end then stops the
            // supervisor.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut supervisor = command
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let lifeline = supervisor.stdin.take();
        let mut line = String::new();
        let output = supervisor
            .stdout
            .take()
            .ok_or_else(|| failed("no output"))?;
        BufReader::new(output)
            .read_line(&mut line)
            .map_err(|error| failed(&error.to_string()))?;
        let pid = line.trim().parse().ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| failed("its supervisor did not start"))?;
        Ok(Self {
            supervisor,
            lifeline,
            pid,
        })
    }

    /// True while the server runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.supervisor.try_wait(), Ok(None))
    }

    /// Sends the server a signal.
    pub(crate) fn signal(&mut self, signal: Signal) {
        // A supervisor that has ended has reaped the server, so another process may have its number
        // now.
        if self.is_running() {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Kills the server and its child processes, like a crash of their machine.
    pub(crate) fn kill(&mut self) {
        let pid = self.pid.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        self.signal(Signal::KILL);
        for child in children.unwrap_or_default().split_whitespace() {
            if let Some(child) = child.parse().ok().and_then(Pid::from_raw) {
                let _ = kill_process(child, Signal::KILL);
            }
        }
    }

    /// Waits until the server has ended. Returns `false` at the limit.
    pub(crate) fn wait(&mut self, limit: Duration) -> bool {
        let start = Instant::now();
        while self.is_running() {
            if start.elapsed() > limit {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        if !self.wait(Duration::from_secs(10)) {
            self.kill();
            let _ = self.supervisor.wait();
        }
    }
}

/// A command under this account, with a clean and predictable environment.
pub(crate) fn as_user(program: impl Into<PathBuf>, user: Option<User>) -> Command {
    let mut command = Command::new(program.into());
    command
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", search_path());
    if let Some(user) = user {
        // std also drops the supplementary groups here.
        command.uid(user.uid).gid(user.gid);
    }
    command
}

fn search_path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
}

/// The end of a log file, for error messages.
pub(crate) fn tail(log: &Path) -> String {
    let Ok(file) = File::open(log) else {
        return String::new();
    };
    let lines: Vec<_> = BufReader::new(file).lines().map_while(Result::ok).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
