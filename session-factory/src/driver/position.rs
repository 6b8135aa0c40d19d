//! A place in a database's log.

use std::fmt;
use std::num::NonZeroU64;

/// A place in the log that a primary writes and its replicas replay: PostgreSQL's LSN.
///
/// Written as PostgreSQL writes it, `16/B374D848`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[doc(hidden)]
pub struct Position(NonZeroU64);

impl Position {
    /// None for zero, which is PostgreSQL's "no position".
    pub(crate) const fn new(bytes: u64) -> Option<Self> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    pub(crate) const fn get(self) -> u64 {
        self.0.get()
    }

    /// Reads what PostgreSQL, or `Display`, wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (high, low) = text.split_once('/')?;
        let half = |digits: &str| match digits.len() {
            // Alone, `from_str_radix` would take a sign.
            1..=8 if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                u32::from_str_radix(digits, 16).ok()
            }
            _ => None,
        };
        Self::new(u64::from(half(high)?) << 32 | u64::from(half(low)?))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.get() >> 32, self.get() & 0xFFFF_FFFF)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_as_postgresql_does() {
        let position = Position::parse("16/B374D848").unwrap();
        assert_eq!(position.get(), 0x16_B374_D848);
        assert_eq!(position.to_string(), "16/B374D848");
        assert!(Position::parse("0/1").unwrap() < position);
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
        ] {
            assert_eq!(Position::parse(wrong), None, "{wrong}");
        }
    }
}
