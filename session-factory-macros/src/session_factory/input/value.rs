//! Parses the origin of a value: `env(…)`, `build_env(…)` or a constant.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, LitStr, Path, Token};

use super::tokens::{here, next, skip, words};
use crate::diagnostics::{Errors, same_name};
use crate::session_factory::key_name::is_key;
use crate::session_factory::meant::{Line, is_screaming};
use crate::session_factory::range;
use crate::session_factory::settings::{Kind, standard};

/// The origin of a value.
pub(in super::super) enum Value {
    /// `env("KEY")` or `env("KEY", default = …)`.
    Env(Variable),
    /// `build_env("KEY")` or `build_env("KEY", default = …)`.
    BuildEnv(Variable),
    /// A constant in the macro's input.
    Constant(Expr),
    /// `crate = ::path`.
    Crate(Path),
    /// No value is written: the setting's default applies.
    Standard,
    /// It is unreadable; the error is reported.
    Broken,
}

impl Value {
    /// The value as the user wrote it; `None` if a setting cannot have this value.
    pub(in super::super) fn source(&self) -> Option<String> {
        match self {
            Self::Env(variable) | Self::BuildEnv(variable) => Some(variable.source()),
            Self::Constant(value) => Some(words(&value.to_token_stream())),
            Self::Crate(_) | Self::Standard | Self::Broken => None,
        }
    }
}

/// A key, with its function and its default.
pub(in super::super) struct Variable {
    /// `env` or `build_env`.
    pub(in super::super) function: Ident,
    pub(in super::super) key: LitStr,
    pub(in super::super) default: Option<Expr>,
}

impl Variable {
    /// The call as the user wrote it.
    fn source(&self) -> String {
        let (function, key) = (&self.function, self.key.value());
        match &self.default {
            Some(default) => {
                let default = words(&default.to_token_stream());
                format!("{function}(\"{key}\", default = {default})")
            }
            None => format!("{function}(\"{key}\")"),
        }
    }
}

/// True if `env` or `build_env` comes next.
pub(super) fn is_source(input: ParseStream<'_>) -> bool {
    matches!(next(input), Some(TokenTree::Ident(word)) if word == "env" || word == "build_env")
        && !input.peek2(Token![::])
}

/// Parses a setting's value. Returns `None` after reporting that no value follows. Messages use
/// `line` for their examples.
pub(super) fn value(
    input: ParseStream<'_>,
    line: &Line<'_>,
    end: Span,
    errors: &mut Errors,
) -> Option<Value> {
    let span = here(input, end);
    if is_source(input) && !input.peek2(Token![!]) {
        let function: Ident = input.fork().parse().ok()?;
        let variable = call(input, line, errors)?;
        if input.peek(Token![.]) || input.peek(Token![?]) {
            errors.at(here(input, end), behind_a_key(input, line, &variable));
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
    let message = format!("expected a value; write `{}` or a literal", line.reads());
    errors.at(span, message);
    None
}

/// The message for `env("KEY").unwrap_or(5)`, `env("KEY").parse()` and `env("KEY")?`.
fn behind_a_key(input: ParseStream<'_>, line: &Line<'_>, variable: &Variable) -> String {
    const DEFAULTS: [&str; 8] = [
        "unwrap_or",
        "unwrap_or_else",
        "or",
        "or_else",
        "default",
        "with_default",
        "or_default",
        "map_or",
    ];
    let fork = input.fork();
    let mut default = None;
    let mut last = String::new();
    while !(fork.is_empty() || fork.peek(Token![,])) {
        match fork.parse::<TokenTree>() {
            Ok(TokenTree::Ident(word)) => last = word.to_string(),
            Ok(TokenTree::Group(group)) if DEFAULTS.contains(&last.as_str()) => {
                default = Some(first_of(&group.stream()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    let default = default.map(|default| default.trim_start_matches("||").trim().to_owned());
    let (function, key) = (&variable.function, variable.key.value());
    match default.filter(|default| !default.is_empty()) {
        Some(other) if other.contains("env(") => two_keys(line, function, &key, &other),
        Some(_) if line.is_secret() => no_default(line, function, &key),
        Some(default) => format!(
            "nothing is called on a key; write `{}`",
            line.is(&format!("{function}(\"{key}\", default = {default})"))
        ),
        None if last.contains("default") => format!(
            "nothing is called on a key; write `{}`",
            line.is(&format!("{function}(\"{key}\", default = …)"))
        ),
        None if last == "ok" && line.ty.is_some() => {
            "nothing is called on a key; one that may be missing has an `Option<…>` as its type; remove this"
                .to_owned()
        }
        None => format!(
            "nothing is called on a key, which is read as the type says; write `{}`",
            line.is(&variable.source())
        ),
    }
}

/// The message for a second key after the first one.
fn two_keys(line: &Line<'_>, function: &Ident, key: &str, other: &str) -> String {
    let other = other.split('"').nth(1).unwrap_or(other);
    format!(
        "a setting reads one key; write `{}` or `{}`",
        line.is(&format!("{function}(\"{key}\")")),
        line.is(&format!("{function}(\"{other}\")"))
    )
}

fn no_default(line: &Line<'_>, function: &Ident, key: &str) -> String {
    let read = line.is(&format!("{function}(\"{key}\")"));
    format!("a secret has no default; write `{read}`")
}

/// Recognizes a default that people write after a key: `or 5`, `|| 5`, `?? 5`. `None` if something
/// else follows.
pub(super) fn default_behind(
    input: ParseStream<'_>,
    line: &Line<'_>,
    variable: &Variable,
) -> Option<String> {
    let words_before = ["or", "else", "otherwise", "default", "unwrap_or"];
    let is_before = |token: &TokenTree| match token {
        TokenTree::Ident(word) => words_before.iter().any(|before| word == before),
        TokenTree::Punct(punct) => matches!(punct.as_char(), '|' | '?' | ':' | '='),
        _ => false,
    };
    let rest: TokenStream = input.fork().parse().ok()?;
    let mut rest = rest.into_iter().peekable();
    rest.peek().filter(|token| is_before(token))?;
    while rest.next_if(is_before).is_some() {}
    let default = first_of(&rest.collect());
    let default = default.trim_matches(['(', ')']);
    let (function, key) = (&variable.function, variable.key.value());
    if default.contains("env(") || default.contains("env (") {
        return Some(two_keys(line, function, &key, default));
    }
    if line.is_secret() {
        return Some(no_default(line, function, &key));
    }
    (!default.is_empty() && variable.default.is_none()).then(|| {
        format!(
            "a default stands in the parentheses; write `{}`",
            line.is(&format!("{function}(\"{key}\", default = {default})"))
        )
    })
}

fn rest_of_line(input: ParseStream<'_>) {
    while !(input.is_empty() || input.peek(Token![,])) {
        let _ = input.parse::<TokenTree>();
    }
}

/// Parses `env(…)` or `build_env(…)`. `None` after reporting that no key is readable.
pub(super) fn call(
    input: ParseStream<'_>,
    line: &Line<'_>,
    errors: &mut Errors,
) -> Option<Variable> {
    let key = line.key.as_str();
    let function: Ident = input.parse().ok()?;
    if let Some(TokenTree::Group(group)) = next(input)
        && group.delimiter() == Delimiter::Parenthesis
    {
        let _ = input.parse::<TokenTree>();
        let mut arguments = Arguments {
            function: &function,
            line,
            example: key,
            written: group.stream(),
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
        _ => format!(
            "\"{}\"",
            key_behind(input).unwrap_or_else(|| key.to_owned())
        ),
    };
    let message = format!("the key stands in parentheses; write `{function}({written})`");
    errors.at(function.span(), message);
    rest_of_line(input);
    None
}

/// The key in `env: "KEY"`, `env = "KEY"` or `env.KEY`.
fn key_behind(input: ParseStream<'_>) -> Option<String> {
    let fork = input.fork();
    while let Some(TokenTree::Punct(punct)) = next(&fork)
        && punct.as_char() != ','
    {
        let _ = fork.parse::<TokenTree>();
    }
    let text = next(&fork)?.to_string();
    let key = text.trim_matches('"');
    is_key(key).then(|| key.to_owned())
}

/// The content of the parentheses, while the parser reads it.
struct Arguments<'a> {
    function: &'a Ident,
    line: &'a Line<'a>,
    /// A key for examples in messages.
    example: &'a str,
    /// The whole content.
    written: TokenStream,
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
        let tokens: TokenStream = input.fork().parse().unwrap_or_default();
        let is_named = input.peek(syn::Ident) && input.peek2(Token![=]);
        let keys = texts(&tokens);
        let message = match (next(input), keys.as_slice()) {
            (Some(TokenTree::Ident(_)), keys) if is_named => {
                let key = keys.first().map_or(self.example, String::as_str);
                let default = words(&tokens)
                    .split_once("default = ")
                    .map(|(_, default)| first_of(&default.parse().unwrap_or_default()))
                    .map_or_else(String::new, |default| format!(", default = {default}"));
                format!(
                    "the key comes first, without a name; write `{function}(\"{key}\"{default})`"
                )
            }
            (Some(TokenTree::Ident(word)), _)
                if is_key(&word.to_string()) && !input.peek2(Token![!]) =>
            {
                format!("the key stands in quotes; write `{function}(\"{word}\")`")
            }
            (Some(TokenTree::Group(_)), [first, second, ..]) => {
                two_keys(self.line, function, first, second)
            }
            _ => format!(
                "the key is written out, as a text in quotes; write `{function}(\"{}\")`",
                self.example
            ),
        };
        self.errors.at(span, message);
        None
    }

    /// Parses `default = …`. `None` after reporting what is wrong.
    fn default(&mut self, input: ParseStream<'_>, key: &str) -> Option<Expr> {
        let function = self.function;
        let span = here(input, self.close);
        let Ok(word) = input.call(Ident::parse_any) else {
            let value = first_of(&input.fork().parse().unwrap_or_default());
            let message = if input.peek(LitStr) && is_screaming(value.trim_matches('"')) {
                let fork = input.fork();
                let _ = (fork.parse::<LitStr>(), fork.parse::<Token![,]>());
                let default: TokenStream = fork.parse().unwrap_or_default();
                let default = if default.is_empty() {
                    String::new()
                } else {
                    format!(", {}", words(&default))
                };
                format!(
                    "a setting reads one key; write `{}` or `{}`",
                    self.line.is(&format!("{function}(\"{key}\"{default})")),
                    self.line.is(&format!("{function}({value}{default})"))
                )
            } else if self.line.is_secret() {
                no_default(self.line, function, key)
            } else {
                format!("a default is named; write `{function}(\"{key}\", default = {value})`")
            };
            self.errors.at(span, message);
            skip(input);
            return None;
        };
        let is_one = input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]);
        if word == "default" && is_one {
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
        if RANGES.contains(&text.as_str()) {
            return format!(
                "the values that are allowed stand before `=`; write `{}`",
                self.with_its_range(key)
            );
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
        let is_one = input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]);
        if text == "default" && !value.is_empty() && is_one {
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

/// Names of a range or of its bounds that people write after a key.
const RANGES: [&str; 5] = ["min", "max", "range", "between", "in"];

impl Arguments<'_> {
    /// The line with the range in its right place: `retries: u32 in 0..=10 = env("RETRIES", default
    /// = 3)`.
    fn with_its_range(&self, key: &str) -> String {
        let part = |name: &str| {
            let mut rest = self
                .written
                .clone()
                .into_iter()
                .skip_while(|token| !matches!(token, TokenTree::Ident(word) if word == name));
            rest.next()?;
            let rest: Vec<_> = rest.collect();
            let value = match rest.first()? {
                TokenTree::Group(group) => group.stream(),
                _ => rest.into_iter().skip(1).collect(),
            };
            Some(first_of(&value)).filter(|value| !value.is_empty())
        };
        let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let is_a_size =
            standard(self.line.name).is_some_and(|standard| standard.kind == Kind::Size);
        let (min, max) = (part("min"), part("max"));
        let whole = ["range", "between", "in"].into_iter().find_map(part);
        let range = match (min, max) {
            (Some(min), Some(max)) => format!("{min}..={max}"),
            (Some(min), None) => format!("{min}.."),
            (None, Some(max)) if is_whole(&max) && is_a_size => {
                format!("1..={max}")
            }
            (None, Some(max)) if is_whole(&max) => format!("0..={max}"),
            (None, Some(max)) => format!("..={max}"),
            (None, None) => whole
                .and_then(|range| Parser::parse_str(range::parse, &range).ok())
                .map_or_else(|| "1..=200".to_owned(), |range| range.source()),
        };
        let default =
            part("default").map_or_else(String::new, |value| format!(", default = {value}"));
        let value = format!("{}(\"{key}\"{default})", self.function);
        self.line.with_range(&range, &value)
    }
}

/// The string literals among the tokens, without their quotes.
fn texts(tokens: &TokenStream) -> Vec<String> {
    tokens
        .clone()
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Group(group) => texts(&group.stream()),
            token => syn::parse2::<LitStr>(token.into())
                .map(|text| text.value())
                .into_iter()
                .filter(|text| is_key(text))
                .collect(),
        })
        .collect()
}

/// The tokens before the first comma.
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
