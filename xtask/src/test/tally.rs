//! Parses the output of `cargo test`, and counts.

use std::mem::take;

use super::cargo::Ended;

/// The passed and failed tests. Everything that does not pass counts as failed: an ignored test, a
/// crate that does not compile, a test program that ends without a result.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    troubles: Vec<String>,
    /// The test program that is running.
    suite: Option<String>,
    /// True if that program has printed its result.
    has_result: bool,
    /// Names of failed and ignored tests since the last result.
    names: Vec<String>,
}

impl Tally {
    /// The number of passed tests.
    pub(crate) fn passed(&self) -> u64 {
        self.passed
    }

    /// The number of failures of all kinds.
    pub(crate) fn failed(&self) -> u64 {
        self.failed
    }

    /// The failures by name.
    pub(crate) fn troubles(&self) -> &[String] {
        &self.troubles
    }

    /// Adds a failure that is not a test's. The same failure counts once.
    pub(crate) fn trouble(&mut self, what: String) {
        if !self.troubles.contains(&what) {
            self.failed += 1;
            self.troubles.push(what);
        }
    }

    /// Parses a line of `cargo test`'s output.
    pub(crate) fn line(&mut self, line: &str) {
        let trimmed = line.trim_start();
        let indented = trimmed.len() < line.len();
        if let Some(result) = line.strip_prefix("test result: ") {
            self.result(result);
        } else if let Some(test) = line.strip_prefix("test ") {
            if let Some((name, outcome)) = test.rsplit_once(" ... ")
                && (outcome == "FAILED" || outcome.starts_with("ignored"))
            {
                self.names
                    .push(format!("{name} ({})", outcome.to_lowercase()));
            }
        } else if indented && (trimmed.starts_with("Running ") || trimmed.starts_with("Doc-tests "))
        {
            self.finish();
            self.suite = Some(suite(trimmed));
        }
    }

    /// Ends the output.
    pub(crate) fn finish(&mut self) {
        let (suite, has_result) = (self.suite.take(), take(&mut self.has_result));
        if let Some(suite) = suite.filter(|_| !has_result) {
            self.trouble(format!("{suite}: ended without a result"));
        }
        self.names.clear();
    }

    /// Records how `cargo test` ended. A failure that no line reported counts as well.
    pub(crate) fn ended(&mut self, ended: &Ended) {
        self.finish();
        if let (Err(error), 0) = (ended, self.failed) {
            self.trouble(error.clone());
        }
    }

    /// Parses `ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s`.
    fn result(&mut self, result: &str) {
        let count = |what: &str| {
            let part = result
                .split(['.', ';'])
                .find_map(|part| part.trim().strip_suffix(what));
            part.and_then(|number| number.trim().parse::<u64>().ok())
                .unwrap_or_default()
        };
        self.has_result = true;
        self.passed += count("passed");
        let (failed, ignored) = (count("failed"), count("ignored"));
        self.failed += failed + ignored;
        let suite = self.suite.clone().unwrap_or_default();
        let names = take(&mut self.names);
        if failed + ignored > 0 && names.is_empty() {
            self.troubles.push(suite);
        } else {
            self.troubles
                .extend(names.iter().map(|name| format!("{suite}: {name}")));
        }
    }
}

/// Shortens `Running tests/t.rs (target/debug/deps/t-12ab)` to `tests/t.rs (t)`. Keeps a doc test's
/// line.
fn suite(line: &str) -> String {
    let parts = line
        .strip_prefix("Running ")
        .and_then(|rest| rest.rsplit_once(" ("));
    let Some((source, program)) = parts else {
        return line.to_owned();
    };
    let program = program
        .trim_end_matches(')')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let name = program
        .rsplit_once('-')
        .map_or(program, |(name, _hash)| name);
    format!("{source} ({name})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(output: &str, ended: &Ended) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.line(line));
        tally.ended(ended);
        tally
    }

    const GOOD: &str = "     Running unittests src/lib.rs (target/debug/deps/one-1)
running 2 tests
test a ... ok
test b ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.00s

   Doc-tests one
test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s
";

    #[test]
    fn sums_all_results() {
        let tally = tally(GOOD, &Ok(()));
        assert_eq!(
            (tally.passed(), tally.failed(), tally.troubles().len()),
            (6, 0, 0)
        );
    }

    #[test]
    fn names_failed_and_ignored_tests_and_counts_both() {
        let output = "     Running tests/t.rs (target/debug/deps/t-1)
test a ... ok
test b ... FAILED
test c ... ignored, no time
test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0s
";
        let tally = tally(output, &Err("cargo ended with 101".to_owned()));
        assert_eq!((tally.passed(), tally.failed()), (1, 2));
        let suite = "tests/t.rs (t)";
        let expected = [
            format!("{suite}: b (failed)"),
            format!("{suite}: c (ignored, no time)"),
        ];
        assert_eq!(tally.troubles(), expected);
    }

    #[test]
    fn a_program_that_dies_without_a_result_is_a_failure() {
        let dead = "     Running tests/dead.rs (target/debug/deps/dead-1)\nrunning 1 test\n";
        for output in [format!("{dead}{GOOD}"), format!("{GOOD}{dead}")] {
            let tally = tally(&output, &Err("cargo ended with 101".to_owned()));
            assert_eq!((tally.passed(), tally.failed()), (6, 1), "{output}");
            assert!(tally.troubles()[0].contains("tests/dead.rs (dead)"));
        }
    }

    #[test]
    fn a_failure_that_no_line_tells_is_one() {
        let tally = tally(GOOD, &Err("cargo ended with signal 9".to_owned()));
        assert_eq!((tally.passed(), tally.failed()), (6, 1));
    }
}
