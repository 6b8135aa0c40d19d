//! Parses and formats durations.
//!
//! `session-factory-macros` has the same rules for literals. Change both together.

use std::time::Duration;

/// The words for an expected duration.
pub(super) const EXPECTED: &str = "a duration such as `30s`, `500ms` or `1m 30s`";

/// Parses `30s`, `500ms` or `1m 30s`; a bare number is seconds. Rejects negative numbers, infinity
/// and NaN.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    // Whole seconds are parsed as an integer, because the largest number that fits, as a
    // float, would be rounded up and not fit.
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let bare = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if bare {
        return text
            .parse()
            .ok()
            .and_then(|seconds: f64| Duration::try_from_secs_f64(seconds).ok());
    }
    humantime::parse_duration(text).ok()
}

/// Parses a limit; `off`, `none` or `never` means no limit.
pub(super) fn parse_limit(text: &str) -> Option<Duration> {
    if is_off(text) {
        return Some(Duration::MAX);
    }
    parse(text).filter(|limit| !limit.is_zero())
}

pub(super) fn is_off(text: &str) -> bool {
    let text = text.trim().to_ascii_lowercase();
    matches!(text.as_str(), "off" | "none" | "never")
}

/// Formats a duration the way that a user writes it.
pub(super) fn text(duration: Duration) -> String {
    if duration == Duration::MAX {
        return "off".to_owned();
    }
    crate::time::text(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_seconds() {
        assert_eq!(parse("30"), Some(Duration::from_secs(30)));
        assert_eq!(parse(" 0.5 "), Some(Duration::from_millis(500)));
        assert_eq!(parse("0"), Some(Duration::ZERO));
        let most = Some(Duration::from_secs(u64::MAX));
        assert_eq!(parse("18446744073709551615"), most);
        assert_eq!(parse("18446744073709551615s"), most);
    }

    #[test]
    fn units_are_understood() {
        assert_eq!(parse("30s"), Some(Duration::from_secs(30)));
        assert_eq!(parse("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse("1m 30s"), Some(Duration::from_secs(90)));
        assert_eq!(parse("2h"), Some(Duration::from_secs(7200)));
    }

    #[test]
    fn a_limit_may_be_off_and_is_never_zero() {
        for off in ["off", "none", "never", " Off "] {
            assert_eq!(parse_limit(off), Some(Duration::MAX), "{off}");
        }
        assert_eq!(text(Duration::MAX), "off");
        assert_eq!(parse_limit("0"), None);
        assert_eq!(parse_limit("0s"), None);
        assert_eq!(parse_limit("30s"), Some(Duration::from_secs(30)));
        assert!(parse_limit("1000years").is_some());
    }

    #[test]
    fn nonsense_is_refused_without_a_panic() {
        for text in [
            "",
            " ",
            "-1",
            "-1s",
            "soon",
            "30 parsecs",
            "1e999",
            ".",
            "..",
            "99999999999999999999999h",
            "18446744073709551616",
            "18446744073709551616s",
            "584554530873years",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
