//! Durations as they are written in attributes, settings and the environment.

use std::time::Duration;

/// Parses a duration by the same rules as `config/duration.rs` in the runtime crate. Change both together.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return text
            .parse()
            .ok()
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    }
    humantime::parse_duration(text).ok()
}

/// Guesses the duration that a malformed text means: `1h30` is `1h 30m`, and a clock's form
/// (`00:01:30`) and that of ISO 8601 (`PT1M30S`) are read too.
pub(crate) fn meant(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let duration = with_its_last_unit(&text)
        .or_else(|| of_a_clock(&text))
        .or_else(|| of_iso_8601(&text))?;
    (!duration.is_zero()).then(|| self::text(duration))
}

/// Parses `1h30`: the last number has no unit, so it counts in the next smaller unit than the one before (`30m`).
fn with_its_last_unit(text: &str) -> Option<Duration> {
    let units = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let unit = units
        .trim_end()
        .rsplit(|c: char| !c.is_alphabetic())
        .next()?;
    let below = match unit {
        "d" | "day" | "days" => "h",
        "h" | "hr" | "hour" | "hours" => "m",
        "m" | "min" | "minute" | "minutes" => "s",
        "s" | "sec" | "second" | "seconds" => "ms",
        _ => return None,
    };
    let is_cut = units.len() < text.len() && number.len() < text.len();
    is_cut.then(|| parse(&format!("{text}{below}")))?
}

/// Parses `1:30` and `00:01:30`.
fn of_a_clock(text: &str) -> Option<Duration> {
    let parts: Vec<u64> = text
        .split(':')
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts[..] {
        [minutes, seconds] => (0, minutes, seconds),
        [hours, minutes, seconds] => (hours, minutes, seconds),
        _ => return None,
    };
    parse(&format!("{hours}h {minutes}m {seconds}s"))
}

/// Parses `PT1M30S` and `P1DT2H`.
fn of_iso_8601(text: &str) -> Option<Duration> {
    let (date, time) = text.strip_prefix('p')?.split_once('t')?;
    let is_of = |part: &str, units: &str| {
        part.chars()
            .all(|c| c.is_ascii_digit() || c == '.' || units.contains(c))
    };
    (is_of(date, "d") && is_of(time, "hms")).then(|| parse(&format!("{date} {time}")))?
}

/// Formats a duration by the same rules as `time.rs` in the runtime crate. Change both together.
pub(crate) fn text(duration: Duration) -> String {
    const UNITS: [(u128, &str); 7] = [
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
        (1_000, "us"),
        (1, "ns"),
    ];
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

#[cfg(test)]
mod tests {
    use super::meant;

    #[test]
    fn other_forms_of_a_duration_are_read() {
        for (text, duration) in [
            ("1h30", "1h 30m"),
            ("1m30", "1m 30s"),
            ("1d 12", "1d 12h"),
            ("2s500", "2s 500ms"),
            ("00:01:30", "1m 30s"),
            ("1:30", "1m 30s"),
            ("PT1M30S", "1m 30s"),
            ("pt30s", "30s"),
            ("P1DT2H", "1d 2h"),
        ] {
            assert_eq!(meant(text).as_deref(), Some(duration), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_stays_none() {
        for text in [
            "",
            "soon",
            "30",
            "-5s",
            "5 parsecs",
            "1:2:3:4",
            "0:00",
            "P1M",
            "PT",
            "h30",
            ":",
            "30s1x",
            "pt-5s",
        ] {
            assert_eq!(meant(text), None, "{text}");
        }
    }
}
