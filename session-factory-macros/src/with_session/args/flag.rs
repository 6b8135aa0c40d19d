//! Options without a value, which are on if written: `read_only`, `savepoint`, …

use syn::parse::ParseStream;
use syn::{Ident, LitBool, Token, token};

/// Reads the option, and rejects a value.
pub(super) fn read(
    name: &Ident,
    input: ParseStream<'_>,
    flag: &mut Option<Ident>,
) -> syn::Result<()> {
    let colon = input.parse::<Option<Token![:]>>()?.is_some();
    let equals = input.parse::<Option<Token![=]>>()?.is_some() || colon;
    if !equals && !input.peek(token::Paren) {
        *flag = Some(name.clone());
        return Ok(());
    }
    let off = matches!(input.fork().parse(), Ok(LitBool { value: false, .. }));
    let message = if off {
        format!("`{name}` is off unless it is written; remove it")
    } else {
        format!("`{name}` takes no value; write `{name}` alone")
    };
    Err(syn::Error::new(name.span(), message))
}
