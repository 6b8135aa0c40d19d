//! What stands in the parentheses of the attribute.
//!
//! An option is one row of [`OPTIONS`], its name and how it is read, and one of [`forms`]: how it is written.

mod commit_on;
mod duration;
mod flag;
mod forms;
mod isolation;
mod joined;
mod replica;
mod retry;
mod value;

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{ExprPath, Ident, LitStr, Path, Token, Type, token};

pub(super) use self::duration::Limit;
pub(super) use self::isolation::Isolation;
pub(super) use self::joined::Joined;
pub(super) use self::replica::Replica;
pub(super) use self::retry::Retry;
use self::value::{expect_equals, skip_to_comma};
use crate::diagnostics::{Errors, nearest, same_name};

/// The arguments of one attribute.
#[derive(Default)]
pub(super) struct Args {
    /// `F` of `#[with_session(F)]`.
    pub(super) factory: Option<Type>,
    pub(super) isolation: Option<Isolation>,
    pub(super) read_only: Option<Ident>,
    pub(super) replica: Option<Replica>,
    pub(super) deferrable: Option<Ident>,
    pub(super) immediate: Option<Ident>,
    pub(super) timeout: Option<Limit>,
    pub(super) retry: Option<Retry>,
    pub(super) savepoint: Option<Ident>,
    pub(super) requires_new: Option<Ident>,
    pub(super) commit_on: Option<ExprPath>,
    pub(super) detach: Option<Ident>,
    /// What becomes of `f_in`.
    pub(super) joined: Joined,
    /// Where the runtime crate is.
    krate: Option<Path>,
}

/// One option.
struct Row {
    name: &'static str,
    /// Reads what follows the name.
    read: fn(&mut Args, &Ident, ParseStream<'_>) -> syn::Result<()>,
}

const OPTIONS: &[Row] = &[
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
        read: |args, name, input| retry::read(name, input).map(|retry| args.retry = Some(retry)),
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
                    let message = if input.peek(Token![;]) {
                        "write a comma instead of this"
                    } else {
                        "write a comma in front of this"
                    };
                    errors.push(input.error(message));
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
            .unwrap_or_else(|| syn::parse_quote_spanned!(Span::mixed_site()=> ::session_factory))
    }

    fn argument(&mut self, input: ParseStream<'_>, seen: &mut Vec<String>) -> syn::Result<()> {
        if let Ok(literal) = input.fork().parse::<LitStr>() {
            let text = literal.value();
            let what = if OPTIONS.iter().any(|option| text.starts_with(option.name)) {
                "an option is written without quotes"
            } else {
                "the factory is a type, not a string"
            };
            return Err(input.error(format!("{what}; write `#[with_session({text})]`")));
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
                "this is neither a factory nor an option; write `#[with_session(AppDb)]` or an option, such as \
                 `#[with_session(read_only, timeout = \"5s\")]`",
            )
        })?;
        if self.factory.is_some() {
            let message = "a function has one session; name one factory, and remove this one";
            return Err(syn::Error::new_spanned(factory, message));
        }
        self.factory = Some(factory);
        Ok(())
    }

    fn option(&mut self, name: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        if let Some(row) = row(&name.to_string()) {
            return (row.read)(self, name, input);
        }
        let text = name.to_string();
        if ["factory", "database", "db", "pool"].contains(&text.as_str()) {
            let message = "the factory is written without a name; write `#[with_session(AppDb)]`";
            return Err(syn::Error::new(name.span(), message));
        }
        let names = OPTIONS.iter().map(|option| option.name);
        let near = nearest(&text, names.clone());
        let message = match (meant(&text).and_then(row), near) {
            (Some(row), _) => format!(
                "there is no option `{name}`; write `{}`",
                forms::form(row.name)
            ),
            (None, Some(near)) => format!("there is no option `{name}`; write `{near}`"),
            (None, None) => {
                let names: Vec<_> = names.map(|option| format!("`{option}`")).collect();
                format!(
                    "there is no option `{name}`; the options are {}",
                    names.join(", ")
                )
            }
        };
        Err(syn::Error::new(name.span(), message))
    }
}

fn row(name: &str) -> Option<&'static Row> {
    OPTIONS.iter().find(|option| name == option.name)
}

/// The option that goes by another name elsewhere: in Spring, SQLAlchemy, Django, sqlx, or in one's own words.
fn meant(name: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 10] = [
        ("isolation", &["isolation_level", "level", "tx_isolation"]),
        ("read_only", &["ro", "read", "query_only"]),
        (
            "replica",
            &[
                "standby",
                "read_replica",
                "secondary",
                "follower",
                "primary",
            ],
        ),
        ("immediate", &["exclusive", "begin_immediate", "write"]),
        (
            "timeout",
            &[
                "deadline",
                "limit",
                "max_time",
                "statement_timeout",
                "timeout_ms",
                "timeout_secs",
            ],
        ),
        (
            "retry",
            &[
                "retries",
                "max_retries",
                "attempts",
                "max_attempts",
                "tries",
                "retryable",
                "backoff",
            ],
        ),
        (
            "savepoint",
            &["nested", "subtransaction", "sub_transaction"],
        ),
        (
            "requires_new",
            &[
                "propagation",
                "new",
                "independent",
                "autonomous",
                "new_session",
            ],
        ),
        (
            "commit_on",
            &[
                "rollback_on",
                "rollback_for",
                "no_rollback_for",
                "commit_if",
                "commit_when",
                "rollback_if",
            ],
        ),
        (
            "detach",
            &["detached", "background", "spawn", "shield", "uncancellable"],
        ),
    ];
    NAMES
        .iter()
        .find(|(_, others)| others.iter().any(|other| same_name(other, name)))
        .map(|(option, _)| *option)
}

/// The name of the option that comes next; `None` when it is a type.
fn option_name(input: ParseStream<'_>) -> Option<Ident> {
    let ahead = input.fork();
    let name = ahead.call(Ident::parse_any).ok()?;
    if ahead.peek(Token![::]) {
        return None;
    }
    let has_value = ahead.peek(Token![=]) || ahead.peek(Token![:]) || ahead.peek(token::Paren);
    let alone = ahead.is_empty() || ahead.peek(Token![,]);
    let text = name.to_string();
    // A type's name begins with a capital letter; `Self` and paths are types too.
    let lower = text.starts_with(|first: char| first.is_lowercase() || first == '_');
    let misspelt = || OPTIONS.iter().any(|option| same_name(option.name, &text));
    (has_value || row(&text).is_some() || (alone && (lower || misspelt())))
        .then(|| input.call(Ident::parse_any).ok())
        .flatten()
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
