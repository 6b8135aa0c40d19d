//! The table of options, and the struct that they are read into.

use proc_macro2::{Span, TokenStream};
use syn::parse::{ParseStream, Parser};
use syn::{ExprPath, Ident, Path, Token, Type, token};

use super::duration::{self, Limit};
use super::forms::form;
use super::isolation::{self, Isolation};
use super::joined::{self, Joined};
use super::replica::{self, Replica};
use super::retry::{self, Retry};
use super::value::Value;
use super::{commit_on, flag};
use crate::diagnostics::pretty;

/// The arguments of one attribute.
#[derive(Default)]
pub(in crate::with_session) struct Args {
    /// `F`, from `#[with_session(F)]`.
    pub(in crate::with_session) factory: Option<Type>,
    pub(in crate::with_session) isolation: Option<Isolation>,
    pub(in crate::with_session) read_only: Option<Ident>,
    pub(in crate::with_session) replica: Option<Replica>,
    pub(in crate::with_session) deferrable: Option<Ident>,
    pub(in crate::with_session) immediate: Option<Ident>,
    pub(in crate::with_session) timeout: Option<Limit>,
    pub(in crate::with_session) retry: Option<Retry>,
    pub(in crate::with_session) savepoint: Option<Ident>,
    pub(in crate::with_session) requires_new: Option<Ident>,
    pub(in crate::with_session) commit_on: Option<ExprPath>,
    pub(in crate::with_session) detach: Option<Ident>,
    /// The name of `f_in`, or that there is none.
    pub(in crate::with_session) joined: Joined,
    /// The path of the runtime crate.
    pub(super) krate: Option<Path>,
}

/// One option.
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Reads what follows the option's name.
    pub(super) read: fn(&mut Args, &Ident, ParseStream<'_>) -> syn::Result<()>,
}

pub(super) const OPTIONS: &[Row] = &[
    Row {
        name: "isolation",
        read: |args, name, input| {
            expect_equals(name, input)?;
            isolation::read(input).map(|level| args.isolation = Some(level))
        },
    },
    Row {
        name: "read_only",
        read: |args, name, input| flag::read(name, input, &mut args.read_only),
    },
    Row {
        name: "replica",
        read: |args, name, input| {
            expect_equals(name, input)?;
            replica::read(input).map(|replica| args.replica = Some(replica))
        },
    },
    Row {
        name: "deferrable",
        read: |args, name, input| flag::read(name, input, &mut args.deferrable),
    },
    Row {
        name: "immediate",
        read: |args, name, input| flag::read(name, input, &mut args.immediate),
    },
    Row {
        name: "timeout",
        read: |args, name, input| {
            expect_equals(name, input)?;
            duration::read("timeout", input).map(|limit| args.timeout = Some(limit))
        },
    },
    Row {
        name: "retry",
        read: |args, name, input| {
            let retry = if input.peek(token::Paren) {
                retry::in_parentheses(name, input)
            } else {
                expect_equals(name, input)?;
                retry::alone(name, input)
            };
            retry.map(|retry| args.retry = Some(retry))
        },
    },
    Row {
        name: "savepoint",
        read: |args, name, input| flag::read(name, input, &mut args.savepoint),
    },
    Row {
        name: "requires_new",
        read: |args, name, input| flag::read(name, input, &mut args.requires_new),
    },
    Row {
        name: "commit_on",
        read: |args, name, input| {
            expect_equals(name, input)?;
            commit_on::read(input).map(|path| args.commit_on = Some(path))
        },
    },
    Row {
        name: "detach",
        read: |args, name, input| flag::read(name, input, &mut args.detach),
    },
    Row {
        name: "joined",
        read: |args, name, input| {
            expect_equals(name, input)?;
            joined::read(input).map(|joined| args.joined = joined)
        },
    },
    Row {
        name: "crate",
        read: |args, name, input| {
            expect_equals(name, input)?;
            krate(input).map(|path| args.krate = Some(path))
        },
    },
];

pub(super) fn row(name: &str) -> Option<&'static Row> {
    OPTIONS.iter().find(|option| name == option.name)
}

/// Reads the `=` after an option, and checks that a value follows.
fn expect_equals(name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
    let is_equals = input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]);
    let value = Value::ahead(input);
    let text = name.to_string();
    if value.is_empty() {
        let form = form(&text);
        // A user who writes `joined` or `replica` alone wants it on, and it is on by default.
        let message = match text.as_str() {
            "joined" => format!("{}; remove it, or for another name write `{form}`", joined::IS_ON),
            "replica" => "a `read_only` function uses the replica when there is one; write `read_only` alone, or for a \
                          replica that is not behind `read_only, replica = \"caught_up\"`"
                .to_owned(),
            _ => format!("`{name}` needs a value; write `{form}`"),
        };
        return Err(syn::Error::new(name.span(), message));
    }
    if is_equals {
        return input.parse::<Token![=]>().map(drop);
    }
    let advice = row(&text).map_or_else(String::new, |option| write(option, &value));
    let message = format!("an option's value follows `=`; {advice}");
    Err(syn::Error::new(name.span(), message))
}

/// Returns the advice to write this option with this value.
pub(super) fn write(row: &Row, value: &Value) -> String {
    let name = Ident::new(row.name, Span::call_site());
    if row.name == "joined" && value.is_empty() {
        let form = form(row.name);
        return format!(
            "{}; remove this, or for another name write `{form}`",
            joined::IS_ON
        );
    }
    let (value, text) = (&value.0, pretty(&value.0));
    let mut tokens = TokenStream::new();
    if !value.is_empty() {
        tokens.extend(quote::quote!(= #value));
    }
    let read = |input: ParseStream<'_>| (row.read)(&mut Args::default(), &name, input);
    match read.parse2(tokens) {
        Ok(()) if value.is_empty() => format!("write `{name}`"),
        Ok(()) => format!("write `{name} = {text}`"),
        // The value is wrong; its error says what to write.
        Err(error) => error
            .to_string()
            .split_once("; ")
            .map(|(_, advice)| advice.to_owned())
            .filter(|advice| advice.starts_with("write") || advice.starts_with("remove"))
            .unwrap_or_else(|| format!("write `{}`", form(row.name))),
    }
}

fn krate(input: ParseStream<'_>) -> syn::Result<Path> {
    let at = input.span();
    input.call(Path::parse_mod_style).map_err(|_| {
        syn::Error::new(
            at,
            "write the path of the crate, such as `crate = ::path::to::session_factory`",
        )
    })
}
