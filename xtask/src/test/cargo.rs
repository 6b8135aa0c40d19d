//! Runs cargo. Its output is printed line by line, and parsed as well.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long cargo may print nothing. A hanging test prints nothing; no compilation takes this long.
const SILENCE: Duration = Duration::from_secs(10 * 60);

/// A cargo command on the whole workspace with all features, so that all commands share one build.
pub(crate) struct Cargo {
    command: Command,
}

/// How cargo ended; `Err` contains the reason.
pub(crate) type Ended = Result<(), String>;

impl Cargo {
    /// `cargo SUBCOMMAND --workspace --all-features`, without the excluded packages.
    pub(crate) fn on_workspace(subcommand: &str, excluded: &[String]) -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let mut command = Command::new(cargo);
        command.args([subcommand, "--workspace", "--all-features"]);
        for package in excluded {
            command.args(["--exclude", package]);
        }
        // The output is parsed, so it must not have colours.
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1");
        Self { command }
    }

    /// Adds arguments.
    pub(crate) fn arguments<T: AsRef<OsStr>>(
        &mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable for cargo and for the tests.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.command.env(name, value);
    }

    /// Runs the command, prints its output, and passes every line to `read`.
    pub(crate) fn run(&mut self, mut read: impl FnMut(&str)) -> Ended {
        self.run_silently(|line| {
            println!("{line}");
            read(line);
        })
    }

    /// Like `run`, without printing.
    pub(crate) fn run_silently(&mut self, mut read: impl FnMut(&str)) -> Ended {
        let (mut child, lines) = self.spawn().map_err(|error| format!("cargo: {error}"))?;
        loop {
            match lines.recv_timeout(SILENCE) {
                Ok(line) => read(&line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    kill_tree(child.id());
                    return Err(format!(
                        "killed after {SILENCE:?} without output: a test hangs"
                    ));
                }
            }
        }
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("cargo ended with {status}")),
            Err(error) => Err(format!("cargo: {error}")),
        }
    }

    /// Uses one pipe for both outputs, so that cargo's and the tests' lines stay in order.
    fn spawn(&mut self) -> io::Result<(Child, mpsc::Receiver<String>)> {
        let (reader, writer) = io::pipe()?;
        self.command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let child = self.command.spawn()?;
        // `command` keeps the pipe's other end. Without this, the output would never end.
        self.command.stdout(Stdio::null()).stderr(Stdio::null());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut reader = BufReader::new(reader);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if sender.send(text).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok((child, lines))
    }
}

/// Kills a process and its children.
fn kill_tree(process: u32) {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::KILL);
    }
    for child in children
        .unwrap_or_default()
        .split_whitespace()
        .flat_map(str::parse)
    {
        kill_tree(child);
    }
}
