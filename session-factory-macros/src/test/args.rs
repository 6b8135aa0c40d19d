//! Parses the parentheses of the attribute.

use std::time::Duration;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{
    ExprPath, Ident, LitInt, LitStr, Path, Token, Type, TypePath, bracketed, parenthesized, token,
};

use super::words;
use crate::diagnostics::{Errors, pretty};
use crate::duration;
use crate::runtime_crate::runtime_crate;

/// The arguments of one attribute.
#[derive(Default)]
pub(super) struct Args {
    pub(super) factories: Vec<Factory>,
    pub(super) fresh: Option<Ident>,
    pub(super) rollback: Option<Ident>,
    pub(super) ids_as_they_are: Option<Ident>,
    /// What stands beside the factory, and not in its parentheses.
    content: Content,
    /// The options of `content`.
    content_names: Vec<Ident>,
    pub(super) multi_thread: Option<Ident>,
    pub(super) workers: Option<(Ident, usize)>,
    pub(super) start_paused: Option<Ident>,
    pub(super) wait_for_strays: bool,
    pub(super) within: Option<Duration>,
    pub(super) keep: Option<Ident>,
    krate: Option<Path>,
    /// The factory is missing only if the rest was understood.
    has_unknown: bool,
}

/// A factory, and what its database begins with.
pub(super) struct Factory {
    pub(super) ty: Type,
    pub(super) content: Content,
}

/// What a database has before the test begins.
#[derive(Default)]
pub(super) struct Content {
    pub(super) migrations: Option<ExprPath>,
    pub(super) fixtures: Vec<Fixture>,
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
            "rollback" => flag(&name, input).map(|()| self.rollback = Some(name)),
            "ids" => {
                let value = one_of(&name, input, &["from_template", "as_they_are"])?;
                self.ids_as_they_are = (value == "as_they_are").then_some(name);
                Ok(())
            }
            "start_paused" => flag(&name, input).map(|()| self.start_paused = Some(name)),
            "keep" => flag(&name, input).map(|()| self.keep = Some(name)),
            "fixtures" | "migrations" => {
                self.content.read(&name, input)?;
                self.content_names.push(name);
                Ok(())
            }
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
        let ty = factory(input).map_err(|_not_a_type| {
            syn::Error::new(
                at,
                "this is neither a factory nor an option; write `#[session_factory::test(AppDb, fresh)]`",
            )
        })?;
        let mut content = Content::default();
        if input.peek(token::Paren) {
            let list;
            parenthesized!(list in input);
            // Read whole, as `fixtures` is.
            let options: TokenStream = list.parse()?;
            let parser = |list: ParseStream<'_>| content.read_all(list);
            parser.parse2(options)?;
        }
        let is_known = self
            .factories
            .iter()
            .any(|known| pretty(&known.ty) == pretty(&ty));
        if is_known {
            let message = format!("`{}` is written twice; write it once", pretty(&ty));
            return Err(syn::Error::new_spanned(&ty, message));
        }
        self.factories.push(Factory { ty, content });
        Ok(())
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

    /// What contradicts, and what is missing.
    pub(super) fn check(&mut self, errors: &mut Errors) {
        match self.factories.as_mut_slice() {
            [one] if !self.content_names.is_empty() => {
                if one.content.is_empty() {
                    one.content = std::mem::take(&mut self.content);
                } else {
                    let name = &self.content_names[0];
                    let message = format!(
                        "the factory has options in parentheses; write `{name}` there as well"
                    );
                    errors.on(name, message);
                }
            }
            [first, ..] => {
                for name in &self.content_names {
                    let factory = pretty(&first.ty);
                    let message = format!(
                        "the test has several factories, so say which one this is for; write `{factory}({name} = …)`"
                    );
                    errors.on(name, message);
                }
            }
            [] => {}
        }
        if self.factories.is_empty() && !self.has_unknown {
            errors.at(
                Span::call_site(),
                "the test's factory is missing; write `#[session_factory::test(AppDb, fresh)]`",
            );
        }
        if let (Some(rollback), Some(_)) = (&self.rollback, &self.fresh) {
            errors.on(
                rollback,
                "a test is rolled back, or it has a database of its own; remove this, or `fresh`",
            );
        }
        if let (Some(keep), Some(_)) = (&self.keep, &self.rollback) {
            errors.on(
                keep,
                "a test that is rolled back leaves nothing that could be kept; write `fresh` in place of `rollback`",
            );
        }
        if let (Some(ids), Some(_)) = (&self.ids_as_they_are, &self.fresh) {
            errors.on(
                ids,
                "a database of its own continues the template's sequences; remove this",
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

impl Content {
    fn is_empty(&self) -> bool {
        self.migrations.is_none() && self.fixtures.is_empty()
    }

    /// Reads the options in a factory's parentheses.
    fn read_all(&mut self, list: ParseStream<'_>) -> syn::Result<()> {
        let mut seen = Vec::new();
        while !list.is_empty() {
            let name = list.call(Ident::parse_any)?;
            let text = name.to_string();
            if !matches!(text.as_str(), "fixtures" | "migrations") {
                let message = format!(
                    "a factory's parentheses have `migrations` and `fixtures`; write `{text}` behind them"
                );
                return Err(syn::Error::new(name.span(), message));
            }
            if seen.contains(&text) {
                let message = format!("`{text}` is written twice; write it once");
                return Err(syn::Error::new(name.span(), message));
            }
            self.read(&name, list)?;
            seen.push(text);
            if !list.is_empty() {
                list.parse::<Token![,]>()?;
            }
        }
        Ok(())
    }

    fn read(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if name == "migrations" {
            self.read_migrations(name, input)
        } else {
            self.read_fixtures(name, input)
        }
    }

    fn read_migrations(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        const FORM: &str = "migrations = crate::MIGRATIONS";
        equals(name, input, FORM)?;
        let at = input.span();
        if input.peek(LitStr) {
            let message = format!(
                "a folder is read by `embed_migrations!` of the crate `diesel_migrations`; write `{FORM}`, the constant \
                 that has its result"
            );
            return Err(syn::Error::new(at, message));
        }
        let path = input.parse().map_err(|_other| {
            let message = format!("migrations are named by the path of a constant; write `{FORM}`");
            syn::Error::new(at, message)
        })?;
        if input.peek(Token![!]) || input.peek(token::Paren) {
            let message = format!("migrations are named by the path of a constant; write `{FORM}`");
            return Err(syn::Error::new(at, message));
        }
        self.migrations = Some(path);
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
        // Read whole: what follows a mistake inside of the brackets is no mistake of its own.
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
}

/// Reads a factory's type, and leaves parentheses behind it.
fn factory(input: ParseStream<'_>) -> syn::Result<Type> {
    let ahead = input.fork();
    let has_parentheses = ahead.call(Path::parse_mod_style).is_ok() && ahead.peek(token::Paren);
    if !has_parentheses {
        return input.parse();
    }
    let path = input.call(Path::parse_mod_style)?;
    Ok(Type::Path(TypePath {
        attrs: Vec::new(),
        qself: None,
        path,
    }))
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
