//! Splits PostgreSQL's SQL into tokens, without comments and without the contents of literals.
//!
//! The lexer assumes `standard_conforming_strings = on`, the default since PostgreSQL 9.1.

/// A token. Literals and numbers are [`Token::Other`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'text> {
    /// A keyword or an unquoted name.
    Word(&'text [u8]),
    /// A quoted name, with its quotes.
    Name(&'text [u8]),
    Semicolon,
    Open,
    Close,
    /// One character: of an operator, a comma, a dot.
    Symbol(u8),
    Other,
}

/// Iterates over the tokens of SQL.
#[derive(Clone)]
pub(crate) struct Lexer<'text> {
    rest: &'text [u8],
}

impl<'text> Lexer<'text> {
    pub(crate) fn new(text: &'text [u8]) -> Self {
        Self { rest: text }
    }

    /// How many bytes are left.
    #[cfg(feature = "testing")]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    fn take(&mut self, length: usize) -> &'text [u8] {
        let (taken, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Skips space and comments.
    fn skip(&mut self) {
        loop {
            let blank = count(self.rest, |byte| byte.is_ascii_whitespace() || byte == 0x0b);
            self.take(blank);
            if self.rest.starts_with(b"--") {
                let line = count(self.rest, |byte| !matches!(byte, b'\n' | b'\r'));
                self.take(line);
            } else if self.rest.starts_with(b"/*") {
                self.take(comment(self.rest));
            } else {
                return;
            }
        }
    }
}

impl<'text> Iterator for Lexer<'text> {
    type Item = Token<'text>;

    fn next(&mut self) -> Option<Token<'text>> {
        self.skip();
        let first = *self.rest.first()?;
        let token = match first {
            b';' => Token::Semicolon,
            b'(' => Token::Open,
            b')' => Token::Close,
            b'\'' | b'$' | b'0'..=b'9' => Token::Other,
            symbol => Token::Symbol(symbol),
        };
        let length = match first {
            b'\'' => quoted(self.rest, b'\'', false),
            b'"' => {
                let length = quoted(self.rest, b'"', false);
                return Some(Token::Name(self.take(length)));
            }
            b'$' => dollars(self.rest),
            _ if begins_word(first) => {
                let word = self.take(count(self.rest, continues_word));
                if word.eq_ignore_ascii_case(b"e") && self.rest.first() == Some(&b'\'') {
                    self.take(quoted(self.rest, b'\'', true));
                    return Some(Token::Other);
                }
                return Some(Token::Word(word));
            }
            // The letters of `1e5` belong to the number.
            b'0'..=b'9' => count(self.rest, continues_word),
            _ => 1,
        };
        self.take(length);
        Some(token)
    }
}

fn count(text: &[u8], matches: impl Fn(u8) -> bool) -> usize {
    let end = text.iter().position(|byte| !matches(*byte));
    end.unwrap_or(text.len())
}

fn begins_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn continues_word(byte: u8) -> bool {
    begins_word(byte) || byte.is_ascii_digit() || byte == b'$'
}

/// Returns the length of a comment. Comments nest.
fn comment(text: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_u32);
    while at < text.len() {
        match &text[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                at += 2;
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

/// Returns the length of a quoted token. At a doubled quote a second token begins, with the same effect as one token.
fn quoted(text: &[u8], quote: u8, escapes: bool) -> usize {
    let mut at = 1;
    while let Some(byte) = text.get(at) {
        at += 1;
        if *byte == quote {
            // In an escaped literal, what follows a doubled quote can have escapes too, so it cannot be a new token.
            if !(escapes && text.get(at) == Some(&quote)) {
                return at;
            }
            at += 1;
        } else if escapes && *byte == b'\\' {
            at += 1;
        }
    }
    text.len()
}

/// Returns the length of `$tag$…$tag$`; for `$1`, the length of the dollar sign.
fn dollars(text: &[u8]) -> usize {
    let word = |byte| begins_word(byte) || byte.is_ascii_digit();
    let tag = 1 + count(&text[1..], word);
    if text.get(tag) != Some(&b'$') || text[1].is_ascii_digit() {
        return 1;
    }
    let tag = &text[..=tag];
    let body = &text[tag.len()..];
    let end = body.windows(tag.len()).position(|window| window == tag);
    end.map_or(text.len(), |end| end + 2 * tag.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        Lexer::new(text.as_bytes())
            .filter_map(|token| match token {
                Token::Word(word) => std::str::from_utf8(word).ok(),
                Token::Semicolon => Some(";"),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn comments_are_space_and_nest() {
        assert_eq!(words("a/*b /* c */ d*/e -- f\n g"), ["a", "e", "g"]);
        assert_eq!(words("a -- b\rc"), ["a", "c"]);
        assert_eq!(words("a /* never closed ; b"), ["a"]);
    }

    #[test]
    fn what_is_quoted_is_no_word() {
        assert_eq!(words("a 'b; it''s c' d"), ["a", "d"]);
        assert_eq!(words(r"a 'b\' c"), ["a", "c"]);
        assert_eq!(words(r"a E'b\' c; ''d' e"), ["a", "e"]);
        assert_eq!(words(r#"a "b;""c" d"#), ["a", "d"]);
        assert_eq!(words("a $$b; $x$ c$$ d"), ["a", "d"]);
        assert_eq!(words("a $x$b; $$ c$x$ d"), ["a", "d"]);
        assert_eq!(words("a = $1 AND b$c$ = $2"), ["a", "AND", "b$c$"]);
        assert_eq!(words("1e5;x"), [";", "x"]);
    }
}
