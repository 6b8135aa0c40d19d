//! One line of the block, and what people write in its place.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Attribute, LitStr, Path, Token, Type, token};

use super::syntax::Setting;
use super::tokens::{here, next, skip, words};
use super::value::{self, Value};
use crate::diagnostics::Errors;
use crate::session_factory::foreign;
use crate::session_factory::range::{self, Range};
use crate::session_factory::settings::{GLOBALS, standard};

/// All lines that can be read; a broken one does not take the others with it.
pub(super) fn settings(input: ParseStream<'_>, end: Span, errors: &mut Errors) -> Vec<Setting> {
    let mut settings = Vec::new();
    while !input.is_empty() {
        let before = input.cursor();
        settings.extend(setting(input, end, errors));
        separator(input, end, errors);
        if input.cursor() == before {
            skip(input);
        }
    }
    settings
}

/// What stands between two lines. After a line that was read only a comma may; the rest of a broken one is no news.
fn separator(input: ParseStream<'_>, end: Span, errors: &mut Errors) {
    if input.peek(Token![;]) {
        let message = "settings are separated by commas; write `,`";
        errors.at(here(input, end), message);
        let _ = input.parse::<TokenTree>();
        return;
    }
    while !input.is_empty() && !input.peek(Token![,]) && !input.peek(Token![;]) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
    if !input.is_empty() {
        let _ = input.parse::<TokenTree>();
    }
}

/// Whether a line has come to its end.
fn ends(input: ParseStream<'_>) -> bool {
    input.is_empty() || input.peek(Token![,]) || input.peek(Token![;])
}

/// A line that is being read.
struct Line<'e> {
    attrs: Vec<Attribute>,
    name: Ident,
    end: Span,
    errors: &'e mut Errors,
}

/// `None` after noting what is wrong.
fn setting(input: ParseStream<'_>, end: Span, errors: &mut Errors) -> Option<Setting> {
    let start = here(input, end);
    let attrs = match input.call(Attribute::parse_outer) {
        Ok(attrs) => attrs,
        Err(error) => {
            let message = "expected an attribute; write `/// What the setting is for.`";
            errors.at(error.span(), message);
            return None;
        }
    };
    if let (Some(attr), true) = (attrs.first(), input.is_empty()) {
        errors.on(
            attr,
            "no setting follows this; write one below it, or remove this",
        );
        return None;
    }
    needless_words(input, errors);
    let name = name(input, start, errors)?;
    Line {
        attrs,
        name,
        end,
        errors,
    }
    .read(input)
}

/// `pub`, `let` and the like.
fn needless_words(input: ParseStream<'_>, errors: &mut Errors) {
    while let Some(TokenTree::Ident(word)) = next(input) {
        let is_word =
            ["pub", "let", "const", "static", "mut", "set"].contains(&word.to_string().as_str());
        let followed = input.peek2(Ident::peek_any) || word == "pub" && input.peek2(token::Paren);
        if !is_word || !followed || input.peek2(Token![in]) {
            return;
        }
        let message = if word == "pub" {
            "a setting has the visibility of its factory; remove `pub`".to_owned()
        } else {
            format!("a setting begins with its name; remove `{word}`")
        };
        errors.on(&word, message);
        let _ = input.parse::<TokenTree>();
        if word == "pub" && input.peek(token::Paren) {
            let _ = input.parse::<TokenTree>();
        }
    }
}

/// The name of a setting.
fn name(input: ParseStream<'_>, start: Span, errors: &mut Errors) -> Option<Ident> {
    if let Ok(name) = input.call(Ident::parse_any) {
        return dashed(input, name, errors);
    }
    if input.peek(Token![.]) && input.peek2(syn::Ident) {
        let _ = input.parse::<TokenTree>();
        let name: Ident = input.parse().ok()?;
        let message = format!(
            "settings are no methods; write `{}`",
            form(&name, &argument(input))
        );
        errors.at(name.span(), message);
        return None;
    }
    if let Ok(text) = input.parse::<LitStr>() {
        let name = text.value();
        let message = match syn::parse_str::<Ident>(&name) {
            Ok(_) => format!("the name of a setting has no quotes; write `{name} = …`"),
            Err(_) => "expected the name of a setting; write `pool_size = 5`".to_owned(),
        };
        errors.on(&text, message);
        return None;
    }
    let message = "expected the name of a setting; write `pool_size = 5`";
    errors.at(here(input, start), message);
    None
}

/// `pool-size` and `pool.size`.
fn dashed(input: ParseStream<'_>, first: Ident, errors: &mut Errors) -> Option<Ident> {
    let mut name = first.unraw().to_string();
    let mut parts = 1;
    while (input.peek(Token![-]) || input.peek(Token![.]) || input.peek(Token![::]))
        && (input.peek2(syn::Ident) || input.peek(Token![::]) && input.peek3(syn::Ident))
    {
        let path = input.peek(Token![::]);
        let _ = input.parse::<TokenTree>();
        if path {
            let _ = input.parse::<TokenTree>();
        }
        name = format!("{name}_{}", input.parse::<Ident>().ok()?);
        parts += 1;
    }
    if parts == 1 {
        return Some(first);
    }
    let message = match foreign::means(&name) {
        Some(advice) => format!("a setting has one word for its name; {advice}"),
        None => format!("a setting has one word for its name; write `{name} = …`"),
    };
    errors.at(first.span(), message);
    None
}

/// `name = value`, with the value that was written.
fn form(name: &Ident, value: &str) -> String {
    let value = if value.is_empty() {
        sample(name)
    } else {
        value.to_owned()
    };
    format!("{name} = {value}")
}

/// What could be written for a setting.
fn sample(name: &Ident) -> String {
    let text = name.unraw().to_string();
    match text.as_str() {
        "prefix" => "\"REPORTS_\"".to_owned(),
        "dotenv" => "true".to_owned(),
        "crate" => "::session_factory".to_owned(),
        _ => format!("env(\"{}\")", key_of(&text)),
    }
}

/// The key that a setting has by default, or would have.
fn key_of(name: &str) -> String {
    standard(name).map_or_else(|| name.to_uppercase(), |standard| standard.key.to_owned())
}

/// What is between the parentheses that come next.
fn argument(input: ParseStream<'_>) -> String {
    match next(input) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => {
            words(&group.stream())
        }
        _ => String::new(),
    }
}

impl Line<'_> {
    fn is_setting(&self) -> bool {
        let name = self.name.unraw().to_string();
        standard(&name).is_some() || GLOBALS.contains(&name.as_str())
    }

    fn done(self, ty: Option<Type>, range: Option<Range>, value: Value) -> Setting {
        Setting {
            attrs: self.attrs,
            name: self.name,
            ty,
            range,
            value,
        }
    }

    /// What follows the name.
    fn read(self, input: ParseStream<'_>) -> Option<Setting> {
        if input.peek(Token![:]) && input.peek2(Token![=]) {
            let written = rest_of_value(2, input);
            return self.wrong(input, &written);
        }
        if input.peek(Token![:]) {
            let _ = input.parse::<TokenTree>();
            return self.after_colon(input);
        }
        self.after_type(input, None, None)
    }

    /// A type, a range, or, by mistake, the value.
    fn after_colon(self, input: ParseStream<'_>) -> Option<Setting> {
        if range::begins(input) {
            let fork = input.fork();
            if let Ok(range) = range::parse(&fork) {
                input.advance_to(&fork);
                return self.after_type(input, None, Some(range));
            }
            if !range::has_limits(input) {
                return self.value_after_colon(input);
            }
            if let Err(error) = range::parse(input) {
                self.errors.push(error);
            }
            return self.inert(None);
        }
        if input.peek(Token![=]) {
            let written = rest_of_value(1, input);
            let (name, ty) = (self.name.clone(), settings_type(&written));
            let message = if self.is_setting() {
                format!("a value follows `=`; write `{}`", form(&name, &written))
            } else {
                format!("the type is missing; write `{name}: {ty} = {written}`")
            };
            self.errors.at(here(input, self.end), message);
            return self.inert(None);
        }
        let fork = input.fork();
        if value::is_source(input) || fork.parse::<Type>().is_err() {
            return self.value_after_colon(input);
        }
        let ty: Type = input.parse().ok()?;
        let is_call = input.peek(token::Paren) || input.peek(Token![!]) || input.peek(Token![.]);
        if is_call {
            return self.value_after_colon_from(&ty.to_token_stream(), input);
        }
        if !input.peek(Token![in]) {
            return self.after_type(input, Some(ty), None);
        }
        let _ = input.parse::<TokenTree>();
        match range::parse(input) {
            Ok(range) => self.after_type(input, Some(ty), Some(range)),
            Err(error) => {
                let span = if input.is_empty() {
                    self.end
                } else {
                    error.span()
                };
                self.errors.at(span, error.to_string());
                self.inert(Some(ty))
            }
        }
    }

    fn value_after_colon(self, input: ParseStream<'_>) -> Option<Setting> {
        self.value_after_colon_from(&TokenStream::new(), input)
    }

    /// `pool_size: 5`: the value stands where a range or a type does.
    fn value_after_colon_from(
        self,
        first: &TokenStream,
        input: ParseStream<'_>,
    ) -> Option<Setting> {
        let span = here(input, self.end);
        let mut tokens = first.clone();
        while !ends(input) {
            match input.parse::<TokenTree>() {
                Ok(token) => tokens.extend([token]),
                Err(_) => break,
            }
        }
        let span = first
            .clone()
            .into_iter()
            .next()
            .map_or(span, |token| token.span());
        let (name, value) = (self.name.clone(), words(&tokens));
        let message = if value.is_empty() {
            let written = if self.is_setting() {
                form(&name, "")
            } else {
                format!(
                    "{name}: u32 = env(\"{}\")",
                    key_of(&name.unraw().to_string())
                )
            };
            format!("nothing follows the colon; write `{written}`")
        } else if self.is_setting() {
            format!("a value follows `=`; write `{name} = {value}`")
        } else if let Some(advice) = foreign::means(&name.unraw().to_string()) {
            format!("a value follows `=`, and there is no setting `{name}`; {advice}")
        } else {
            let ty = foreign::type_of_value(&tokens);
            format!("a value follows `=`, and a type the colon; write `{name}: {ty} = {value}`")
        };
        self.errors.at(span, message);
        if self.is_setting() {
            return self.inert(None);
        }
        None
    }

    /// What follows the name, the type and the range.
    fn after_type(
        mut self,
        input: ParseStream<'_>,
        ty: Option<Type>,
        range: Option<Range>,
    ) -> Option<Setting> {
        if ends(input) {
            if self.is_setting() && (range.is_some() || ty.is_some()) {
                return Some(self.done(ty, range, Value::Standard));
            }
            return self.without_value(ty, range);
        }
        let one = input.peek(Token![=]) && !input.peek(Token![==]) && !input.peek(Token![=>]);
        if !one {
            let written = not_an_equals_sign(input);
            return self.wrong_typed(input, &written, ty);
        }
        let _ = input.parse::<TokenTree>();
        if self.name == "crate" {
            let span = here(input, self.end);
            if let Ok(path) = input.call(Path::parse_mod_style) {
                return Some(self.done(ty, range, Value::Crate(path)));
            }
            let message =
                "expected the path of the runtime crate; write `crate = ::session_factory`";
            self.errors.at(span, message);
            return None;
        }
        let key = key_of(&self.name.unraw().to_string());
        let value = value::value(input, &self.name, &key, self.end, self.errors);
        let Some(value) = value else {
            return self.inert(ty);
        };
        if !ends(input) {
            self.left_over(input);
        }
        Some(self.done(ty, range, value))
    }

    /// More than a value.
    fn left_over(&mut self, input: ParseStream<'_>) {
        let begins = input.peek(Token![#])
            || input.peek(syn::Ident) && (input.peek2(Token![=]) || input.peek2(Token![:]));
        let message = if begins {
            "a comma is missing before this; write `,`"
        } else if input.peek(Token![in]) {
            "a range stands before `=`; write `pool_size: 1..=200 = 5`"
        } else {
            "a setting has one value; write `,` and the next setting, or remove this"
        };
        self.errors.at(here(input, self.end), message);
    }

    fn without_value(self, ty: Option<Type>, range: Option<Range>) -> Option<Setting> {
        let name = &self.name;
        let text = name.unraw().to_string();
        let message = match &ty {
            _ if standard(&text).is_some() => {
                format!(
                    "`{name}` has no value; write `{}`, or remove the line",
                    form(name, "")
                )
            }
            _ if GLOBALS.contains(&text.as_str()) => {
                format!("`{name}` has no value; write `{}`", form(name, ""))
            }
            Some(ty) => {
                let ty = words(&ty.to_token_stream());
                let range = range
                    .as_ref()
                    .map(|range| format!(" in {}", range.source()));
                format!(
                    "`{name}` has no value; write `{name}: {ty}{} = env(\"{}\")`",
                    range.unwrap_or_default(),
                    key_of(&text)
                )
            }
            None => match (foreign::means(&text), range) {
                (Some(advice), _) => format!("there is no setting `{name}`; {advice}"),
                (None, Some(range)) => format!(
                    "`{name}` has neither type nor value; write `{name}: u32 in {} = env(\"{}\")`",
                    range.source(),
                    key_of(&text)
                ),
                (None, None) => foreign::unknown(&text, None, None),
            },
        };
        self.errors.at(self.name.span(), message);
        self.inert(ty)
    }

    fn wrong(self, input: ParseStream<'_>, value: &str) -> Option<Setting> {
        self.wrong_typed(input, value, None)
    }

    fn wrong_typed(self, input: ParseStream<'_>, value: &str, ty: Option<Type>) -> Option<Setting> {
        let name = &self.name;
        let text = name.unraw().to_string();
        let span = here(input, self.end);
        let message = if input.peek(Token![in]) && ty.is_none() {
            let fork = input.fork();
            let _ = fork.parse::<TokenTree>();
            let range =
                range::parse(&fork).map_or_else(|_| "1..=200".to_owned(), |range| range.source());
            if standard(&text).is_some() {
                format!("a range follows a colon; write `{name}: {range}`")
            } else {
                format!("a range follows the type; write `{name}: u32 in {range} = …`")
            }
        } else if input.peek(token::Brace) {
            "settings are not nested; write each on a line of its own: `pool_size = 5,`".to_owned()
        } else if ty.is_some() {
            format!(
                "expected `=` and a value; write `{name}: … = env(\"{}\")`",
                key_of(&text)
            )
        } else if self.is_setting() {
            format!("a value follows `=`; write `{}`", form(name, value))
        } else if let Some(advice) = foreign::means(&text) {
            format!("there is no setting `{name}`; {advice}")
        } else if value.contains(" = ") {
            format!("a type follows a colon; write `{name}: {value}`")
        } else {
            format!("expected a setting; write `{}`", form(name, value))
        };
        self.errors.at(span, message);
        self.inert(ty)
    }

    /// A line whose value cannot be read: it is noted, and the setting is known.
    fn inert(self, ty: Option<Type>) -> Option<Setting> {
        let is_setting = self.is_setting();
        (is_setting || ty.is_some()).then(|| self.done(ty, None, Value::Broken))
    }
}

/// What stands in place of `=`, and behind it: the value that was meant.
fn not_an_equals_sign(input: ParseStream<'_>) -> String {
    if input.peek(token::Paren) {
        return argument(input);
    }
    if input.peek(Token![in]) || input.peek(token::Brace) {
        return String::new();
    }
    let signs = if input.peek(Token![==]) || input.peek(Token![=>]) || input.peek(Token![->]) {
        2
    } else {
        usize::from(input.peek(Token![+]) || input.peek(Token![<]) || input.peek(Token![?]))
    };
    rest_of_value(signs, input)
}

/// The type that a value has, when it is one.
fn settings_type(written: &str) -> &'static str {
    let tokens = written.parse::<TokenStream>();
    tokens.map_or("u32", |tokens| foreign::type_of_value(&tokens))
}

/// The tokens up to the end of the line, but for the first ones, without taking them.
fn rest_of_value(skipped: usize, input: ParseStream<'_>) -> String {
    let fork = input.fork();
    for _ in 0..skipped {
        let _ = fork.parse::<TokenTree>();
    }
    let mut tokens = TokenStream::new();
    while !ends(&fork) {
        match fork.parse::<TokenTree>() {
            Ok(token) => tokens.extend([token]),
            Err(_) => break,
        }
    }
    words(&tokens)
}
