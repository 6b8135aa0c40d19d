//! Sums of times that cannot overflow, because people write `Duration::MAX` for "never".

use std::time::{Duration, Instant};

/// Longer than any process lives.
const FAR_AWAY: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

/// Returns `start + wait`, or a distant instant if that overflows; `Instant + Duration` would panic.
pub(crate) fn after(start: Instant, wait: Duration) -> Instant {
    let far_away = || start.checked_add(FAR_AWAY).unwrap_or(start);
    start.checked_add(wait).unwrap_or_else(far_away)
}

/// Returns the instant `wait` from now.
pub(crate) fn from_now(wait: Duration) -> Instant {
    after(Instant::now(), wait)
}

const UNITS: [(u128, &str); 7] = [
    (86_400_000_000_000, "d"),
    (3_600_000_000_000, "h"),
    (60_000_000_000, "m"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
];

/// Formats a duration for messages, in units that every setting accepts, the largest first: `365d`,
/// `1m 30s`, `1s 500ms`.
pub(crate) fn text(duration: Duration) -> String {
    let mut left = duration.as_nanos();
    let mut parts = Vec::new();
    for (nanos, unit) in UNITS {
        let count = left / nanos;
        left %= nanos;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
        }
    }
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

/// Formats a measured duration, rounded to milliseconds.
pub(crate) fn in_millis(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    text(Duration::from_millis(millis))
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

    #[test]
    fn a_duration_is_printed_in_days_and_smaller_units_and_reads_back() {
        for (duration, printed) in [
            (Duration::ZERO, "0s"),
            (Duration::from_millis(500), "500ms"),
            (Duration::from_millis(1_500), "1s 500ms"),
            (Duration::from_secs(90), "1m 30s"),
            (Duration::from_secs(86_400 * 365), "365d"),
            (Duration::from_secs(86_400 * 30 + 3_600), "30d 1h"),
            (Duration::from_nanos(1_001), "1us 1ns"),
        ] {
            assert_eq!(text(duration), printed);
            assert_eq!(humantime::parse_duration(printed).ok(), Some(duration));
        }
    }

    /// Searches the text, because clippy has no lint for adding a time to an instant.
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
            // Tests may add times to instants.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code
                .lines()
                .filter(|line| SUMS.iter().any(|sum| line.contains(sum)));
            found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
}
