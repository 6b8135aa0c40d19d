//! Parses one line of the block, and recognizes what people write instead.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::parse::discouraged::Speculative;
use syn::{Attribute, LitStr, Path, Token, Type, token};

use super::attribute::{gives_a_value, meant_line};
use super::syntax::Setting;
use super::tokens::{ends, here, next, rest_of_value, skip, words};
use super::value::{self, Value};
use crate::diagnostics::Errors;
use crate::session_factory::foreign;
use crate::session_factory::literals::literal;
use crate::session_factory::meant::{
    Line as Written, declaration, is_screaming, meant, named_key, quoted,
};
use crate::session_factory::range::{self, Range};
use crate::session_factory::settings::{GLOBALS, STANDARD, Standard, key_of, standard};

/// Parses all readable lines; a broken line does not affect the others.
pub(super) fn settings(input: ParseStream<'_>, end: Span, errors: &mut Errors) -> Vec<Setting> {
    let mut settings = Vec::new();
    // A semicolon after every line is one mistake, reported once.
    let mut has_semicolon = false;
    while !input.is_empty() {
        let before = input.cursor();
        settings.extend(setting(input, end, errors));
        if input.peek(Token![;]) && !has_semicolon {
            has_semicolon = true;
            let message = "settings are separated by commas; write `,`";
            errors.at(here(input, end), message);
        }
        separator(input);
        if input.cursor() == before {
            skip(input);
        }
    }
    settings
}

/// Skips to the next line, without reporting: a broken line has its error already.
fn separator(input: ParseStream<'_>) {
    while !ends(input) {
        if input.parse::<TokenTree>().is_err() {
            return;
        }
    }
    if !input.is_empty() {
        let _ = input.parse::<TokenTree>();
    }
}

/// A line while the parser reads it.
struct Line<'e> {
    attrs: Vec<Attribute>,
    name: Ident,
    end: Span,
    errors: &'e mut Errors,
}

/// Parses one setting. `None` after reporting what is wrong.
fn setting(input: ParseStream<'_>, end: Span, errors: &mut Errors) -> Option<Setting> {
    let start = here(input, end);
    let Ok(attrs) = input.call(Attribute::parse_outer) else {
        // A `#` ends the block. This error replaces the parser's own, which would cover the whole macro.
        let message = "expected an attribute; write `/// What the setting is for.`";
        errors.at(start, message);
        return None;
    };
    if let (Some(attr), true) = (attrs.first(), input.is_empty()) {
        errors.on(
            attr,
            "no setting follows this; write one below it, or `//` for a comment",
        );
        return None;
    }
    if input.peek(Token![pub]) && input.peek2(Token![struct]) || is_item(input) {
        let message = "only settings stand here; move this out of `session_factory!`";
        errors.at(here(input, end), message);
        while !(ends(input) || input.peek(token::Brace)) {
            let _ = input.parse::<TokenTree>();
        }
        let _ = input.parse::<TokenTree>();
        return None;
    }
    if input.peek(syn::Ident) && input.peek2(Token![!]) && !input.peek2(Token![!=]) {
        let message = "a macro does not stand here; write the settings out, as in `pool_size = 5`";
        errors.at(here(input, end), message);
        return None;
    }
    needless_words(input, errors);
    let name = name(input, start, errors)?;
    let (values, attrs): (Vec<_>, Vec<_>) = attrs.into_iter().partition(gives_a_value);
    if let Some(attr) = values.first() {
        let right = meant_line(attr, &name, &input.fork());
        let message = format!("a key stands behind `=`, and not in an attribute; write `{right}`");
        errors.on(attr, message);
        // Further errors in the line would only follow from this one, so they are discarded.
        let errors = &mut Errors::default();
        let setting = Line {
            attrs,
            name,
            end,
            errors,
        }
        .read(input);
        return setting.map(|setting| Setting {
            ty: setting
                .ty
                .filter(|_| standard(&setting.name.unraw().to_string()).is_none()),
            value: Value::Broken,
            ..setting
        });
    }
    Line {
        attrs,
        name,
        end,
        errors,
    }
    .read(input)
}

/// Reports and skips `pub`, `let` and similar words.
fn needless_words(input: ParseStream<'_>, errors: &mut Errors) {
    while let Some(TokenTree::Ident(word)) = next(input) {
        let is_word =
            ["pub", "let", "const", "static", "mut", "set"].contains(&word.to_string().as_str());
        let followed = input.peek2(Ident::peek_any) || word == "pub" && input.peek2(token::Paren);
        if !is_word || !followed || input.peek2(Token![in]) {
            return;
        }
        if word == "pub" && is_field(input) {
            let _ = input.parse::<syn::Visibility>();
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

/// True for `pub pool_size: u32`, as in an ordinary struct. The error at the type says what to write.
fn is_field(input: ParseStream<'_>) -> bool {
    let fork = input.fork();
    let is_setting = fork.parse::<syn::Visibility>().is_ok()
        && fork
            .call(Ident::parse_any)
            .is_ok_and(|name| standard(&name.unraw().to_string()).is_some());
    is_setting && fork.parse::<Token![:]>().is_ok() && fork.parse::<Type>().is_ok() && ends(&fork)
}

/// True if an item begins, such as `struct Inner { … }`, and not a setting.
fn is_item(input: ParseStream<'_>) -> bool {
    let words = [
        "struct", "enum", "fn", "impl", "use", "mod", "type", "trait", "async", "union", "extern",
    ];
    matches!(next(input), Some(TokenTree::Ident(word)) if words.iter().any(|item| word == item))
        && (input.peek2(Ident::peek_any) || input.peek2(Token![<]))
}

/// Parses a setting's name.
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
        let written = not_an_equals_sign(input);
        let message = match syn::parse_str::<Ident>(&text.value()) {
            Ok(name) => format!(
                "the name of a setting has no quotes; {}",
                advice(&name, &written)
            ),
            Err(_) => "expected the name of a setting; write `pool_size = 5`".to_owned(),
        };
        errors.on(&text, message);
        return None;
    }
    let message = match next(input) {
        Some(TokenTree::Punct(punct)) if punct.as_char() == ',' => {
            "no setting stands before this comma; remove it"
        }
        Some(TokenTree::Punct(punct)) if punct.as_char() == '.' => {
            "a setting that is not written has its default; remove this"
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            "settings have no sections; remove this, and write `pool_size = 5`"
        }
        _ => "expected the name of a setting; write `pool_size = 5`",
    };
    errors.at(here(input, start), message);
    None
}

/// Reports `pool-size` and `pool.size`, and reads them as `pool_size`.
fn dashed(input: ParseStream<'_>, first: Ident, errors: &mut Errors) -> Option<Ident> {
    let mut name = first.unraw().to_string();
    let mut parts = 1;
    let mut last = String::new();
    while (input.peek(Token![-]) || input.peek(Token![.]) || input.peek(Token![::]))
        && (input.peek2(syn::Ident) || input.peek(Token![::]) && input.peek3(syn::Ident))
    {
        let path = input.peek(Token![::]);
        let _ = input.parse::<TokenTree>();
        if path {
            let _ = input.parse::<TokenTree>();
        }
        last = input.parse::<Ident>().ok()?.unraw().to_string();
        name = format!("{name}_{last}");
        parts += 1;
    }
    if parts == 1 {
        return Some(first);
    }
    let written = not_an_equals_sign(input);
    // `self.pool_size`
    if standard(&name).is_none() && standard(&last).is_some() {
        name = last;
    }
    let name = Ident::new(&name, first.span());
    let message = format!(
        "a setting has one word for its name; {}",
        advice(&name, &written)
    );
    errors.at(first.span(), message);
    None
}

/// The advice for a line with this name, whether it names a setting or an application's key.
fn advice(name: &Ident, written: &str) -> String {
    let text = name.unraw().to_string();
    if standard(&text).is_some() || GLOBALS.contains(&text.as_str()) {
        return format!("write `{}`", form(name, written));
    }
    let tokens: TokenStream = written.parse().unwrap_or_default();
    foreign::means(&text, Some(&tokens).filter(|tokens| !tokens.is_empty())).unwrap_or_else(|| {
        let value = if written.is_empty() {
            format!("env(\"{}\")", key_of(&text))
        } else {
            written.to_owned()
        };
        format!("write `{name}: {} = {value}`", settings_type(&value))
    })
}

/// Formats `name = value`, with the value that the user meant.
fn form(name: &Ident, value: &str) -> String {
    let meant = match standard(&name.unraw().to_string()) {
        Some(standard) => suitable(standard, value),
        None => Some(value.to_owned()).filter(|value| !value.is_empty()),
    };
    format!("{name} = {}", meant.unwrap_or_else(|| sample(name)))
}

/// The value in the form that the setting accepts.
fn suitable(standard: &Standard, written: &str) -> Option<String> {
    let tokens: TokenStream = written.parse().ok()?;
    if written.starts_with("env(") || written.starts_with("build_env(") {
        return Some(written.to_owned());
    }
    let expr = syn::parse2(tokens.clone()).ok()?;
    meant(standard.kind, &expr).or_else(|| {
        let (key, is_built) = named_key(&tokens)?;
        let function = if is_built && !standard.kind.is_secret() {
            "build_env"
        } else {
            "env"
        };
        Some(format!("{function}(\"{key}\")"))
    })
}

/// An example value for a setting.
fn sample(name: &Ident) -> String {
    let text = name.unraw().to_string();
    match text.as_str() {
        "prefix" => "\"REPORTS_\"".to_owned(),
        "dotenv" => "true".to_owned(),
        "crate" => "::session_factory".to_owned(),
        _ => format!("env(\"{}\")", key_of(&text)),
    }
}

/// The content of the parentheses that come next.
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

    /// Parses what follows the name.
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

    /// Parses what follows a colon: a type, a range or, by mistake, the value.
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
        let is_constant = self.is_setting() && is_screaming(&words(&ty.to_token_stream()));
        let is_call = is_constant
            || input.peek(token::Paren)
            || input.peek(Token![!])
            || input.peek(Token![.]);
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

    /// Handles `pool_size: 5`: the value is in the place of a range or a type.
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
        } else if self.is_setting() && is_screaming(&value) {
            format!(
                "a value follows `=`, and a constant of Rust cannot stand there; write its value, as in `{}`, or `{}`, which is \
                 read at start-up",
                form(&name, "5"),
                form(&name, &value)
            )
        } else if let Some((range, value)) = bracketed_range(&tokens).filter(|_| self.is_setting())
        {
            let written = match value.as_str() {
                "" => format!("{name}: {}", range.source()),
                value => declaration(&name.to_string(), None, Some(&range), value),
            };
            format!("a range has nothing around it; write `{written}`")
        } else if self.is_setting()
            && tokens
                .clone()
                .into_iter()
                .any(|token| is_equals_sign(&token))
        {
            range::FORM.to_owned()
        } else if self.is_setting() {
            format!("a value follows `=`; write `{}`", form(&name, &value))
        } else if unclosed(&tokens) {
            "the type has no end; write `>` behind it".to_owned()
        } else if let Some(advice) = foreign::means(&name.unraw().to_string(), Some(&tokens)) {
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

    /// Parses what follows the name, the type and the range.
    fn after_type(
        self,
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
        let name = self.name.unraw().to_string();
        if input.peek(token::Brace) && input.fork().parse::<syn::Expr>().is_err() {
            let message = not_nested(&name, input);
            self.errors.at(here(input, self.end), message);
            return self.inert(ty);
        }
        if range.is_none() && range::begins(input) && range::has_limits(input) {
            return self.range_as_a_value(input, ty);
        }
        let line = Written::of(&name, ty.as_ref(), range.as_ref(), None, key_of(&name));
        let value = value::value(input, &line, self.end, self.errors);
        let Some(value) = value else {
            return self.inert(ty);
        };
        if let Some(message) = type_behind(input, &line, &value) {
            self.errors.at(here(input, self.end), message);
            return self.inert(ty);
        }
        if !ends(input) {
            let message = left_over(input, &line, &value);
            self.errors.at(here(input, self.end), message);
        }
        Some(self.done(ty, range, value))
    }

    /// Handles `pool_size = 1..=10 = 5`.
    fn range_as_a_value(self, input: ParseStream<'_>, ty: Option<Type>) -> Option<Setting> {
        let span = here(input, self.end);
        let name = self.name.unraw().to_string();
        let message = match range::parse(input) {
            Ok(range) => {
                let value = not_an_equals_sign(input);
                let written = ty.as_ref().map(|ty| words(&ty.to_token_stream()));
                let is_setting = standard(&name).is_some();
                let ty = written.as_deref().or((!is_setting).then_some("u32"));
                let right = match value.as_str() {
                    "" if is_setting => format!("{name}: {}", range.source()),
                    "" => declaration(&name, ty, Some(&range), &sample(&self.name)),
                    value => declaration(&name, ty, Some(&range), value),
                };
                format!("a range stands before `=`; write `{right}`")
            }
            Err(error) => error.to_string(),
        };
        self.errors.at(span, message);
        self.inert(ty)
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
            Some(ty) if foreign::means(&text, None).is_some() => {
                let advice = foreign::means(&text, None).unwrap_or_default();
                let own = foreign::of_ones_own(name, ty);
                format!("there is no setting `{name}`; {advice}{own}")
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
            None => match (foreign::means(&text, None), range) {
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
        if let Some(right) = self.range_behind_the_type(input, ty.as_ref()) {
            let place = if self.is_setting() {
                "a colon"
            } else {
                "the type and `in`"
            };
            let message = format!("a range follows {place}; write `{right}`");
            self.errors.at(span, message);
            // A type on a setting would be reported as a second error, so it is removed.
            let ty = ty.filter(|_| !self.is_setting());
            return self.inert(ty);
        }
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
            not_nested(&text, input)
        } else if let Some(ty) = &ty {
            let ty = words(&ty.to_token_stream());
            let is_optional = input.peek(Token![?]);
            let ty = if is_optional {
                format!("Option<{ty}>")
            } else {
                ty
            };
            let value = value.split_once("= ").map_or(value, |(_, value)| value);
            let value = if value.is_empty() || syn::parse_str::<syn::Expr>(value).is_err() {
                format!("env(\"{}\")", key_of(&text))
            } else {
                value.to_owned()
            };
            format!("expected `=` and a value; write `{name}: {ty} = {value}`")
        } else if text == "env" || text == "build_env" {
            let key = argument(input);
            let key = key.trim_matches('"');
            let setting = STANDARD.iter().find(|standard| standard.key == key);
            let head = setting.map_or_else(
                || format!("{}: String", key.to_lowercase()),
                |standard| standard.name.to_owned(),
            );
            format!("a setting begins with its name; write `{head} = {text}(\"{key}\")`")
        } else if self.is_setting() {
            format!("a value follows `=`; write `{}`", form(name, value))
        } else if let Some(advice) = foreign::means(&text, value.parse().ok().as_ref()) {
            format!("there is no setting `{name}`; {advice}")
        } else if value.contains(" = ") {
            format!("a type follows a colon; write `{name}: {value}`")
        } else {
            format!("expected a setting; write `{}`", form(name, value))
        };
        self.errors.at(span, message);
        self.inert(ty)
    }

    /// The correct line for `retries: u32 0..=10 = 3` and `retries: u32: 0..=10 = 3`.
    fn range_behind_the_type(&self, input: ParseStream<'_>, ty: Option<&Type>) -> Option<String> {
        let ty = words(&ty?.to_token_stream());
        let fork = input.fork();
        if !range::begins(&fork) {
            let _ = fork.parse::<TokenTree>();
        }
        let range = range::parse(&fork).ok()?;
        let equals = fork.parse::<Option<Token![=]>>().ok()?;
        let written = rest_of_value(0, &fork);
        let value = match equals {
            Some(_) if !written.is_empty() => written,
            _ => sample(&self.name),
        };
        let ty = Some(ty).filter(|_| !self.is_setting());
        let name = self.name.unraw().to_string();
        Some(declaration(&name, ty.as_deref(), Some(&range), &value))
    }

    /// Returns a line whose value is unreadable and reported. The setting still counts as declared.
    fn inert(self, ty: Option<Type>) -> Option<Setting> {
        let is_setting = self.is_setting();
        (is_setting || ty.is_some()).then(|| self.done(ty, None, Value::Broken))
    }
}

/// Handles a type after the value: `env("KEY"): u32` and `env("KEY") as u32`.
fn type_behind(input: ParseStream<'_>, line: &Written<'_>, value: &Value) -> Option<String> {
    let fork = input.fork();
    let is_behind = input.peek(Token![:]) || input.peek(Token![as]);
    let _ = fork.parse::<TokenTree>();
    let ty: Type = is_behind.then(|| fork.parse().ok()).flatten()?;
    let ty = words(&ty.to_token_stream());
    let value = value.source()?;
    Some(if standard(line.name).is_some() {
        format!(
            "a setting has its type already; write `{}`",
            line.is(&value)
        )
    } else {
        format!(
            "a type stands before `=`; write `{}`",
            declaration(line.name, Some(&ty), line.range, &value)
        )
    })
}

/// The message for what follows the value.
fn left_over(input: ParseStream<'_>, line: &Written<'_>, value: &Value) -> String {
    let begins = input.peek(Token![#])
        || input.peek(syn::Ident) && (input.peek2(Token![=]) || input.peek2(Token![:]));
    if begins {
        return "a comma is missing before this; write `,`".to_owned();
    }
    if input.peek(Token![in]) {
        let fork = input.fork();
        let _ = fork.parse::<TokenTree>();
        let range = range::parse(&fork).ok();
        return match (range, value.source()) {
            (Some(range), Some(value)) => {
                let ty = line.ty.map(|ty| words(&ty.to_token_stream()));
                let right = declaration(line.name, ty.as_deref(), Some(&range), &value);
                format!("a range stands before `=`; write `{right}`")
            }
            (None, Some(value)) => format!(
                "a range stands before `=`, and has literals; write `{}`",
                line.with_range("1..=200", &value)
            ),
            (_, None) => "a range stands before `=`; move it there".to_owned(),
        };
    }
    let message = match value {
        Value::Env(variable) | Value::BuildEnv(variable) => {
            value::default_behind(input, line, variable)
        }
        Value::Constant(number) => with_unit(input, line, number),
        _ => None,
    };
    message.unwrap_or_else(|| {
        "a setting has one value; write `,` and the next setting, or remove this".to_owned()
    })
}

/// Handles a unit in a word of its own: `30 seconds`.
fn with_unit(input: ParseStream<'_>, line: &Written<'_>, number: &syn::Expr) -> Option<String> {
    let text = format!(
        "{} {}",
        words(&number.to_token_stream()),
        rest_of_value(0, input)
    );
    crate::duration::parse(&text)
        .filter(|_| literal(number).is_some())
        .map(|duration| {
            format!(
                "write the duration as a text: `{}`",
                line.is(&quoted(duration))
            )
        })
}

/// The advice for `pool { size = 5 }`: each of its settings on a line of its own.
fn not_nested(outer: &str, input: ParseStream<'_>) -> String {
    let Some(TokenTree::Group(group)) = next(input) else {
        return String::new();
    };
    let line = |input: ParseStream<'_>| -> syn::Result<Option<String>> {
        let inner: Ident = input.call(Ident::parse_any)?;
        let names = [format!("{outer}_{inner}"), inner.to_string()];
        let _: TokenTree = input.parse()?;
        let value = rest_of_value(0, input);
        separator(input);
        let name = names.into_iter().find(|name| standard(name).is_some());
        Ok(name.map(|name| form(&Ident::new(&name, inner.span()), &value)))
    };
    let lines = |input: ParseStream<'_>| {
        let mut lines = Some(Vec::new());
        while !input.is_empty() {
            lines = lines.zip(line(input)?).map(|(mut lines, line)| {
                lines.push(line);
                lines
            });
        }
        Ok(lines)
    };
    let lines = syn::parse::Parser::parse2(lines, group.stream())
        .ok()
        .flatten();
    match lines.filter(|lines| !lines.is_empty()) {
        Some(lines) => format!("settings are not nested; write `{}`", lines.join(", ")),
        None => {
            "settings are not nested; write each on a line of its own: `pool_size = 5,`".to_owned()
        }
    }
}

/// The range and the value of `(1..=10) = 5`.
fn bracketed_range(tokens: &TokenStream) -> Option<(Range, String)> {
    let mut tokens = tokens.clone().into_iter();
    let TokenTree::Group(group) = tokens.next()? else {
        return None;
    };
    let range = syn::parse::Parser::parse2(range::parse, group.stream()).ok()?;
    Some((range, words(&tokens.skip(1).collect())))
}

fn is_equals_sign(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(sign) if sign.as_char() == '=')
}

/// True if `Vec<i32` is not closed before the value.
fn unclosed(tokens: &TokenStream) -> bool {
    let ty = tokens
        .clone()
        .into_iter()
        .map(|token| token.to_string())
        .take_while(|token| token != "=");
    ty.fold(0, |open, token| match token.as_str() {
        "<" => open + 1,
        ">" => open - 1,
        _ => open,
    }) > 0
}

/// The value after a wrong sign in place of `=`. Consumes nothing.
fn not_an_equals_sign(input: ParseStream<'_>) -> String {
    if input.peek(token::Paren) {
        return argument(input);
    }
    if input.peek(Token![in]) || input.peek(token::Brace) {
        return String::new();
    }
    let fork = input.fork();
    let mut signs = 0;
    while let Some(TokenTree::Punct(sign)) = next(&fork)
        && (matches!(sign.as_char(), '=' | '<' | '>' | '+' | '?' | ':' | '!')
            || fork.peek(Token![->]))
    {
        let _ = fork.parse::<TokenTree>();
        signs += 1;
    }
    rest_of_value(signs, input)
}

/// The type of the value in this text; `u32` if the text is unreadable.
fn settings_type(written: &str) -> &'static str {
    let tokens = written.parse::<TokenStream>();
    tokens.map_or("u32", |tokens| foreign::type_of_value(&tokens))
}
