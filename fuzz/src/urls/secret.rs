//! A password whose pieces can be recognized in other text.

use fastrand::Rng;
use percent_encoding::percent_decode;

/// No text of the crate contains four of these in sequence with a digit among them.
const LETTERS: &[u8] = b"qxzjkwvQXZJKWV";
const DIGITS: &[u8] = b"79";
/// Separators between runs of marks: everything that is special in a form of a URL.
const SPECIAL: &[&str] = &[
    "@", ":", "/", "?", "#", "&", "=", "%", "'", "\"", "[", "]", "\\", ",", " ", "+", ";", "//",
    "://", "%2F", "%40", "%zz", "ü", "\u{2028}", "\n", "@@", "&&",
];
/// A piece this long must not be shown.
const PIECE: usize = 4;

/// A random secret.
#[derive(Debug, Clone)]
pub struct Secret {
    text: String,
    /// Every sequence of four marks, in lower case.
    pieces: Vec<[u8; PIECE]>,
}

impl Secret {
    /// A secret of one to three runs of marks, with separators that cut a URL between them.
    pub fn new(rng: &mut Rng) -> Self {
        let mut text = String::new();
        let mut pieces = Vec::new();
        for run in 0..rng.usize(1..4) {
            if run > 0 {
                text.push_str(rng.choice(SPECIAL).copied().unwrap_or("@"));
            }
            let marks = marks(rng);
            pieces.extend(marks.windows(PIECE).filter_map(|window| {
                let window: [u8; PIECE] = window.try_into().ok()?;
                Some(window.map(|mark| mark.to_ascii_lowercase()))
            }));
            text.extend(marks.into_iter().map(char::from));
        }
        Self { text, pieces }
    }

    /// The secret as the URL contains it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The first piece that the text contains: unchanged, percent-encoded, in another case, or with
    /// other characters between its letters.
    #[must_use]
    pub fn shown_in(&self, text: &str) -> Option<String> {
        self.find(text.bytes())
            .or_else(|| self.find(percent_decode(text.as_bytes())))
            .or_else(|| self.find(text.bytes().filter(u8::is_ascii_alphanumeric)))
    }

    fn find(&self, bytes: impl Iterator<Item = u8>) -> Option<String> {
        let mut last = 0_u32;
        let mut run = 0;
        for byte in bytes {
            let byte = byte.to_ascii_lowercase();
            // Few bytes are marks, so the comparison below is rare.
            run = if is_mark(byte) { run + 1 } else { 0 };
            last = last << 8 | u32::from(byte);
            if run >= PIECE && self.pieces.contains(&last.to_be_bytes()) {
                return Some(last.to_be_bytes().map(char::from).iter().collect());
            }
        }
        None
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'q' | b'x' | b'z' | b'j' | b'k' | b'w' | b'v' | b'7' | b'9'
    )
}

/// Letters with a digit at least at every third place.
fn marks(rng: &mut Rng) -> Vec<u8> {
    let length = rng.usize(PIECE..10);
    let first = rng.usize(0..3);
    (0..length)
        .filter_map(|at| {
            let from = if at % 3 == first { DIGITS } else { LETTERS };
            rng.choice(from).copied()
        })
        .collect()
}
