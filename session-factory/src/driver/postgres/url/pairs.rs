//! Parses `host=localhost dbname=app password='with a space'`.

use std::iter::Peekable;
use std::str::Chars;

use super::form::Pair;

/// Splits the text into pairs. Quotes and backslashes work as in libpq.
pub(super) fn pairs(text: &str) -> Result<Vec<Pair>, String> {
    let mut rest = text.chars().peekable();
    let mut pairs = Vec::new();
    loop {
        skip_spaces(&mut rest);
        let name = word(&mut rest, |c| c == '=' || c.is_whitespace());
        if name.is_empty() && rest.peek().is_none() {
            return Ok(pairs);
        }
        skip_spaces(&mut rest);
        if name.is_empty() || rest.next() != Some('=') {
            return Err(
                "a `=` is missing in it: expected host=… dbname=… (a value with spaces is written 'in quotes')"
                    .into(),
            );
        }
        skip_spaces(&mut rest);
        let value = if rest.next_if_eq(&'\'').is_some() {
            let value = escaped(&mut rest, |c| c == '\'');
            if rest.next().is_none() {
                return Err("a quote in it is not closed".into());
            }
            value
        } else {
            escaped(&mut rest, char::is_whitespace)
        };
        pairs.push((name, value));
    }
}

fn skip_spaces(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(|c| c.is_whitespace()).is_some() {}
}

fn word(rest: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|c| !ends(*c))).collect()
}

fn escaped(rest: &mut Peekable<Chars<'_>>, ends: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| match rest.next_if(|c| !ends(*c))? {
        '\\' => rest.next(),
        plain => Some(plain),
    })
    .collect()
}
