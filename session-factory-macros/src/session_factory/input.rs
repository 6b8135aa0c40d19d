//! What is written in the macro, before anybody asks whether it makes sense.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Attribute, Expr, Ident, LitStr, Path, Token, Type, Visibility, parenthesized, token};

use crate::diagnostics::{Errors, parse_all};

const FORM: &str = "write `pub struct AppDb(Postgres);` or `pub struct AppDb(Postgres) { … }`";

/// One factory as it is written.
pub(super) struct Factory {
    pub(super) attrs: Vec<Attribute>,
    pub(super) vis: Visibility,
    pub(super) name: Ident,
    /// `Postgres` in `AppDb(Postgres)`.
    pub(super) backend: Path,
    pub(super) settings: Vec<Setting>,
}

/// One line of the block.
pub(super) struct Setting {
    pub(super) attrs: Vec<Attribute>,
    pub(super) name: Ident,
    pub(super) ty: Option<Type>,
    pub(super) value: Value,
}

/// Where a value comes from.
pub(super) enum Value {
    /// `env("KEY")` or `env("KEY", default = …)`.
    Env { key: LitStr, default: Option<Expr> },
    /// `build_env("KEY", …)`.
    BuildEnv(Ident),
    /// Written here.
    Constant(Expr),
    /// `crate = ::path`.
    Crate(Path),
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
    if let Err(error) = parse_all(tokens, parser) {
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

fn backend(input: ParseStream<'_>) -> syn::Result<Path> {
    if input.peek(Ident) && input.peek2(token::Paren) {
        let name: Ident = input.parse()?;
        let _: TokenTree = input.parse()?;
        let message = "a backend from the build environment is not supported yet by this version of \
                       session-factory; write `Postgres`, `Mysql` or `Sqlite`";
        return Err(syn::Error::new(name.span(), message));
    }
    let path = input.parse().map_err(|error| {
        syn::Error::new(error.span(), "expected `Postgres`, `Mysql` or `Sqlite`")
    })?;
    if input.is_empty() {
        return Ok(path);
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
    let ty = match input.parse::<Option<Token![:]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    if !input.peek(Token![=]) {
        let message =
            format!("`{name}` needs a value; write `{name} = env(\"KEY\")` or a constant");
        return Err(syn::Error::new(name.span(), message));
    }
    input.parse::<Token![=]>()?;
    let value = if name == "crate" {
        Value::Crate(input.call(Path::parse_mod_style)?)
    } else {
        value(input)?
    };
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(Setting {
            attrs,
            name,
            ty,
            value,
        });
    }
    Err(input.error("unexpected tokens; write a comma between settings"))
}

fn value(input: ParseStream<'_>) -> syn::Result<Value> {
    if !(input.peek(Ident) && input.peek2(token::Paren)) {
        return input.parse().map(Value::Constant).map_err(|error| {
            let message =
                "expected a value; write `env(\"KEY\")`, `env(\"KEY\", default = …)` or a constant";
            syn::Error::new(error.span(), message)
        });
    }
    let function: Ident = input.fork().parse()?;
    match function.to_string().as_str() {
        "build_env" => {
            let name = input.parse()?;
            let _: TokenTree = input.parse()?;
            Ok(Value::BuildEnv(name))
        }
        "env" => {
            input.parse::<Ident>()?;
            let content;
            let parens = parenthesized!(content in input);
            let is_empty = content.is_empty();
            in_parens(&content, env, is_empty.then(|| parens.span.join()))
        }
        _ => input.parse().map(Value::Constant),
    }
}

/// Parses what is in parentheses. An error is about all of them when there is nothing in them, and the
/// only one: what it left unread is no news.
fn in_parens<T>(
    content: ParseStream<'_>,
    parse: fn(ParseStream<'_>) -> syn::Result<T>,
    empty: Option<Span>,
) -> syn::Result<T> {
    parse(content).map_err(|error| {
        while content.parse::<TokenTree>().is_ok() {}
        empty.map_or_else(|| error.clone(), |parens| syn::Error::new(parens, &error))
    })
}

fn env(input: ParseStream<'_>) -> syn::Result<Value> {
    let key: LitStr = input.parse().map_err(|error| {
        let message = "expected the name of a variable in quotes; write `env(\"KEY\")`";
        syn::Error::new(error.span(), message)
    })?;
    let mut default = None;
    if input.parse::<Option<Token![,]>>()?.is_some() && !input.is_empty() {
        let word: Ident = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(
                error.span(),
                "expected a default; write `env(\"KEY\", default = …)`",
            )
        })?;
        if word != "default" || !input.peek(Token![=]) {
            let message =
                "the only thing that may follow is a default; write `env(\"KEY\", default = …)`";
            return Err(syn::Error::new(word.span(), message));
        }
        input.parse::<Token![=]>()?;
        default = Some(input.parse()?);
        input.parse::<Option<Token![,]>>()?;
    }
    if input.is_empty() {
        return Ok(Value::Env { key, default });
    }
    Err(input.error("unexpected tokens; write `env(\"KEY\", default = …)`"))
}
