//! `commit_on = path`

use syn::parse::ParseStream;
use syn::{ExprPath, LitStr, Token};

use crate::diagnostics::pretty;

const WRITE: &str = "write `commit_on = decide`, and `fn decide(result: &Result<T, E>) -> bool` beside this function";

pub(super) fn read(input: ParseStream<'_>) -> syn::Result<ExprPath> {
    if let Ok(literal) = input.fork().parse::<LitStr>() {
        let text = literal.value();
        let message = match literal.parse::<ExprPath>() {
            Ok(_)
                if !matches!(
                    text.to_ascii_lowercase().as_str(),
                    "ok" | "err" | "always" | "never"
                ) =>
            {
                format!("a function is named without quotes; write `commit_on = {text}`")
            }
            _ => format!("`commit_on` takes the name of a function; {WRITE}"),
        };
        return Err(syn::Error::new(literal.span(), message));
    }
    if input.peek(Token![|]) || input.peek(Token![||]) || input.peek(Token![move]) {
        let message = format!("`commit_on` takes the name of a function, not a closure; {WRITE}");
        return Err(input.error(message));
    }
    let at = input.span();
    let path: ExprPath = input.parse().map_err(|_| {
        syn::Error::new(
            at,
            format!("`commit_on` takes the name of a function; {WRITE}"),
        )
    })?;
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(path);
    }
    let name = path
        .path
        .segments
        .last()
        .map_or_else(|| "decide".to_owned(), |last| last.ident.to_string());
    let message = format!(
        "`commit_on` takes the name of a function, without a call; write `commit_on = {}`, and \
         `fn {name}(result: &Result<T, E>) -> bool` beside this function",
        pretty(&path)
    );
    Err(syn::Error::new_spanned(path, message))
}
