//! `isolation = "serializable"`

use proc_macro2::Span;
use syn::parse::ParseStream;
use syn::{LitStr, Path};

use crate::diagnostics::nearest;

/// The isolation level that is asked for, and where.
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

/// As written, and as the runtime calls it.
const LEVELS: [(&str, &str); 4] = [
    ("serializable", "Serializable"),
    ("repeatable_read", "RepeatableRead"),
    ("read_committed", "ReadCommitted"),
    ("read_uncommitted", "ReadUncommitted"),
];
const LIST: &str =
    "`\"serializable\"`, `\"repeatable_read\"`, `\"read_committed\"` or `\"read_uncommitted\"`";

pub(super) fn read(input: ParseStream<'_>) -> syn::Result<Isolation> {
    let literal = match input.parse::<LitStr>() {
        Ok(literal) => literal,
        Err(error) => {
            // `isolation = Serializable`: the name is right, and only the quotes are missing.
            let path = input.fork().parse::<Path>().ok();
            let name =
                path.and_then(|path| path.segments.last().map(|last| last.ident.to_string()));
            let level = name.and_then(|name| find(&snake(&name)));
            let message = level.map_or_else(
                || format!("an isolation level is written in quotes; write {LIST}"),
                |(level, _)| {
                    format!(
                        "an isolation level is written in quotes; write `isolation = \"{level}\"`"
                    )
                },
            );
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
    let near = nearest(
        &text.replace([' ', '-'], "_"),
        LEVELS.iter().map(|(level, _)| *level),
    );
    let message = match near {
        Some(level) => {
            format!("there is no isolation level \"{text}\"; write `isolation = \"{level}\"`")
        }
        None => format!("there is no isolation level \"{text}\"; write {LIST}"),
    };
    Err(syn::Error::new(literal.span(), message))
}

fn find(text: &str) -> Option<(&'static str, &'static str)> {
    LEVELS.into_iter().find(|(level, _)| *level == text)
}

/// `RepeatableRead` as `repeatable_read`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
