//! Sums of times that cannot overflow: `Duration::MAX` is how people write "never".

use std::time::{Duration, Instant};

/// Farther away than any process lives.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// The time a while after another: a far one where there is none so far away. `Instant + Duration` panics there.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    let far_away = || start.checked_add(FAR_AWAY).unwrap_or(start);
    start.checked_add(wait).unwrap_or_else(far_away)
}

/// The time a while from now.
pub(crate) fn from_now(wait: Duration) -> Instant {
    after(Instant::now(), wait)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn never_is_far_away_and_no_panic() {
        let now = Instant::now();
        assert_eq!(
            after(now, Duration::from_secs(1)),
            now + Duration::from_secs(1)
        );
        for wait in [Duration::MAX, Duration::from_secs(u64::MAX)] {
            assert!(after(now, wait) >= now + FAR_AWAY);
        }
    }

    /// clippy has no lint for this sum alone.
    #[test]
    fn no_time_is_added_to_an_instant_but_by_this_module() {
        let mut found = Vec::new();
        look_into(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut found,
        );
        assert!(found.is_empty(), "write crate::time::after(…): {found:#?}");
    }

    const SUMS: [&str; 6] = [
        "now() +",
        "Instant::now) +",
        "now +",
        "since +",
        "started +",
        "deadline +",
    ];

    fn look_into(folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                look_into(&path, found);
                continue;
            }
            let text = fs::read_to_string(&path).unwrap_or_default();
            // Tests may panic.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code
                .lines()
                .filter(|line| SUMS.iter().any(|sum| line.contains(sum)));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
}
