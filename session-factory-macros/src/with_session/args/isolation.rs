//! `isolation = "serializable"`

use proc_macro2::Span;
use syn::LitStr;
use syn::parse::ParseStream;

use super::value::Value;
use crate::diagnostics::nearest;

/// The requested isolation level, and its place.
pub(in crate::with_session) struct Isolation {
    /// The level's name in the runtime.
    pub(in crate::with_session) level: &'static str,
    pub(in crate::with_session) span: Span,
}

impl Isolation {
    pub(in crate::with_session) fn is_serializable(&self) -> bool {
        self.level == "Serializable"
    }
}

/// Each level as the user writes it, and as the runtime names it.
const LEVELS: [(&str, &str); 4] = [
    ("serializable", "Serializable"),
    ("repeatable_read", "RepeatableRead"),
    ("read_committed", "ReadCommitted"),
    ("read_uncommitted", "ReadUncommitted"),
];
const LIST: &str =
    "`\"serializable\"`, `\"repeatable_read\"`, `\"read_committed\"` or `\"read_uncommitted\"`";

pub(super) fn read(input: ParseStream<'_>) -> syn::Result<Isolation> {
    // `parse` consumes even a literal of the wrong kind, so the error's advice reads it from this fork.
    let ahead = input.fork();
    let literal = match input.parse::<LitStr>() {
        Ok(literal) => literal,
        Err(error) => {
            // `isolation = Serializable`: the name is right, and only the quotes are missing.
            let level = Value::ahead(&ahead).word().and_then(|name| meant(&name));
            let advice = level.map_or_else(|| format!("write {LIST}"), write);
            let message = format!("an isolation level is written in quotes; {advice}");
            return Err(syn::Error::new(error.span(), message));
        }
    };
    let text = literal.value();
    if let Some((_, level)) = find(&text) {
        return Ok(Isolation {
            level,
            span: literal.span(),
        });
    }
    let advice = meant(&text).map_or_else(|| format!("write {LIST}"), write);
    let message = format!("there is no isolation level \"{text}\"; {advice}");
    Err(syn::Error::new(literal.span(), message))
}

/// The level that the user probably means.
fn meant(text: &str) -> Option<&'static str> {
    let text = text.replace([' ', '-'], "_");
    match text.to_ascii_lowercase().as_str() {
        "snapshot" => Some("repeatable_read"),
        // The server's default level needs no option.
        "default" => Some(""),
        _ => nearest(&text, LEVELS.iter().map(|(level, _)| *level)),
    }
}

fn write(level: &str) -> String {
    match level {
        "" => "remove this, and the server's own level applies".to_owned(),
        level => format!("write `isolation = \"{level}\"`"),
    }
}

fn find(text: &str) -> Option<(&'static str, &'static str)> {
    LEVELS.into_iter().find(|(level, _)| *level == text)
}
