//! What the options have in common.

use syn::parse::ParseStream;
use syn::{Ident, Token};

use super::forms::form;

/// Reads the `=` between an option and its value, and makes sure that there is one.
pub(super) fn expect_equals(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![:]) {
        let form = form(&name.to_string());
        let message = format!("an option's value follows `=`, not `:`; write `{form}`");
        return Err(input.error(message));
    }
    let equals = input.parse::<Option<Token![=]>>()?;
    if equals.is_none() || input.is_empty() || input.peek(Token![,]) {
        return Err(needs_a_value(name));
    }
    Ok(())
}

/// The option stands without what it needs.
fn needs_a_value(name: &Ident) -> syn::Error {
    let form = form(&name.to_string());
    syn::Error::new(
        name.span(),
        format!("`{name}` needs a value; write `{form}`"),
    )
}

/// Leaves the next comma, or the end, to be read next.
pub(super) fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}
