//! Where a value comes from, as it is written.

use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, Ident, LitStr, Path, Token, parenthesized, token};

use super::in_parens;

/// Where a value comes from.
pub(in super::super) enum Value {
    /// `env("KEY")` or `env("KEY", default = …)`.
    Env(Variable),
    /// `build_env("KEY")` or `build_env("KEY", default = …)`.
    BuildEnv(Variable),
    /// Written here.
    Constant(Expr),
    /// `crate = ::path`.
    Crate(Path),
    /// As if the setting were not written.
    Standard,
}

/// A variable of the environment.
pub(in super::super) struct Variable {
    /// `env` or `build_env`.
    pub(in super::super) function: Ident,
    pub(in super::super) key: LitStr,
    pub(in super::super) default: Option<Expr>,
}

pub(super) fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    let is_call = input.peek(Ident) && input.peek2(token::Paren);
    let function = is_call.then(|| input.fork().parse::<Ident>()).transpose()?;
    match function {
        Some(function) if function == "env" => call(input).map(Value::Env),
        Some(function) if function == "build_env" => call(input).map(Value::BuildEnv),
        Some(_) => input.parse().map(Value::Constant),
        None => input.parse().map(Value::Constant).map_err(|error| {
            let message =
                "expected a value; write `env(\"KEY\")`, `env(\"KEY\", default = …)` or a constant";
            syn::Error::new(error.span(), message)
        }),
    }
}

/// `env(…)` or `build_env(…)`.
pub(super) fn call(input: ParseStream<'_>) -> syn::Result<Variable> {
    let function: Ident = input.parse()?;
    let content;
    let parens = parenthesized!(content in input);
    let is_empty = content.is_empty();
    let parse = |input: ParseStream<'_>| arguments(input, &function);
    let (key, default) = in_parens(&content, parse, is_empty.then(|| parens.span.join()))?;
    Ok(Variable {
        function,
        key,
        default,
    })
}

fn arguments(input: ParseStream<'_>, function: &Ident) -> syn::Result<(LitStr, Option<Expr>)> {
    let form = format!("write `{function}(\"KEY\", default = …)`");
    let key: LitStr = input.parse().map_err(|error| {
        let message =
            format!("expected the name of a variable in quotes; write `{function}(\"KEY\")`");
        syn::Error::new(error.span(), message)
    })?;
    let mut default = None;
    if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
        let word: Ident = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), format!("expected a default; {form}"))
        })?;
        if word != "default" || !input.peek(Token![=]) {
            let message = format!("the only thing that may follow is a default; {form}");
            return Err(syn::Error::new(word.span(), message));
        }
        input.parse::<Token![=]>()?;
        default = Some(input.parse()?);
        input.parse::<Option<Token![,]>>()?;
    }
    if input.is_empty() {
        return Ok((key, default));
    }
    Err(input.error(format!("unexpected tokens; {form}")))
}
