//! Running cargo: its output is passed on line by line, and read on the way.

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// A test that hangs says nothing more. No compilation is silent for so long.
const SILENCE: Duration = Duration::from_secs(10 * 60);

/// A cargo command on the whole workspace with all features: the one build that everything shares.
pub(crate) struct Cargo {
    command: Command,
}

/// How it ended: `Err` in words.
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
        // Read by us: no colours, whatever the user's configuration says.
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("NO_COLOR", "1");
        Self { command }
    }

    /// More arguments.
    pub(crate) fn arguments<T: AsRef<OsStr>>(
        &mut self,
        arguments: impl IntoIterator<Item = T>,
    ) -> &mut Self {
        self.command.args(arguments);
        self
    }

    /// A variable for cargo and for the tests.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.command.env(name, value);
    }

    /// Runs it, prints its output, and gives every line of it to `read`.
    pub(crate) fn run(&mut self, mut read: impl FnMut(&str)) -> Ended {
        self.run_silently(|line| {
            println!("{line}");
            read(line);
        })
    }

    /// The same without printing.
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

    /// One pipe for both outputs, so that cargo's lines and the tests' stay in order.
    fn spawn(&mut self) -> io::Result<(Child, mpsc::Receiver<String>)> {
        let (reader, writer) = io::pipe()?;
        self.command
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer);
        let child = self.command.spawn()?;
        // The command keeps the pipe's other end; without this the output would never end.
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

/// Kills a process and what it has started.
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
