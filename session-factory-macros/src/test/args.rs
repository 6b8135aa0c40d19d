//! Parses the parentheses of the attribute.

use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{ExprPath, Ident, LitInt, LitStr, Path, Token, Type, bracketed, token};

use super::words;
use crate::diagnostics::{Errors, pretty};
use crate::duration;
use crate::runtime_crate::runtime_crate;

/// The arguments of one attribute.
#[derive(Default)]
pub(super) struct Args {
    pub(super) factory: Option<Type>,
    pub(super) fresh: Option<Ident>,
    pub(super) fixtures: Vec<Fixture>,
    pub(super) multi_thread: Option<Ident>,
    pub(super) workers: Option<(Ident, usize)>,
    pub(super) start_paused: Option<Ident>,
    pub(super) wait_for_strays: bool,
    pub(super) within: Option<Duration>,
    pub(super) keep: Option<Ident>,
    krate: Option<Path>,
    /// Report a missing `fresh` only if all other arguments were parsed.
    has_unknown: bool,
}

/// One entry of `fixtures`.
pub(super) enum Fixture {
    Function(ExprPath),
    File(LitStr),
}

impl Args {
    /// Parses the arguments. Errors go to `errors`.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            let mut seen = Vec::new();
            while !input.is_empty() {
                if let Err(error) = args.argument(input, &mut seen) {
                    args.has_unknown = true;
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    args.has_unknown = true;
                    errors.push(input.error("write a comma in front of this"));
                    skip_to_comma(input)?;
                    input.parse::<Option<Token![,]>>()?;
                }
            }
            Ok(())
        };
        if let Err(error) = parser.parse2(tokens) {
            errors.push(error);
        }
        args
    }

    /// The path of the runtime crate.
    pub(super) fn krate(&self) -> Path {
        runtime_crate(self.krate.as_ref())
    }

    fn argument(&mut self, input: ParseStream<'_>, seen: &mut Vec<String>) -> syn::Result<()> {
        let Some(name) = option_name(input)? else {
            return self.read_factory(input);
        };
        let text = name.to_string();
        if seen.contains(&text) {
            let message = format!("`{text}` is written twice; write it once");
            return Err(syn::Error::new(name.span(), message));
        }
        seen.push(text.clone());
        match text.as_str() {
            "fresh" => flag(&name, input).map(|()| self.fresh = Some(name)),
            "start_paused" => flag(&name, input).map(|()| self.start_paused = Some(name)),
            "keep" => flag(&name, input).map(|()| self.keep = Some(name)),
            "fixtures" => self.read_fixtures(&name, input),
            "runtime" => {
                let values = ["current_thread", "multi_thread"];
                let value = one_of(&name, input, &values)?;
                self.multi_thread = (value == "multi_thread").then_some(name);
                Ok(())
            }
            "workers" => self.read_workers(name, input),
            "stray" => {
                let value = one_of(&name, input, &["fail", "wait"])?;
                self.wait_for_strays = value == "wait";
                Ok(())
            }
            "within" => self.read_within(&name, input),
            "crate" => {
                equals(&name, input, "crate = ::path::to::session_factory")?;
                self.krate = Some(input.call(Path::parse_mod_style)?);
                Ok(())
            }
            other => Err(syn::Error::new(name.span(), words::unknown(other))),
        }
    }

    fn read_factory(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let at = input.span();
        let factory: Type = input.parse().map_err(|_not_a_type| {
            syn::Error::new(
                at,
                "this is neither a factory nor an option; write `#[session_factory::test(AppDb, fresh)]`",
            )
        })?;
        if self.factory.is_some() {
            let message = "a test has one factory; remove this, and write another test for the other database";
            return Err(syn::Error::new_spanned(&factory, message));
        }
        self.factory = Some(factory);
        Ok(())
    }

    fn read_fixtures(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "fixtures = [a_function, \"fixtures/a_file.sql\"]";
        equals(name, input, FORM)?;
        if !input.peek(token::Bracket) {
            let message = format!("fixtures stand in brackets; write `{FORM}`");
            return Err(input.error(message));
        }
        let list;
        bracketed!(list in input);
        // Read the brackets as a whole, so that one mistake inside causes one error.
        let entries: TokenStream = list.parse()?;
        let parser = |list: ParseStream<'_>| {
            while !list.is_empty() {
                self.fixtures.push(fixture(list, FORM)?);
                if !list.is_empty() {
                    list.parse::<Token![,]>()?;
                }
            }
            Ok(())
        };
        parser.parse2(entries)
    }

    fn read_workers(&mut self, name: Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "workers = 2";
        equals(&name, input, FORM)?;
        let at = input.span();
        let number = input
            .parse::<LitInt>()
            .and_then(|number| number.base10_parse())
            .map_err(|_other| {
                syn::Error::new(at, format!("a number is missing here; write `{FORM}`"))
            })?;
        if number == 0 {
            let message = format!("a runtime without threads runs nothing; write `{FORM}`");
            return Err(syn::Error::new(at, message));
        }
        self.workers = Some((name, number));
        Ok(())
    }

    fn read_within(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "within = \"5s\"";
        equals(name, input, FORM)?;
        let at = input.span();
        let text = input.parse::<LitStr>().map_err(|_other| {
            let message = format!("a duration is written in quotes; write `{FORM}`");
            syn::Error::new(at, message)
        })?;
        let Some(limit) = duration::parse(&text.value()) else {
            let message = format!("\"{}\" is not a duration; write `{FORM}`", text.value());
            return Err(syn::Error::new(at, message));
        };
        self.within = Some(limit);
        Ok(())
    }

    /// Reports contradictions, and what is missing.
    pub(super) fn check(&self, errors: &mut Errors) {
        if self.factory.is_none() && !self.has_unknown {
            errors.at(
                Span::call_site(),
                "the test's factory is missing; write `#[session_factory::test(AppDb, fresh)]`",
            );
        } else if let (Some(factory), None, false) = (&self.factory, &self.fresh, self.has_unknown)
        {
            let factory = pretty(factory);
            errors.on(
                &self.factory,
                format!(
                    "tests that are rolled back do not exist yet, so say that this one gets a database of its own; \
                     write `#[session_factory::test({factory}, fresh)]`"
                ),
            );
        }
        if let (Some((workers, _)), None) = (&self.workers, &self.multi_thread) {
            errors.on(
                workers,
                "a runtime of one thread has no workers; write `runtime = \"multi_thread\"` as well, or remove this",
            );
        }
        if let (Some(paused), Some(_)) = (&self.start_paused, &self.multi_thread) {
            errors.on(
                paused,
                "only a runtime of one thread can stop its clock; remove this, or `runtime = \"multi_thread\"`",
            );
        }
    }
}

/// The name of the option that comes next; `None` if a type comes next.
fn option_name(input: ParseStream<'_>) -> syn::Result<Option<Ident>> {
    let ahead = input.fork();
    let Ok(name) = ahead.call(Ident::parse_any) else {
        return Ok(None);
    };
    if ahead.peek(Token![::]) {
        return Ok(None);
    }
    let has_value = ahead.peek(Token![=]) || ahead.peek(Token![:]);
    // A type's name begins with a capital letter.
    let is_option = has_value
        || name
            .to_string()
            .starts_with(|first: char| first.is_lowercase());
    if !is_option {
        return Ok(None);
    }
    input.call(Ident::parse_any).map(Some)
}

/// Reads one entry of `fixtures`.
fn fixture(list: ParseStream<'_>, form: &str) -> syn::Result<Fixture> {
    if list.peek(LitStr) {
        return list.parse().map(Fixture::File);
    }
    let at = list.span();
    let path = list.parse().map_err(|_other| {
        let message =
            format!("a fixture is the path of a function or of an SQL file; write `{form}`");
        syn::Error::new(at, message)
    })?;
    if list.peek(token::Paren) {
        let message = format!(
            "a fixture is named, not called; write `{}` without the parentheses",
            pretty(&path)
        );
        return Err(list.error(message));
    }
    Ok(Fixture::Function(path))
}

/// Refuses a value.
fn flag(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.is_empty() || input.peek(Token![,]) {
        return Ok(());
    }
    let message = format!("`{name}` takes no value; write `{name}` alone, or remove it");
    Err(syn::Error::new(name.span(), message))
}

/// Reads the `=` between an option and its value.
fn equals(name: &Ident, input: ParseStream<'_>, form: &str) -> syn::Result<()> {
    let is_equals = input.parse::<Option<Token![=]>>()?.is_some();
    if is_equals && !input.is_empty() && !input.peek(Token![,]) {
        return Ok(());
    }
    let message = format!("`{name}` needs a value; write `{form}`");
    Err(syn::Error::new(name.span(), message))
}

/// Reads one of two texts.
fn one_of(name: &Ident, input: ParseStream<'_>, values: &[&str]) -> syn::Result<String> {
    let forms: Vec<_> = values
        .iter()
        .map(|value| format!("`{name} = \"{value}\"`"))
        .collect();
    let forms = forms.join(" or ");
    let first = values.first().copied().unwrap_or_default();
    equals(name, input, &format!("{name} = \"{first}\""))?;
    let at = input.span();
    let value = input.parse::<LitStr>().map(|text| text.value());
    match value {
        Ok(value) if values.contains(&value.as_str()) => Ok(value),
        _ => Err(syn::Error::new(at, format!("write {forms}"))),
    }
}

/// Skips to the next comma, or to the end.
fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
