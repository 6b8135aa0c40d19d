//! A position in a database's log.

use std::fmt;
use std::num::NonZeroU64;

/// A position in the log that a primary writes and its replicas replay: PostgreSQL's LSN, and the
/// time at which it was written, by the primary's clock.
///
/// The LSN alone proves nothing after a failover. A standby may have received more of the old primary's log than the
/// standby that was promoted; its LSN is then higher, but lies on the abandoned timeline. The time shows that: this
/// standby's last replayed transaction is older than the new primary's commits.
///
/// The text is PostgreSQL's LSN, followed by the microseconds since 1970 if known: `16/B374D848@1700000000000000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[doc(hidden)]
pub struct LogPosition {
    bytes: NonZeroU64,
    /// Microseconds since 1970; zero if unknown.
    micros: u64,
}

impl LogPosition {
    /// Makes a position. Returns `None` for an LSN of zero, which is PostgreSQL's "no position".
    pub(crate) const fn new(bytes: u64, micros: u64) -> Option<Self> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Some(Self { bytes, micros }),
            None => None,
        }
    }

    /// Returns the position without its time.
    pub(crate) const fn undated(self) -> Self {
        Self { micros: 0, ..self }
    }

    /// True if a server that has replayed up to `self` has everything up to `other`.
    #[cfg(any(test, feature = "postgres"))]
    pub(crate) fn covers(self, other: Self) -> bool {
        self.bytes >= other.bytes && self.micros >= other.micros
    }

    /// Returns the position that a server must reach to cover both.
    pub(crate) fn both(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => Some(Self {
                bytes: one.bytes.max(other.bytes),
                micros: one.micros.max(other.micros),
            }),
            (one, other) => one.or(other),
        }
    }

    /// Parses text from PostgreSQL or from `Display`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (place, micros) = match text.split_once('@') {
            Some((place, micros)) if micros.bytes().all(|digit| digit.is_ascii_digit()) => {
                (place, micros.parse().ok()?)
            }
            Some(_) => return None,
            None => (text, 0),
        };
        let (high, low) = place.split_once('/')?;
        let half = |digits: &str| match digits.len() {
            // `from_str_radix` alone would accept a sign.
            1..=8 if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                u32::from_str_radix(digits, 16).ok()
            }
            _ => None,
        };
        Self::new(u64::from(half(high)?) << 32 | u64::from(half(low)?), micros)
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.get();
        write!(f, "{:X}/{:X}", bytes >> 32, bytes & 0xFFFF_FFFF)?;
        match self.micros {
            0 => Ok(()),
            micros => write!(f, "@{micros}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_as_postgresql_does() {
        for text in ["16/B374D848", "16/B374D848@1700000000000000"] {
            assert_eq!(LogPosition::parse(text).unwrap().to_string(), text);
        }
        let position = LogPosition::parse("16/B374D848").unwrap();
        assert_eq!(position.bytes.get(), 0x16_B374_D848);
        for wrong in [
            "",
            "0/0",
            "/",
            "16",
            "16/",
            "+1/0",
            "1/123456789",
            "G/0",
            "1/2/3",
            " 1/2",
            "1/2@",
            "1/2@-1",
            "1/2@+1",
            "1/2@99999999999999999999999",
            "@1",
        ] {
            assert_eq!(LogPosition::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_further_in_an_older_history_has_not_got_there() {
        let [commit, on_the_way, elsewhere] =
            ["0/20@500", "0/30@600", "0/40@400"].map(|text| LogPosition::parse(text).unwrap());
        assert!(on_the_way.covers(commit) && commit.covers(commit));
        assert!(!elsewhere.covers(commit) && !commit.covers(on_the_way));
        assert!(elsewhere.covers(commit.undated()));
        let both = LogPosition::both(Some(commit), Some(elsewhere));
        assert_eq!(both, LogPosition::parse("0/40@500"));
        assert_eq!(LogPosition::both(None, both), both);
    }
}
