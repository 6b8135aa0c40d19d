//! Documentation of the generated items.

use std::fmt::Write as _;

use quote::ToTokens;
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

use super::model::{Field, Model, Source};

/// The text of documentation comments, without the space that follows `///`.
pub(super) fn text_of(attrs: &[&Attribute]) -> String {
    let lines: Vec<String> = attrs
        .iter()
        .filter_map(|attr| match &attr.meta {
            Meta::NameValue(pair) => match &pair.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                value => Some(value.to_token_stream().to_string()),
            },
            _ => None,
        })
        .collect();
    lines
        .join("\n")
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n")
}

/// The generated documentation, placed below the user's: a table of the factory's keys.
pub(super) fn of_factory(model: &Model<'_>) -> String {
    let mut text = String::new();
    if !model
        .factory
        .attrs
        .iter()
        .any(|attr| attr.path().is_ident("doc"))
    {
        text.push_str("A session factory.\n");
    }
    text.push_str("\n# Configuration\n| key | type | default |\n| --- | --- | --- |\n");
    for field in &model.fields {
        let (key, ty, default) = match &field.source {
            Source::Constant(_) => continue,
            Source::Key {
                key,
                ty,
                default,
                required,
                ..
            } => (key, ty, default_words(default.as_deref(), *required)),
            Source::Build { key, ty, value, .. } => (key, ty, build_words(value)),
        };
        let ty = ty.replace('|', "\\|");
        let range = range_words(field);
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "| `{key}` | {ty}{range} | {default} |");
    }
    text
}

fn range_words(field: &Field<'_>) -> String {
    let range = field.range.as_ref();
    range
        .map(|range| format!(" in `{range}`"))
        .unwrap_or_default()
}

fn build_words(value: &str) -> String {
    if value.is_empty() {
        "none in this build".to_owned()
    } else {
        format!("`{value}` in this build")
    }
}

/// The documentation of one field of the configuration.
pub(super) fn of_field(field: &Field<'_>) -> String {
    let source = match &field.source {
        Source::Constant(value) => format!("Always `{value}`."),
        Source::Key {
            key,
            default,
            required,
            ..
        } => {
            let default = default_words(default.as_deref(), *required);
            format!("`{key}`{}, {default}.", range_words(field))
        }
        Source::Build { key, value, .. } => {
            format!("`{key}` when the program is built: {}.", build_words(value))
        }
    };
    let doc = if field.user_docs.is_empty() && field.standard {
        field.doc.as_str()
    } else {
        ""
    };
    if doc.is_empty() && field.user_docs.is_empty() {
        source
    } else {
        format!("{doc}\n\n{source}")
    }
}

fn default_words(default: Option<&str>, required: bool) -> String {
    match default {
        Some("") => "empty by default".to_owned(),
        Some(default) => format!("`{default}`"),
        None if required => "required".to_owned(),
        None => "optional".to_owned(),
    }
}
