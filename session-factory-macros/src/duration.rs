//! Durations as they are written in attributes, settings and the environment.

use std::time::Duration;

/// As `config/duration.rs` of the runtime reads it; a change here belongs there too.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
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
