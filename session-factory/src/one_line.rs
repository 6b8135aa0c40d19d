//! Puts text from users and servers on one log line.
//!
//! A newline in a value or an error message would forge a line of the log. An escape sequence or a bidirectional
//! override would change what a terminal shows of the line.

use std::borrow::Cow;

/// Returns the text with each newline as `\n`, each tab as `\t`, each carriage return as `\r`, and every other
/// control character as in `\u{1b}`. A backslash before something that would look like one of these escapes is
/// doubled, so that different texts stay different.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| c == '\\' || is_control(c)) {
        return Cow::Borrowed(text);
    }
    let begins_an_escape =
        |next: &char| matches!(next, '\\' | 'n' | 'r' | 't' | 'u') || is_control(*next);
    let mut line = String::with_capacity(text.len() + 8);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        push(&mut line, c);
        if c == '\\' && rest.peek().is_some_and(begins_an_escape) {
            line.push('\\');
        }
    }
    Cow::Owned(line)
}

/// Like `one_line`, for a text that `Debug` has escaped already: backslashes stay unchanged.
pub(crate) fn without_controls(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 8);
    text.chars().for_each(|c| push(&mut line, c));
    Cow::Owned(line)
}

fn push(line: &mut String, c: char) {
    match c {
        '\n' => line.push_str(r"\n"),
        '\r' => line.push_str(r"\r"),
        '\t' => line.push_str(r"\t"),
        c if is_control(c) => line.extend(c.escape_unicode()),
        c => line.push(c),
    }
}

/// True for C0, DEL, C1, the separators of lines and paragraphs, and characters that change the direction
/// of later text.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_character_that_controls_a_line_is_left() {
        for (text, line) in [
            ("SELECT 1", "SELECT 1"),
            ("SELECT 1\n FROM a\r\n", r"SELECT 1\n FROM a\r\n"),
            ("a\tb", r"a\tb"),
            ("\u{1b}[2J\u{7f}\u{85}\0", r"\u{1b}[2J\u{7f}\u{85}\u{0}"),
            (
                "a\u{2028}b\u{2029}\u{202e}\u{2066}",
                r"a\u{2028}b\u{2029}\u{202e}\u{2066}",
            ),
            ("grüße 🔑 數", "grüße 🔑 數"),
        ] {
            assert_eq!(one_line(text), line);
            assert_eq!(without_controls(text), line);
        }
        let all: String = (0..=0x10_ffff_u32).filter_map(char::from_u32).collect();
        let forges = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}');
        assert!(!one_line(&all).contains(forges) && !without_controls(&all).contains(forges));
    }

    #[test]
    fn no_two_texts_look_alike() {
        assert_eq!(one_line(r"E'\d'"), r"E'\d'");
        assert_eq!(one_line(r"a\nb"), r"a\\nb");
        assert_eq!(one_line("a\\\nb"), r"a\\\nb");
        let letters = ['\\', 'n', '\n', 'u', '{', 'x'];
        let mut lines = std::collections::HashMap::new();
        for number in 0..letters.len().pow(5) {
            let letter = |place| letters[number / letters.len().pow(place) % letters.len()];
            let text: String = (0..5).map(letter).collect();
            if let Some(other) = lines.insert(one_line(&text).into_owned(), text.clone()) {
                panic!("{text:?} and {other:?}");
            }
        }
    }
}
