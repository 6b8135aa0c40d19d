//! Parses the factory in `#[with_session(AppDb)]`.

use proc_macro2::TokenStream;
use syn::parse::ParseStream;
use syn::{LitStr, Type, TypePath};

use super::foreign::answer;
use super::options::OPTIONS;
use super::value::Value;
use super::wrapped::itself;
use crate::diagnostics::pretty;

pub(super) fn read(
    input: ParseStream<'_>,
    item: &TokenStream,
    factory: &mut Option<Type>,
) -> syn::Result<()> {
    let start = input.span();
    if let Ok(literal) = input.parse::<LitStr>() {
        return Err(in_quotes(&literal, item, factory));
    }
    let written: Type = input.parse().map_err(|_| {
        syn::Error::new(
            start,
            "this is neither a factory nor an option; write `#[with_session(AppDb)]` or an option, such as \
             `#[with_session(read_only, timeout = \"5s\")]`",
        )
    })?;
    if factory.is_some() {
        let message = "a function has one session; name one factory, and remove this one";
        return Err(syn::Error::new_spanned(written, message));
    }
    // `AppDb.factory()`, `AppDb::factory()`, `Some(AppDb)`
    let is_called = input.peek(syn::Token![.]) || input.peek(syn::token::Paren);
    let inside = Value::ahead(input).ty();
    let itself = inside.or_else(|| itself(&written));
    if itself.is_none() && !is_called {
        *factory = Some(written);
        return Ok(());
    }
    let itself = itself.unwrap_or_else(|| written.clone());
    let message = format!(
        "the attribute takes the factory's name; write `#[with_session({})]`",
        pretty(&itself)
    );
    *factory = Some(itself);
    Err(syn::Error::new_spanned(&written, message))
}

/// The error for an option or a factory in quotes. The message repeats no other text, which may be a URL.
fn in_quotes(literal: &LitStr, item: &TokenStream, factory: &mut Option<Type>) -> syn::Error {
    let text = literal.value();
    let names_option = OPTIONS.iter().any(|option| text.starts_with(option.name));
    let path = literal.parse::<TypePath>().ok();
    let message = match path {
        _ if names_option => {
            let text = with_quoted_values(&text);
            format!("an option is written without quotes; write `#[with_session({text})]`")
        }
        Some(_) if text.starts_with(char::is_lowercase) && !text.contains("::") => {
            let advice = answer(&text, &Value::default(), item);
            format!("there is no option \"{text}\"; {advice}")
        }
        Some(path) => {
            let text = pretty(&path);
            *factory = Some(Type::Path(path));
            format!("the factory is a type, not a string; write `#[with_session({text})]`")
        }
        None => "this is neither a factory nor an option; write the name of the factory, \
                 `#[with_session(AppDb)]`"
            .to_owned(),
    };
    syn::Error::new(literal.span(), message)
}

/// Restores the quotes of values that lost them to the quotes around all options: turns
/// `isolation = serializable, retry = 5` into `isolation = "serializable", retry = 5`.
fn with_quoted_values(text: &str) -> String {
    const TEXTS: [&str; 3] = ["isolation", "timeout", "replica"];
    let options = text.split(',').map(|option| {
        let option = option.trim();
        match option.split_once('=') {
            Some((name, value)) if TEXTS.contains(&name.trim()) => {
                let value = value.trim().trim_matches(['"', '\'']);
                format!("{} = \"{value}\"", name.trim())
            }
            _ => option.to_owned(),
        }
    });
    options.collect::<Vec<_>>().join(", ")
}
