//! The instructions of a session beside those of hand-written code, counted by callgrind.
//!
//! callgrind counts a separate process with a single-threaded runtime: this program with other
//! arguments. The server is another process and is not counted. Each case runs with three numbers
//! of units. Start-up is the same in all three, so the differences exclude it.

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

/// The numbers of units. The first one warms everything up.
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

/// The instructions of one unit, and the difference between the two halves of the run.
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
    /// Counts all instructions of the process. `file` keeps the data for `callgrind_annotate`.
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
