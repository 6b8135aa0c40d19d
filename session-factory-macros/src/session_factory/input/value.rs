//! Where a value comes from, as it is written.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, LitStr, Path, Token};

use super::tokens::{here, next, skip, words};
use crate::diagnostics::{Errors, same_name};
use crate::session_factory::key_name::is_key;

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
    /// It cannot be read, and that is noted.
    Broken,
}

/// A key of the environment.
pub(in super::super) struct Variable {
    /// `env` or `build_env`.
    pub(in super::super) function: Ident,
    pub(in super::super) key: LitStr,
    pub(in super::super) default: Option<Expr>,
}

/// Whether `env` or `build_env` comes next.
pub(super) fn is_source(input: ParseStream<'_>) -> bool {
    matches!(next(input), Some(TokenTree::Ident(word)) if word == "env" || word == "build_env")
        && !input.peek2(Token![::])
}

/// The value of a setting; `None` after noting that there is none. `key` is what an example names.
pub(super) fn value(
    input: ParseStream<'_>,
    name: &Ident,
    key: &str,
    end: Span,
    errors: &mut Errors,
) -> Option<Value> {
    let span = here(input, end);
    if is_source(input) && !input.peek2(Token![!]) {
        let function: Ident = input.fork().parse().ok()?;
        let variable = call(input, key, errors)?;
        if input.peek(Token![.]) || input.peek(Token![?]) {
            let key = variable.key.value();
            let message = if input.peek(Token![?]) {
                format!(
                    "a key without a default is required already; write `{name} = {function}(\"{key}\")`"
                )
            } else {
                format!(
                    "nothing is called on a key; write `{name} = {function}(\"{key}\", default = {})`",
                    argument_of_call(input).unwrap_or_else(|| "…".to_owned())
                )
            };
            errors.at(here(input, end), message);
            rest_of_line(input);
        }
        return Some(if function == "env" {
            Value::Env(variable)
        } else {
            Value::BuildEnv(variable)
        });
    }
    if let Ok(value) = input.parse() {
        return Some(Value::Constant(value));
    }
    let message = format!("expected a value; write `{name} = env(\"{key}\")` or a literal");
    errors.at(span, message);
    None
}

/// `5` in `.unwrap_or(5)`.
fn argument_of_call(input: ParseStream<'_>) -> Option<String> {
    let fork = input.fork();
    let _ = (fork.parse::<TokenTree>(), fork.parse::<TokenTree>());
    match next(&fork)? {
        TokenTree::Group(group) if !group.stream().is_empty() => Some(words(&group.stream())),
        _ => None,
    }
}

fn rest_of_line(input: ParseStream<'_>) {
    while !(input.is_empty() || input.peek(Token![,])) {
        let _ = input.parse::<TokenTree>();
    }
}

/// `env(…)` or `build_env(…)`; `None` after noting that no key can be read.
pub(super) fn call(input: ParseStream<'_>, key: &str, errors: &mut Errors) -> Option<Variable> {
    let function: Ident = input.parse().ok()?;
    if let Some(TokenTree::Group(group)) = next(input)
        && group.delimiter() == Delimiter::Parenthesis
    {
        let _ = input.parse::<TokenTree>();
        let mut arguments = Arguments {
            function: &function,
            example: key,
            close: group.span_close(),
            errors,
        };
        if group.stream().is_empty() {
            let message = format!("the key is missing; write `{function}(\"{key}\")`");
            arguments.errors.at(group.span(), message);
            return None;
        }
        let mut read = None;
        let parser = |input: ParseStream<'_>| {
            read = arguments.read(input);
            skip(input);
            Ok(())
        };
        let _ = parser.parse2(group.stream());
        let (key, default) = read?;
        return Some(Variable {
            function,
            key,
            default,
        });
    }
    let written = match next(input) {
        Some(TokenTree::Literal(literal)) if literal.to_string().starts_with('"') => {
            literal.to_string()
        }
        Some(TokenTree::Group(group)) => words(&group.stream()),
        _ => format!("\"{key}\""),
    };
    let message = format!("the key stands in parentheses; write `{function}({written})`");
    errors.at(function.span(), message);
    rest_of_line(input);
    None
}

/// What is between the parentheses.
struct Arguments<'a> {
    function: &'a Ident,
    /// A key for examples.
    example: &'a str,
    close: Span,
    errors: &'a mut Errors,
}

impl Arguments<'_> {
    fn read(&mut self, input: ParseStream<'_>) -> Option<(LitStr, Option<Expr>)> {
        let key = self.key(input)?;
        let span = here(input, self.close);
        if !input.is_empty() && input.parse::<Token![,]>().is_err() {
            let message = format!(
                "expected a comma and a default; write `{}(\"{}\", default = …)`",
                self.function,
                key.value()
            );
            self.errors.at(span, message);
            return Some((key, None));
        }
        let mut default = None;
        if !input.is_empty() {
            default = self.default(input, &key.value());
            let _ = input.parse::<Option<Token![,]>>();
        }
        if let Ok(word) = input.call(Ident::parse_any) {
            let message = self.not_a_default(input, &word, &key.value());
            self.errors.on(&word, message);
        } else if !input.is_empty() {
            let message = "nothing follows the default; remove this";
            self.errors.at(here(input, self.close), message);
        }
        Some((key, default))
    }

    fn key(&mut self, input: ParseStream<'_>) -> Option<LitStr> {
        let function = self.function;
        let span = here(input, self.close);
        if let Ok(key) = input.parse::<LitStr>() {
            return Some(key);
        }
        let message = match next(input) {
            Some(TokenTree::Ident(word))
                if is_key(&word.to_string()) && !input.peek2(Token![!]) =>
            {
                let named = ["key", "name", "var", "default"]
                    .iter()
                    .any(|name| word == *name);
                let word = if named && input.peek2(Token![=]) {
                    self.example.to_owned()
                } else {
                    word.to_string()
                };
                format!("the key stands in quotes; write `{function}(\"{word}\")`")
            }
            _ => format!(
                "the key is written out, as a text in quotes; write `{function}(\"{}\")`",
                self.example
            ),
        };
        self.errors.at(span, message);
        None
    }

    /// `default = …`; `None` after noting what is wrong.
    fn default(&mut self, input: ParseStream<'_>, key: &str) -> Option<Expr> {
        let function = self.function;
        let span = here(input, self.close);
        let Ok(word) = input.call(Ident::parse_any) else {
            let value = first_of(&input.fork().parse().unwrap_or_default());
            let message =
                format!("a default is named; write `{function}(\"{key}\", default = {value})`");
            self.errors.at(span, message);
            skip(input);
            return None;
        };
        if word == "default" && input.peek(Token![=]) && !input.peek(Token![==]) {
            let _ = input.parse::<TokenTree>();
            let span = here(input, word.span());
            if let Ok(value) = input.parse() {
                return Some(value);
            }
            let message =
                format!("the default is missing; write `{function}(\"{key}\", default = 5)`");
            self.errors.at(span, message);
        } else {
            let message = self.not_a_default(input, &word, key);
            self.errors.on(&word, message);
        }
        skip(input);
        None
    }

    fn not_a_default(&self, input: ParseStream<'_>, word: &Ident, key: &str) -> String {
        let function = self.function;
        let mut value: TokenStream = input.fork().parse().unwrap_or_default();
        if let Some(TokenTree::Group(group)) = next(input) {
            value = group.stream();
        }
        let value = first_of(&value);
        let value = value.trim_start_matches(['=', ':', '>']).trim();
        let text = word.to_string();
        if ["min", "max", "range", "between", "in"].contains(&text.as_str()) {
            return "the values that are allowed stand before `=`; write `pool_size: 1..=200 = …`"
                .to_owned();
        }
        if ["optional", "nullable"].contains(&text.as_str()) {
            return "a key of your own is optional when its type is an `Option<…>`; remove this"
                .to_owned();
        }
        if ["required", "mandatory"].contains(&text.as_str()) {
            return "a key without a default is required already; remove this".to_owned();
        }
        if ["secret", "sensitive"].contains(&text.as_str()) {
            return "the type says that a key of your own is secret; write `SecretString`, and remove this"
                .to_owned();
        }
        let is_default = same_name(&text, "default")
            || [
                "defaults",
                "or",
                "fallback",
                "otherwise",
                "value",
                "else",
                "unwrap_or",
                "default_value",
            ]
            .contains(&text.as_str());
        if text == "default" && !value.is_empty() && input.peek(Token![=]) {
            return "a key has one default; remove this one".to_owned();
        }
        if is_default && !value.is_empty() {
            return format!(
                "a default follows `default =`; write `{function}(\"{key}\", default = {value})`"
            );
        }
        if is_default {
            return format!("the default is missing; write `{function}(\"{key}\", default = 5)`");
        }
        if value.is_empty() {
            return format!("a default is named; write `{function}(\"{key}\", default = {text})`");
        }
        format!("a key has nothing but a default; write `{function}(\"{key}\", default = …)`")
    }
}

/// The tokens up to a comma.
fn first_of(tokens: &TokenStream) -> String {
    let is_comma =
        |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
    words(
        &tokens
            .clone()
            .into_iter()
            .take_while(|token| !is_comma(token))
            .collect(),
    )
}
