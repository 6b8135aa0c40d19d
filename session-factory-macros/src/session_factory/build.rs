//! Values that are fixed at compile time: `build_env("KEY", default = …)`.

use std::env::{VarError, var};

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, LitStr};

use super::input::Variable;
use crate::diagnostics::Errors;

/// A variable's value and its source.
pub(super) enum Built<'a> {
    /// The value from the compiler's environment.
    Set(String),
    Default(&'a Expr),
    Unset,
}

/// Reads a variable. `None` after reporting that the value is unusable. An empty variable counts as
/// unset, as it does at start-up.
pub(super) fn read<'a>(variable: &'a Variable, errors: &mut Errors) -> Option<Built<'a>> {
    let key = variable.key.value();
    let value = match var(&key) {
        Ok(value) => value.trim().to_owned(),
        Err(VarError::NotPresent) => String::new(),
        Err(VarError::NotUnicode(_)) => {
            let message = format!(
                "`build_env` reads `{key}` when the program is compiled, and there it is not UTF-8; set it to a text"
            );
            errors.on(&variable.key, message);
            return None;
        }
    };
    if has_credentials(&value) {
        let message = format!(
            "`{key}` is a URL with a user in it, and with `build_env` that would be in the program for \
             everybody to read; write `env(\"{key}\")`, which is read at start-up"
        );
        errors.on(&variable.key, message);
        return None;
    }
    Some(match &variable.default {
        _ if !value.is_empty() => Built::Set(value),
        Some(default) => Built::Default(default),
        None => Built::Unset,
    })
}

fn has_credentials(value: &str) -> bool {
    value
        .split_once("://")
        .is_some_and(|(_, rest)| rest.contains('@'))
}

/// Reports a variable that has neither a value nor a default.
pub(super) fn unset(key: &LitStr, expected: &str, errors: &mut Errors) {
    let message = format!(
        "`build_env` reads `{}` when the program is compiled, and there it is not set; set it to {}, or write \
         `build_env(\"{}\", default = …)`",
        key.value(),
        without_advice(expected).trim_start_matches("expected "),
        key.value()
    );
    errors.on(key, message);
}

/// Reports a value of the wrong form. Quotes no value that may be a secret.
pub(super) fn malformed(key: &LitStr, expected: &str, found: &str, errors: &mut Errors) {
    // The same rule as in `config/error.rs` of the runtime crate. Change both together.
    let found = if found.contains("://") || found.contains(['@', '=']) {
        "a value that looks like a URL".to_owned()
    } else {
        format!("`{}`", found.escape_debug())
    };
    let message = format!(
        "`build_env` reads `{}` when the program is compiled, and there it is {found}; {}",
        key.value(),
        without_advice(expected)
    );
    errors.on(key, message);
}

/// Removes advice about the macro's syntax, which does not help a user who sets an environment variable.
fn without_advice(expected: &str) -> &str {
    expected
        .split_once("; write")
        .map_or(expected, |(expected, _)| expected)
}

/// Makes the compiler rebuild the program when the variable changes. On stable Rust a macro cannot declare that
/// dependency itself; `option_env!` does.
pub(super) fn tracked(key: &str) -> TokenStream {
    quote! {
        const _: ::core::option::Option<&'static ::core::primitive::str> = ::core::option_env!(#key);
    }
}
