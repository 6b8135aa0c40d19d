//! Builds everything first. A crate that does not compile is a failure, and the others still run.

use super::cargo::Cargo;
use super::tally::Tally;

/// Builds all tests, programs and examples. Returns the packages that cannot be tested.
pub(crate) fn all(tally: &mut Tally) -> Vec<String> {
    let mut excluded = Vec::new();
    loop {
        let mut broken = Vec::new();
        let mut note = |line: &str| broken.extend(Broken::in_line(line));
        let tests = Cargo::on_workspace("test", &excluded)
            .arguments(["--no-run", "--no-fail-fast"])
            .run(&mut note);
        let programs = Cargo::on_workspace("build", &excluded)
            .arguments(["--bins", "--examples", "--keep-going"])
            .run(&mut note);
        let Err(error) = tests.and(programs) else {
            return excluded;
        };
        let before = excluded.len();
        for broken in &broken {
            tally.trouble(format!("{} does not compile", broken.name()));
            exclude(&broken.package, &mut excluded);
            if broken.has_dependents() {
                for package in dependents(&broken.package) {
                    if exclude(&package, &mut excluded) {
                        tally.trouble(format!("{package} is not tested without {}", broken.name()));
                    }
                }
            }
        }
        if broken.is_empty() {
            tally.trouble(format!("the build: {error}"));
        }
        // Without the broken packages, the rest may build. If none is new, another attempt is
        // useless.
        if excluded.len() == before {
            return excluded;
        }
    }
}

fn exclude(package: &str, excluded: &mut Vec<String>) -> bool {
    let is_new = excluded.iter().all(|other| other != package);
    if is_new {
        excluded.push(package.to_owned());
    }
    is_new
}

/// The workspace's packages that depend on this one.
fn dependents(package: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tree = Cargo::on_workspace("tree", &[]);
    tree.arguments([
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
        "--invert",
        package,
    ]);
    let _ = tree.run_silently(|line| lines.push(line.to_owned()));
    let name = |line: &String| line.split(' ').next().map(str::to_owned);
    lines
        .iter()
        .filter_map(name)
        .filter(|name| !name.is_empty() && name != package)
        .collect()
}

/// A target that did not compile.
struct Broken {
    package: String,
    /// The target's name in cargo's output: `lib`, `lib test`, `bin "name"`, `test "name"`, …;
    /// empty for a package with one target.
    target: String,
}

impl Broken {
    /// Reads ``error: could not compile `package` (lib test) due to 1 previous error``.
    fn in_line(line: &str) -> Option<Self> {
        let rest = line.strip_prefix("error: could not compile `")?;
        let (package, rest) = rest.split_once('`')?;
        let target = rest
            .trim_start()
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'));
        let target = target.map_or("", |(target, _)| target);
        Some(Self {
            package: package.to_owned(),
            target: target.to_owned(),
        })
    }

    fn name(&self) -> String {
        format!("{} ({})", self.package, self.target)
    }

    /// True if other packages need it.
    fn has_dependents(&self) -> bool {
        matches!(self.target.as_str(), "" | "lib")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_that_does_not_compile_is_read_from_cargos_output() {
        let line = "error: could not compile `one` (lib test) due to 1 previous error";
        let broken = Broken::in_line(line).unwrap();
        assert_eq!(
            (broken.package.as_str(), broken.target.as_str()),
            ("one", "lib test")
        );
        let broken = Broken::in_line("error: could not compile `two` due to 2 errors").unwrap();
        assert!(broken.has_dependents());
        assert!(Broken::in_line("error: cannot find value `x` in this scope").is_none());
    }
}
