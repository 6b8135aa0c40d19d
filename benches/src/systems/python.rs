//! SQLAlchemy 2 with psycopg, in its own process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::System;
use crate::unit::Unit;

/// The packages to install into the virtual environment.
const PACKAGES: [&str; 3] = ["sqlalchemy>=2.1,<3", "psycopg[binary]>=3.3,<4", "greenlet"];
const PROGRAM: &str = include_str!("../../python/peer.py");

pub(crate) struct Python(Mutex<Peer>);

struct Peer {
    process: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    pub(super) fn start(url: &str, connections: u32, pre_ping: bool) -> Result<Self> {
        let python = environment()?;
        let mut process = Command::new(python)
            .args(["-c", PROGRAM, url, &connections.to_string()])
            .arg(if pre_ping { "pre-ping" } else { "default" })
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let commands = process.stdin.take().context("a piped input")?;
        let answers = BufReader::new(process.stdout.take().context("a piped output")?);
        Ok(Self(Mutex::new(Peer {
            process,
            commands,
            answers,
        })))
    }

    /// Sends one command and waits for its answer.
    pub(crate) fn ask<T: DeserializeOwned>(&self, command: &Value) -> Result<T> {
        let mut peer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writeln!(peer.commands, "{command}")?;
        let mut answer = String::new();
        if peer.answers.read_line(&mut answer)? == 0 {
            bail!("the Python process ended: its error is above");
        }
        Ok(serde_json::from_str(&answer)?)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _gone_already = self.process.kill();
        let _gone_already = self.process.wait();
    }
}

impl System for Python {
    fn run(&self, unit: Unit) -> BoxFuture<'_, Result<()>> {
        async move { tokio::task::block_in_place(|| self.ask(&json!({"do": "run", "unit": unit}))) }
            .boxed()
    }

    fn slow(&self, _: i32, _: f64, _: Arc<Notify>) -> BoxFuture<'_, Result<()>> {
        async { bail!("the Python process runs a storm by itself") }.boxed()
    }
}

/// The virtual environment's folder.
fn folder() -> PathBuf {
    crate::results::target().join("bench-venv")
}

/// The virtual environment's interpreter. Creates the environment if it is missing.
fn environment() -> Result<PathBuf> {
    let folder = folder();
    let python = folder.join("bin/python");
    let installed = Command::new(&python)
        .args(["-c", "import sqlalchemy, psycopg, greenlet"])
        .stderr(Stdio::null())
        .status();
    if installed.is_ok_and(|status| status.success()) {
        return Ok(python);
    }
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&folder)
        .stdout(Stdio::null())
        .status();
    if !made.is_ok_and(|status| status.success()) {
        bail!(
            "python3 -m venv does not work: SQLAlchemy is one of the peers; on Debian or Ubuntu run \
             `apt-get install python3-venv`, or leave it out with --without sqlalchemy"
        );
    }
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet"])
        .args(PACKAGES)
        .stdout(std::io::stderr())
        .status()?;
    if !pip.success() {
        bail!("pip could not install {PACKAGES:?}");
    }
    Ok(python)
}

/// The versions of the measured packages.
pub(crate) fn versions() -> Result<String> {
    let output = Command::new(Path::new(&environment()?))
        .args([
            "-c",
            "import sys, sqlalchemy, psycopg; \
             print(f'SQLAlchemy {sqlalchemy.__version__}, psycopg {psycopg.__version__}, Python {sys.version.split()[0]}')",
        ])
        .output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
