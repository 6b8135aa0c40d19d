//! The source file of an invocation, as words.

use std::fs;

use proc_macro2::Span;

use crate::with_session::place::token_length;

/// The text of the span's file, and the span's offset in it. `None` for generated code, and for
/// text that an editor has not saved.
pub(super) fn source(span: Span) -> Option<(String, usize)> {
    let span = proc_macro::is_available().then(|| span.unwrap())?;
    let text = fs::read_to_string(span.local_file()?).ok()?;
    let (line, column) = (span.line().checked_sub(1)?, span.column().checked_sub(1)?);
    let before: usize = text.split_inclusive('\n').take(line).map(str::len).sum();
    let line = text.get(before..)?;
    let column: usize = line.chars().take(column).map(char::len_utf8).sum();
    Some((text, before + column))
}

/// Rust's words and punctuation with their places; skips comments and literals.
pub(super) struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text, at: 0 }
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (start, rest) = (self.at, self.text.get(self.at..)?);
            let first = rest.chars().next()?;
            let token = &rest[..token_length(rest, first)];
            self.at += token.len();
            let is_word = token.chars().all(|c| c.is_alphanumeric() || c == '_');
            if is_word || token.len() == 1 && !first.is_whitespace() {
                return Some((start, token));
            }
        }
    }
}
