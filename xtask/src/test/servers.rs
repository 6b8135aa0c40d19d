//! The run's servers. One program of the testbed keeps them while its standard input is open.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::tally::Tally;

/// The running servers.
pub(crate) struct Servers {
    holder: Option<Child>,
    variables: Vec<(String, String)>,
}

impl Servers {
    /// Starts the servers, and prints what was found. A missing server is a failure of the run, and
    /// of every test that needs it.
    pub(crate) fn start(programs: &Path, tally: &mut Tally) -> Self {
        let mut servers = Self {
            holder: None,
            variables: Vec::new(),
        };
        if let Err(error) = servers.try_start(&programs.join("testbed-servers"), tally) {
            tally.trouble(format!("the servers: {error}"));
        }
        servers
    }

    fn try_start(&mut self, program: &Path, tally: &mut Tally) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", program.display());
        let mut holder = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let output = holder.stdout.take();
        self.holder = Some(holder);
        for line in output
            .into_iter()
            .flat_map(|output| BufReader::new(output).lines())
        {
            let line = line.map_err(failed)?;
            if line == "ready" {
                return Ok(());
            }
            match (line.split_once(' '), line.split_once('=')) {
                (Some(("#", found)), _) => println!("{found}"),
                (Some(("!", missing)), _) => tally.trouble(missing.to_owned()),
                (_, Some((name, value))) if is_name(name) => {
                    self.variables.push((name.to_owned(), value.to_owned()));
                }
                _ => println!("{line}"),
            }
        }
        Err(format!("{} ended before it was ready", program.display()))
    }

    /// The variables for the tests' environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Stops the servers, and waits until they have ended.
    pub(crate) fn stop(self) {
        if let Some(mut holder) = self.holder {
            drop(holder.stdin.take());
            let _ = holder.wait();
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}
