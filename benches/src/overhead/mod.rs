//! Instructions of a session beside those of hand-written code, counted by callgrind.
//!
//! What is counted is a process of its own, on a runtime of one thread: this program, started again with other
//! arguments. The server is another process, and is not in the figures. Each case runs with three numbers of
//! units; start-up is the same in all of them and is not in the differences.

pub(crate) mod counted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use self::counted::{Case, Code};
use crate::arguments::Arguments;
use crate::bed::Bed;
use crate::results::{Results, rounded, target};

/// How many units: the first number makes everything warm.
const TIMES: [u32; 3] = [200, 700, 1_200];

pub(crate) async fn run(arguments: &Arguments) -> Result<()> {
    let valgrind = testbed::programs::find_or_install("valgrind", "valgrind")?;
    let folder = target().join("bench/overhead");
    fs::create_dir_all(&folder)?;
    let bed = Bed::new(Duration::ZERO).await?;
    let mut results = Results::new("overhead", arguments);
    for case in Case::ALL {
        let mut by_hand = None;
        for code in case.codes() {
            let mut counts = Vec::new();
            for times in TIMES {
                let file = folder.join(format!("{}-{}-{times}.out", code.word(), case.word()));
                let counted = Counting {
                    valgrind: &valgrind,
                    url: &bed.direct(),
                    code: *code,
                    case,
                    times,
                };
                counts.push(counted.count(&file)?);
            }
            let (each, spread) = each(&counts)?;
            if *code == Code::WithoutPing {
                by_hand = Some(each);
            }
            results.add(json!({
                "system": code.name(),
                "kind": case.name(),
                "instructions": rounded(each, 0),
                "ratio": by_hand.map(|by_hand| rounded(each / by_hand, 3)),
                "spread_percent": rounded(spread * 100.0, 1),
            }));
        }
    }
    results.finish()
}

/// Instructions of one unit, and how far its two halves are from each other.
fn each(counts: &[u64]) -> Result<(f64, f64)> {
    let [first, second, third] = counts else {
        bail!("three counts, and not {}", counts.len());
    };
    let between =
        |from: u64, to: u64, times: u32| to.saturating_sub(from) as f64 / f64::from(times);
    let each = between(*first, *third, TIMES[2] - TIMES[0]);
    let early = between(*first, *second, TIMES[1] - TIMES[0]);
    let late = between(*second, *third, TIMES[2] - TIMES[1]);
    Ok((each, (early - late).abs() / each))
}

/// One run under callgrind.
struct Counting<'run> {
    valgrind: &'run Path,
    url: &'run str,
    code: Code,
    case: Case,
    times: u32,
}

impl Counting<'_> {
    /// All instructions of the process. What `callgrind_annotate` reads stays in `file`.
    fn count(&self, file: &Path) -> Result<u64> {
        let program: PathBuf = std::env::current_exe()?;
        let output = Command::new(self.valgrind)
            .arg("--tool=callgrind")
            .arg(format!("--callgrind-out-file={}", file.display()))
            .arg(program)
            .args(["counted", "--code", self.code.word()])
            .args(["--case", self.case.word()])
            .args(["--times", &self.times.to_string()])
            .args(["--url", self.url])
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            bail!(
                "valgrind ended with {}:\n{}",
                output.status,
                String::from_utf8_lossy(&output.stderr)
            );
        }
        let text = fs::read_to_string(file)?;
        let total = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: "))
            .with_context(|| format!("{}: no totals", file.display()))?;
        Ok(total.trim().parse()?)
    }
}
