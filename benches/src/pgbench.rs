//! pgbench, PostgreSQL's own client for benchmarks, in C: the floor.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use testbed::postgres::Binaries;

use crate::contention::Crowd;
use crate::spent::Spent;

pub(crate) const NAME: &str = "pgbench";

/// The transaction of the other systems; each client has a row of its own.
const SCRIPT: &str = "\\set row :client_id + 1\n\
     BEGIN;\n\
     UPDATE counters SET n = n + 1 WHERE id = :row;\n\
     COMMIT;\n";

/// Runs so many clients, each with a connection of its own, as `pgbench -M prepared`.
pub(crate) fn crowd(url: &str, clients: u32, limit: Duration) -> Result<Crowd> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("script.sql");
    fs::write(&script, SCRIPT)?;
    let log = folder.path().join("log");
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let before = Spent::by_children()?;
    let output = Command::new(Binaries::find_or_install()?.program("pgbench"))
        .args(["--no-vacuum", "--protocol=prepared", "--log"])
        .arg(format!("--log-prefix={}", log.display()))
        .arg(format!("--file={}", script.display()))
        .arg(format!("--client={clients}"))
        .arg(format!("--jobs={}", threads.min(clients as usize)))
        .arg(format!("--time={}", limit.as_secs()))
        .arg(url)
        .stdin(Stdio::null())
        .output()
        .context("pgbench")?;
    ensure!(
        output.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let spent = Spent::by_children()?.since(before);
    // "tps = 12345.678901 (without initial connection time)"
    let said = String::from_utf8_lossy(&output.stdout);
    let per_second = said.lines().find_map(|line| {
        let figure = line.strip_prefix("tps = ")?.split(' ').next()?;
        figure.parse::<f64>().ok()
    });
    let per_second = per_second.with_context(|| format!("pgbench told no tps: {said}"))?;
    let mut times = Vec::new();
    let mut counts = vec![0; clients as usize];
    for file in fs::read_dir(folder.path())? {
        let path = file?.path();
        if path == script {
            continue;
        }
        for line in fs::read_to_string(&path)?.lines() {
            // The client, its transaction's number, and the time of that in microseconds.
            let mut fields = line.split(' ');
            let client = fields
                .next()
                .and_then(|client| client.parse::<usize>().ok());
            let time = fields.nth(1).and_then(|time| time.parse::<f64>().ok());
            let (Some(count), Some(time)) =
                (client.and_then(|client| counts.get_mut(client)), time)
            else {
                bail!("pgbench's log has a line that is not understood: {line}");
            };
            *count += 1;
            times.push(time / 1e6);
        }
    }
    Ok(Crowd {
        seconds: times.len() as f64 / per_second,
        times,
        counts,
        spent,
    })
}
