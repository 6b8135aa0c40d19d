//! What is written in the macro, before anybody asks whether it makes sense.

mod value;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, Path, Token, Type, Visibility, parenthesized, token};

pub(super) use self::value::{Value, Variable};
use super::range::{self, Range};
use crate::diagnostics::Errors;

const FORM: &str = "write `pub struct AppDb(Postgres);` or `pub struct AppDb(Postgres) { … }`";

/// One factory as it is written.
pub(super) struct Factory {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    /// `Postgres` in `AppDb(Postgres)`.
    pub(super) backend: Backend,
    pub(super) settings: Vec<Setting>,
}

/// The database that a factory is for.
pub(super) enum Backend {
    Written(Path),
    /// `build_env("KEY", …)`.
    BuildEnv(Variable),
}

/// One line of the block.
pub(super) struct Setting {
    pub(super) attrs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) ty: Option<Type>,
    pub(super) range: Option<Range>,
    pub(super) value: Value,
}

/// All factories of one invocation. What cannot be read is noted and left out.
pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Factory> {
    let mut factories = Vec::new();
    let parser = |input: ParseStream<'_>| {
        if input.is_empty() {
            let message = format!("there is no factory; {FORM}");
            return Err(syn::Error::new(Span::call_site(), message));
        }
        while !input.is_empty() {
            factories.push(factory(input, errors)?);
        }
        Ok(())
    };
    if let Err(error) = parser.parse2(tokens) {
        errors.push(error);
    }
    factories
}

fn factory(input: ParseStream<'_>, errors: &mut Errors) -> syn::Result<Factory> {
    let attrs = input.call(Attribute::parse_outer)?;
    let vis = input.parse()?;
    if !input.peek(Token![struct]) {
        return Err(input.error(format!("a factory is declared as a struct; {FORM}")));
    }
    input.parse::<Token![struct]>()?;
    let name: Ident = input.parse()?;
    if input.peek(Token![<]) {
        return Err(input.error("a factory has no parameters; remove `<…>`"));
    }
    if !input.peek(token::Paren) {
        let message = format!(
            "which backend? write `{name}(Postgres)`, with `Postgres`, `Mysql` or `Sqlite`"
        );
        return Err(syn::Error::new(name.span(), message));
    }
    let content;
    let parens = parenthesized!(content in input);
    let is_empty = content.is_empty();
    let backend = in_parens(&content, backend, is_empty.then(|| parens.span.join()))?;
    if input.peek(token::Brace) {
        let block;
        syn::braced!(block in input);
        let settings = settings(&block, errors);
        input.parse::<Option<Token![;]>>()?;
        return Ok(Factory {
            attrs,
            vis,
            name,
            backend,
            settings,
        });
    }
    if !input.peek(Token![;]) {
        let message = format!("expected `;` or a block of settings; {FORM}");
        return Err(if input.is_empty() {
            syn::Error::new(parens.span.close(), message)
        } else {
            input.error(message)
        });
    }
    input.parse::<Token![;]>()?;
    Ok(Factory {
        attrs,
        vis,
        name,
        backend,
        settings: Vec::new(),
    })
}

fn backend(input: ParseStream<'_>) -> syn::Result<Backend> {
    if input.peek(Ident) && input.peek2(token::Paren) {
        let function: Ident = input.fork().parse()?;
        if function != "build_env" {
            let message = format!(
                "a backend is known when the program is compiled; write `build_env(\"KEY\")` instead \
                 of `{function}(…)`, or `Postgres`, `Mysql` or `Sqlite`"
            );
            return Err(syn::Error::new(function.span(), message));
        }
        return value::call(input).map(Backend::BuildEnv);
    }
    let path = input.parse().map_err(|error| {
        syn::Error::new(error.span(), "expected `Postgres`, `Mysql` or `Sqlite`")
    })?;
    if input.is_empty() {
        return Ok(Backend::Written(path));
    }
    Err(input.error("a factory has one backend; write `Postgres`, `Mysql` or `Sqlite`"))
}

/// All lines that can be read; a broken one does not take the others with it.
fn settings(input: ParseStream<'_>, errors: &mut Errors) -> Vec<Setting> {
    let mut settings = Vec::new();
    while !input.is_empty() {
        match setting(input) {
            Ok(setting) => settings.push(setting),
            Err(error) => errors.push(error),
        }
        if !input.is_empty() && !input.peek(Token![,]) {
            // After a broken line its rest is no news.
            while !input.is_empty() && !input.peek(Token![,]) {
                if input.parse::<TokenTree>().is_err() {
                    return settings;
                }
            }
        }
        if input.parse::<Option<Token![,]>>().is_err() {
            return settings;
        }
    }
    settings
}

fn setting(input: ParseStream<'_>) -> syn::Result<Setting> {
    let attrs = input.call(Attribute::parse_outer)?;
    if let (Some(attr), true) = (attrs.first(), input.is_empty()) {
        let message = "this documentation belongs to nothing; write a setting below it";
        return Err(syn::Error::new_spanned(attr, message));
    }
    let name = input.call(Ident::parse_any).map_err(|error| {
        syn::Error::new(
            error.span(),
            "expected a setting; write `name = env(\"KEY\")`",
        )
    })?;
    let (ty, range) = type_and_range(input)?;
    let rest_is_default = input.is_empty() || input.peek(Token![,]);
    if rest_is_default && range.is_some() && ty.is_none() {
        return Ok(Setting {
            attrs,
            name,
            ty,
            range,
            value: Value::Standard,
        });
    }
    if !input.peek(Token![=]) {
        let message =
            format!("`{name}` needs a value; write `{name} = env(\"KEY\")` or a constant");
        return Err(syn::Error::new(name.span(), message));
    }
    input.parse::<Token![=]>()?;
    let value = if name == "crate" {
        Value::Crate(input.call(Path::parse_mod_style)?)
    } else {
        value::value(input)?
    };
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Setting {
            attrs,
            name,
            ty,
            range,
            value,
        });
    }
    Err(input.error("unexpected tokens; write a comma between settings"))
}

/// What follows the colon: the values that there may be. `u32`, `1..=200` or `u32 in 1..=200`.
fn type_and_range(input: ParseStream<'_>) -> syn::Result<(Option<Type>, Option<Range>)> {
    if input.parse::<Option<Token![:]>>()?.is_none() {
        return Ok((None, None));
    }
    if range::begins(input) {
        return Ok((None, Some(range::parse(input)?)));
    }
    let ty = input.parse()?;
    let range = match input.parse::<Option<Token![in]>>()? {
        Some(_) => Some(range::parse(input)?),
        None => None,
    };
    Ok((Some(ty), range))
}

/// Parses what is in parentheses. An error is about all of them when there is nothing in them, and the
/// only one: what it left unread is no news.
fn in_parens<T>(
    content: ParseStream<'_>,
    parse: impl Fn(ParseStream<'_>) -> syn::Result<T>,
    empty: Option<Span>,
) -> syn::Result<T> {
    parse(content).map_err(|error| {
        while content.parse::<TokenTree>().is_ok() {}
        empty.map_or_else(|| error.clone(), |parens| syn::Error::new(parens, &error))
    })
}
