//! What stands in the parentheses of the attribute.
//!
//! An option is one row of [`OPTIONS`] and, once supported, one arm of [`Args::option`].

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, LitBool, LitStr, Path, Token, Type, token};

use crate::diagnostics::{Errors, did_you_mean};

/// Each option with the form in which it is written.
const OPTIONS: &[(&str, &str)] = &[
    ("isolation", "isolation = \"serializable\""),
    ("read_only", "read_only"),
    ("deferrable", "deferrable"),
    ("immediate", "immediate"),
    ("timeout", "timeout = \"5s\""),
    ("retry", "retry = 5"),
    ("savepoint", "savepoint"),
    ("requires_new", "requires_new"),
    ("commit_on", "commit_on = path"),
    ("detach", "detach"),
    ("joined", "joined = \"name\""),
    ("crate", "crate = ::path"),
];

/// The arguments of one attribute.
#[derive(Default)]
pub(super) struct Args {
    /// `F` of `#[with_session(F)]`.
    pub(super) factory: Option<Type>,
    /// What becomes of `f_in`.
    pub(super) joined: Joined,
    /// Where the runtime crate is.
    krate: Option<Path>,
}

/// What `joined = …` says.
#[derive(Default)]
pub(super) enum Joined {
    /// Nothing: `f_in` is called so.
    #[default]
    Default,
    /// Another name.
    Named(Ident),
    /// There is none.
    Absent,
}

impl Args {
    /// The arguments; what is wrong with them goes to `errors`.
    pub(super) fn parse(tokens: TokenStream, errors: &mut Errors) -> Self {
        let mut args = Self::default();
        let parser = |input: ParseStream<'_>| {
            let mut seen = Vec::new();
            while !input.is_empty() {
                if let Err(error) = args.argument(input, &mut seen) {
                    errors.push(error);
                    skip_to_comma(input)?;
                }
                if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                    errors.push(input.error("unexpected tokens; write a comma between arguments"));
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
        self.krate
            .clone()
            .unwrap_or_else(|| syn::parse_quote!(::session_factory))
    }

    fn argument(&mut self, input: ParseStream<'_>, seen: &mut Vec<String>) -> syn::Result<()> {
        if let Ok(literal) = input.fork().parse::<LitStr>() {
            let message = format!(
                "the factory is a type, not a string; write `#[with_session({})]`",
                literal.value()
            );
            return Err(input.error(message));
        }
        match option_name(input) {
            Some(name) => {
                let first = !seen.contains(&name.to_string());
                seen.push(name.to_string());
                if !first {
                    let message = format!("`{name}` is written twice; write it once");
                    return Err(syn::Error::new(name.span(), message));
                }
                self.option(&name, input)
            }
            None => self.factory(input),
        }
    }

    fn factory(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let start = input.span();
        let factory: Type = input.parse().map_err(|_| {
            syn::Error::new(
                start,
                "this is neither a factory nor an option; write `#[with_session]`, \
                 `#[with_session(AppDb)]` or `#[with_session(option = value)]`",
            )
        })?;
        if self.factory.is_some() {
            let message = "a second factory; a function has one session, so name one factory";
            return Err(syn::Error::new_spanned(factory, message));
        }
        self.factory = Some(factory);
        Ok(())
    }

    fn option(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match name.to_string().as_str() {
            "joined" => {
                expect_equals(name, input)?;
                self.joined = joined(input)?;
            }
            "crate" => {
                expect_equals(name, input)?;
                self.krate = Some(input.call(Path::parse_mod_style).map_err(|error| {
                    syn::Error::new(
                        error.span(),
                        "expected a path; write `crate = ::path::to::it`",
                    )
                })?);
            }
            known if OPTIONS.iter().any(|(option, _)| *option == known) => {
                let message = format!(
                    "`{known}` is not supported yet by this version of session-factory; remove it"
                );
                return Err(syn::Error::new(name.span(), message));
            }
            unknown => {
                let names = OPTIONS.iter().map(|(option, _)| *option);
                let guess = did_you_mean(unknown, names.clone());
                let names: Vec<_> = names.map(|option| format!("`{option}`")).collect();
                let message = format!(
                    "unknown option `{unknown}`{guess}; write the factory's type or one of {}",
                    names.join(", ")
                );
                return Err(syn::Error::new(name.span(), message));
            }
        }
        Ok(())
    }
}

/// The name of the option that comes next; `None` when it is a type.
fn option_name(input: ParseStream<'_>) -> Option<Ident> {
    let ahead = input.fork();
    let name = ahead.call(Ident::parse_any).ok()?;
    let has_value = ahead.peek(Token![=]) || ahead.peek(token::Paren);
    let alone = ahead.is_empty() || ahead.peek(Token![,]);
    let text = name.to_string();
    // A type's name begins with a capital letter; `Self` and paths are types too.
    let lower = text.starts_with(|first: char| first.is_lowercase() || first == '_');
    (has_value || (alone && lower))
        .then(|| input.call(Ident::parse_any).ok())
        .flatten()
}

fn expect_equals(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    if input.peek(Token![=]) {
        return input.parse::<Token![=]>().map(drop);
    }
    let option = name.to_string();
    let form = OPTIONS
        .iter()
        .find(|(known, _)| *known == option)
        .map_or("", |(_, form)| form);
    Err(syn::Error::new(
        name.span(),
        format!("`{name}` needs a value; write `{form}`"),
    ))
}

fn joined(input: ParseStream<'_>) -> syn::Result<Joined> {
    const WRITE: &str = "write `joined = \"name\"` for another name, or `joined = false` for none";
    if input.peek(LitStr) {
        let literal: LitStr = input.parse()?;
        return literal
            .parse_with(<Ident as syn::parse::Parse>::parse)
            .map(Joined::Named)
            .map_err(|_| {
                syn::Error::new(
                    literal.span(),
                    format!("this is not the name of a function; {WRITE}"),
                )
            });
    }
    match input.parse::<LitBool>() {
        Ok(LitBool { value: false, .. }) => Ok(Joined::Absent),
        Ok(literal) => {
            let message = "`joined = true` is what happens anyway; remove it";
            Err(syn::Error::new(literal.span(), message))
        }
        Err(error) => Err(syn::Error::new(
            error.span(),
            format!("expected a name; {WRITE}"),
        )),
    }
}

/// Leaves the next comma, or the end, to be read next.
fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

impl Joined {
    /// The name of `f_in`, if there is to be one.
    pub(super) fn name(&self, function: &Ident) -> Option<Ident> {
        match self {
            Joined::Default => Some(quote::format_ident!("{}_in", function.unraw())),
            // The user wrote it in a string; it must be visible as if written in the code.
            Joined::Named(name) => Some(Ident::new(
                &name.to_string(),
                name.span().resolved_at(function.span()),
            )),
            Joined::Absent => None,
        }
    }
}
