//! Recognizes attributes that give a field its value in other crates (clap, envconfig, serde), such as
//! `#[env("BATCH")] batch: u32` and `#[serde(default = 5)]`, and works out the line that the user meant.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Meta, Token, Type};

use super::tokens::{ends, rest_of_value, words};
use crate::session_factory::key_name::is_key;
use crate::session_factory::meant::declaration;
use crate::session_factory::settings::{key_of, standard};

/// The attributes that give a value.
const NAMES: [&str; 9] = [
    "env",
    "build_env",
    "default",
    "serde",
    "arg",
    "clap",
    "envconfig",
    "setting",
    "config",
];

/// True for an attribute that gives a field its value in other crates.
pub(super) fn gives_a_value(attr: &Attribute) -> bool {
    let is_named = NAMES.iter().any(|name| attr.path().is_ident(name));
    is_named && (key(attr).is_some() || default(attr).is_some())
}

/// The line that the user meant by the attribute, the name, and what follows the name in `input`.
pub(super) fn meant_line(attr: &Attribute, name: &Ident, input: ParseStream<'_>) -> String {
    let text = name.unraw().to_string();
    let ty = input
        .parse::<Option<Token![:]>>()
        .ok()
        .flatten()
        .and_then(|_| input.parse::<Type>().ok())
        .map(|ty| words(&ty.to_token_stream()));
    let written = if ends(input) {
        String::new()
    } else {
        rest_of_value(1, input)
    };
    let value = if written.starts_with("env(") || written.starts_with("build_env(") {
        written
    } else {
        let function = if attr.path().is_ident("build_env") {
            "build_env"
        } else {
            "env"
        };
        let key = key(attr).unwrap_or_else(|| key_of(&text));
        let default = Some(written)
            .filter(|written| !written.is_empty())
            .or_else(|| default(attr))
            .map(|value| format!(", default = {}", unquoted(value, ty.as_deref())));
        format!("{function}(\"{key}\"{})", default.unwrap_or_default())
    };
    let ty = ty.as_deref().or(Some("String"));
    let ty = ty.filter(|_| standard(&text).is_none());
    declaration(&text, ty, None, &value)
}

/// Removes the quotes that clap and envconfig need around a default; here numbers and booleans have none.
fn unquoted(value: String, ty: Option<&str>) -> String {
    let is_text = ty.is_none_or(|ty| ty.contains("String") || ty.contains("Duration"));
    let inner = value.trim_matches('"');
    let is_literal = inner.parse::<f64>().is_ok() || inner.parse::<bool>().is_ok();
    if is_literal && !is_text {
        inner.to_owned()
    } else {
        value
    }
}

/// The key in `#[env("KEY")]`, `#[env = "KEY"]` and `#[arg(env = "KEY")]`.
fn key(attr: &Attribute) -> Option<String> {
    let text = |tokens: TokenStream| {
        let texts = tokens.into_iter().filter_map(|token| {
            let text = syn::parse2::<LitStr>(token.into()).ok()?.value();
            let is_key = is_key(&text) && !text.contains(|c: char| c.is_ascii_lowercase());
            is_key.then_some(text)
        });
        texts.into_iter().next()
    };
    match &attr.meta {
        Meta::Path(_) => None,
        Meta::List(list) => text(list.tokens.clone()),
        Meta::NameValue(pair) => text(pair.value.to_token_stream()),
    }
}

/// The value in `#[default(5)]`, `#[serde(default = 5)]` and `#[arg(default_value = "5")]`.
fn default(attr: &Attribute) -> Option<String> {
    let Meta::List(list) = &attr.meta else {
        return None;
    };
    if attr.path().is_ident("default") {
        return Some(words(&list.tokens));
    }
    let mut tokens = list.tokens.clone().into_iter();
    tokens.find(
        |token| matches!(token, TokenTree::Ident(name) if name.to_string().starts_with("default")),
    )?;
    let is_value = matches!(tokens.next()?, TokenTree::Punct(sign) if sign.as_char() == '=');
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(sign) if sign.as_char() == ',');
    is_value.then(|| words(&tokens.take_while(|token| !is_comma(token)).collect()))
}
