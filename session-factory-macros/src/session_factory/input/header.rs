//! Parses `pub struct AppDb(Postgres)`, and recognizes what people write instead.

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, LitStr, Path, Token, Visibility, token};

use super::setting::settings;
use super::syntax::{Backend, Factory};
use super::tokens::{here, next, skip, words};
use super::value;
use crate::diagnostics::Errors;
use crate::session_factory::backend::{self, known};
use crate::session_factory::meant::Line;

/// The form of a factory, for messages.
pub(super) fn form(name: &str, backend: &str) -> String {
    format!("write `pub struct {name}({backend});`")
}

/// The backend that the next factory names, for the advice in messages.
fn backend_ahead(input: ParseStream<'_>) -> &'static str {
    fn first(tokens: TokenStream) -> Option<backend::Backend> {
        let is_end =
            |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ';');
        tokens
            .into_iter()
            .take_while(|token| !is_end(token))
            .find_map(|token| match token {
                TokenTree::Group(group) => first(group.stream()),
                TokenTree::Ident(word) => known(&word.to_string()),
                TokenTree::Literal(text) => known(text.to_string().trim_matches('"')),
                TokenTree::Punct(_) => None,
            })
    }
    let tokens = input.fork().parse().unwrap_or_default();
    first(tokens).map_or("Postgres", backend::Backend::name)
}

const BACKENDS: &str = "with `Postgres`, `Mysql` or `Sqlite`";

/// Parses one factory. `None` after reporting that it has no name.
pub(super) fn factory(input: ParseStream<'_>, errors: &mut Errors) -> Option<Factory> {
    let start = here(input, Span::call_site());
    let attrs = attributes(input, errors);
    let vis = visibility(input, errors);
    let shown = backend_ahead(input);
    let Some((name, is_noted)) = name(input, start, shown, errors) else {
        skip_item(input);
        return None;
    };
    let mut header = Header {
        end: name.span(),
        name: &name,
        shown: shown.to_owned(),
        is_noted,
        is_closed: false,
        errors,
    };
    let backend = header.backend(input);
    if let Found::Backend(Backend::BuildEnv(variable)) = &backend {
        header.shown = format!("build_env(\"{}\")", variable.key.value());
    }
    let settings = header.block(input, !matches!(backend, Found::Nothing));
    Some(Factory {
        attrs,
        vis,
        backend: match backend {
            Found::Backend(backend) => Some(backend),
            Found::Unreadable | Found::Nothing => None,
        },
        settings,
        name,
    })
}

/// Skips the rest of an item, at least one token.
fn skip_item(input: ParseStream<'_>) {
    while let Ok(token) = input.parse::<TokenTree>() {
        let ends = match &token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        if ends || begins(input) {
            return;
        }
    }
}

/// True if a factory begins here.
fn begins(input: ParseStream<'_>) -> bool {
    input.peek(Token![pub]) || input.peek(Token![struct]) || input.peek(Token![#])
}

fn attributes(input: ParseStream<'_>, errors: &mut Errors) -> Vec<Attribute> {
    let mut attrs = Vec::new();
    while input.peek(Token![#]) {
        let span = here(input, Span::call_site());
        // `#![…]`
        let inner = input.peek2(Token![!]).then(|| input.fork());
        if let Ok(read) = input.call(Attribute::parse_outer)
            && !read.is_empty()
        {
            attrs.extend(read);
            continue;
        }
        let inner = inner.and_then(|fork| {
            let _ = (fork.parse::<Token![#]>(), fork.parse::<Token![!]>());
            argument(&fork)
        });
        let message = match inner {
            Some(attr) => format!("an attribute of a factory has no `!`; write `#[{attr}]`"),
            None => "expected an attribute; write `#[name]`, or remove it".to_owned(),
        };
        errors.at(span, message);
        while input.peek(Token![#]) || input.peek(Token![!]) || input.peek(token::Bracket) {
            let _ = input.parse::<TokenTree>();
        }
    }
    attrs
}

/// The content of the brackets that come next.
fn argument(input: ParseStream<'_>) -> Option<String> {
    match next(input) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => {
            Some(words(&group.stream()))
        }
        _ => None,
    }
}

fn visibility(input: ParseStream<'_>, errors: &mut Errors) -> Visibility {
    let span = here(input, Span::call_site());
    input.parse().unwrap_or_else(|_| {
        errors.at(span, "expected `pub`, `pub(crate)` or nothing");
        Visibility::Inherited
    })
}

/// Parses `struct AppDb`. Returns the name, and true if an error in the tokens before the name has
/// been reported.
fn name(
    input: ParseStream<'_>,
    start: Span,
    backend: &str,
    errors: &mut Errors,
) -> Option<(Ident, bool)> {
    const OTHER_ITEMS: [&str; 9] = [
        "use", "fn", "impl", "mod", "const", "static", "let", "extern", "async",
    ];
    let form = |name: &str| form(name, backend);
    let Some(first) = next(input) else {
        let message = format!("nothing follows this; {} below it", form("AppDb"));
        errors.at(start, message);
        return None;
    };
    let TokenTree::Ident(word) = &first else {
        errors.at(first.span(), no_factory(&first, &form("AppDb")));
        return None;
    };
    if input.peek2(Token![!]) {
        let message = format!("a macro does not stand here; {}", form("AppDb"));
        errors.at(word.span(), message);
        return None;
    }
    // `mod db { pub struct AppDb(Postgres); }`
    if let Some((module, inside)) = module_of_a_struct(input).filter(|_| word == "mod") {
        let message = format!(
            "a module stands around `session_factory!`; write `mod {module} {{ session_factory! {{ {inside} }} }}`"
        );
        errors.at(word.span(), message);
        return None;
    }
    // `static DB: AppDb(Postgres);` and `fn app_db(Postgres);`
    if let Some(name) = factory_of_another_item(input, word) {
        let message = format!("a factory is declared as a struct; {}", form(&name));
        errors.at(word.span(), message);
        return None;
    }
    let is_struct = word == "struct";
    let is_modified = !is_struct && input.peek2(Token![struct]);
    if !is_modified && OTHER_ITEMS.iter().any(|item| word == item) {
        let message = format!(
            "only factories stand here; {}, and move this out of `session_factory!`",
            form("AppDb")
        );
        errors.at(word.span(), message);
        return None;
    }
    if input.peek2(Token![=]) && !input.peek2(Token![=>]) {
        errors.at(
            word.span(),
            format!("expected a factory; {}", form("AppDb")),
        );
        skip(input);
        return None;
    }
    if is_struct || input.peek2(Ident::peek_any) {
        let _ = input.parse::<TokenTree>();
    }
    if is_modified {
        let message = format!("a factory begins with `pub struct`; remove `{word}`");
        errors.at(word.span(), message);
        let _ = input.parse::<TokenTree>();
    }
    let Ok(name) = input.call(Ident::parse_any) else {
        let message = if input.peek(syn::Lit) {
            format!(
                "a name begins with a letter, and has no quotes; {}",
                form("AppDb")
            )
        } else {
            format!("the name is missing; {}", form("AppDb"))
        };
        errors.at(word.span(), message);
        return None;
    };
    if is_keyword(&name) {
        let message = format!("`{name}` is a keyword of Rust; write another name");
        errors.at(name.span(), message);
        return None;
    }
    let name = undashed(input, name, backend, errors);
    if !(is_struct || is_modified) {
        let text = name.to_string();
        let shown = if known(&text).is_some() {
            "AppDb"
        } else {
            &text
        };
        let message = format!("a factory is declared as a struct; {}", form(shown));
        errors.at(word.span(), message);
    }
    Some((name, !is_struct))
}

/// The name of a module and its content, if a struct is in it.
fn module_of_a_struct(input: ParseStream<'_>) -> Option<(String, String)> {
    let mut ahead = input.fork().parse::<TokenStream>().ok()?.into_iter();
    let name = ahead.nth(1)?;
    let TokenTree::Group(group) = ahead.next()? else {
        return None;
    };
    let is_struct = |token: TokenTree| matches!(token, TokenTree::Ident(word) if word == "struct");
    let holds_one = group.stream().into_iter().any(is_struct);
    holds_one.then(|| (name.to_string(), words(&group.stream()).replace(" ;", ";")))
}

/// The factory's name in `static DB: AppDb(Postgres);` and `fn app_db(Postgres);`.
fn factory_of_another_item(input: ParseStream<'_>, word: &Ident) -> Option<String> {
    let fork = input.fork();
    let _ = fork.parse::<TokenTree>();
    let mut name: Ident = fork.call(Ident::parse_any).ok()?;
    match word.to_string().as_str() {
        "static" | "const" | "let" => {
            fork.parse::<Token![:]>().ok()?;
            name = fork.parse().ok()?;
        }
        "fn" => {}
        _ => return None,
    }
    let TokenTree::Group(group) = next(&fork)? else {
        return None;
    };
    let mut inside = group.stream().into_iter();
    let (Some(TokenTree::Ident(backend)), None) = (inside.next(), inside.next()) else {
        return None;
    };
    known(&backend.to_string())?;
    Some(camel(&[name.unraw().to_string()]))
}

/// Joins words in camel case: `AppDb` from `app_db`, or from `app` and `db`.
fn camel(words: &[String]) -> String {
    words
        .iter()
        .flat_map(|word| word.split('_'))
        .flat_map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters)
        })
        .collect()
}

/// The message for other tokens where a factory should begin.
fn no_factory(first: &TokenTree, form: &str) -> String {
    match first {
        TokenTree::Punct(punct) if matches!(punct.as_char(), ',' | ';') => {
            format!("nothing stands between two factories; remove `{punct}`")
        }
        TokenTree::Group(group) if group.stream().to_string().contains("struct ") => {
            format!("a factory has nothing around it; {form}, and remove what is around it")
        }
        _ => format!("expected a factory; {form}"),
    }
}

/// Reports a dashed name such as `app-db`, and reads it as `AppDb`.
fn undashed(input: ParseStream<'_>, first: Ident, backend: &str, errors: &mut Errors) -> Ident {
    if !(input.peek(Token![-]) && input.peek2(syn::Ident)) {
        return first;
    }
    let mut words = vec![first.unraw().to_string()];
    while input.peek(Token![-]) && input.peek2(syn::Ident) {
        let _ = input.parse::<TokenTree>();
        words.extend(input.parse::<Ident>().map(|word| word.unraw().to_string()));
    }
    let name = camel(&words);
    let message = format!("a name has no dashes; {}", form(&name, backend));
    errors.at(first.span(), message);
    Ident::new(&name, first.span())
}

fn is_keyword(name: &Ident) -> bool {
    syn::parse_str::<Ident>(&name.to_string()).is_err()
}

/// What the parser found in the backend's place.
enum Found {
    Backend(Backend),
    /// It is unreadable; the error is reported.
    Unreadable,
    /// What follows does not belong to a factory; the error is reported.
    Nothing,
}

impl Found {
    fn of(backend: Option<Backend>) -> Self {
        backend.map_or(Self::Unreadable, Self::Backend)
    }
}

/// The part of a factory after its name.
struct Header<'e, 'n> {
    name: &'n Ident,
    /// The backend as messages print it.
    shown: String,
    /// The last token that was read.
    end: Span,
    /// True if an error has already shown the form of a factory.
    is_noted: bool,
    /// True if the factory needs no semicolon, because braces end it.
    is_closed: bool,
    errors: &'e mut Errors,
}

impl Header<'_, '_> {
    /// Parses the backend.
    fn backend(&mut self, input: ParseStream<'_>) -> Found {
        let first = next(input);
        match &first {
            Some(TokenTree::Group(group)) => {
                let content = group.stream();
                let parens = group.delimiter() == Delimiter::Parenthesis;
                let only = match content.clone().into_iter().collect::<Vec<_>>().as_slice() {
                    [TokenTree::Ident(word)] => known(&word.to_string()).is_some(),
                    _ => false,
                };
                if !parens && !only {
                    self.missing();
                    return Found::Nothing;
                }
                let _ = input.parse::<TokenTree>();
                self.end = group.span_close();
                self.is_closed = group.delimiter() == Delimiter::Brace;
                if !parens {
                    self.in_parentheses(group.span(), &content.to_string());
                }
                let parser = |input: ParseStream<'_>| Ok(self.content(input, group.span()));
                Found::of(parser.parse2(content).ok().flatten())
            }
            Some(TokenTree::Punct(punct)) if matches!(punct.as_char(), ':' | '=' | '<') => {
                let mut written = punct.as_char();
                let span = punct.span();
                let _ = input.parse::<TokenTree>();
                // `=>` and `::<`.
                while let Some(TokenTree::Punct(punct)) = next(input)
                    && written != '<'
                    && matches!(punct.as_char(), ':' | '=' | '<' | '>')
                {
                    written = punct.as_char();
                    let _ = input.parse::<TokenTree>();
                }
                let fork = input.fork();
                let path = input.call(Path::parse_mod_style).ok();
                if path.is_none() && input.peek(syn::Lit) {
                    let _ = input.parse::<TokenTree>();
                }
                if written == '<' {
                    let mut parameters = TokenStream::new();
                    while !(fork.is_empty() || fork.peek(Token![>])) {
                        parameters.extend(fork.parse::<TokenTree>());
                    }
                    self.parameters(span, &words(&parameters), path.as_ref());
                    while !(input.is_empty() || input.peek(Token![>])) {
                        let _ = input.parse::<TokenTree>();
                    }
                    let _ = input.parse::<TokenTree>();
                } else {
                    let shown = self.shown.clone();
                    self.in_parentheses(span, &shown);
                }
                if written == '<' && input.peek(token::Paren) {
                    return self.backend(input);
                }
                Found::of(path.map(Backend::Written))
            }
            _ => {
                if let Some(word) = Self::word_ahead(input) {
                    let shown = self.shown.clone();
                    self.in_parentheses(word.span(), &shown);
                } else {
                    self.missing();
                }
                Found::Nothing
            }
        }
    }

    /// The backend in `AppDb Postgres` and `AppDb for Postgres`.
    fn word_ahead(input: ParseStream<'_>) -> Option<Ident> {
        let fork = input.fork();
        let is_backend = |word: &Ident| known(&word.to_string()).is_some();
        let first: Ident = fork.call(Ident::parse_any).ok()?;
        if is_backend(&first) {
            return Some(first);
        }
        fork.call(Ident::parse_any).ok().filter(is_backend)
    }

    fn missing(&mut self) {
        if self.is_noted {
            return;
        }
        let message = format!(
            "the backend is missing; write `{}({})`, {BACKENDS}",
            self.name, self.shown
        );
        self.errors.at(self.name.span(), message);
        self.is_noted = true;
    }

    fn in_parentheses(&mut self, span: Span, backend: &str) {
        if self.is_noted {
            return;
        }
        let message = format!(
            "the backend stands in parentheses; write `{}({backend})`",
            self.name
        );
        self.errors.at(span, message);
        self.is_noted = true;
    }

    fn parameters(&mut self, span: Span, written: &str, path: Option<&Path>) {
        if let Some(backend) = path.and_then(backend::of_path) {
            self.in_parentheses(span, backend.name());
        } else {
            let message = format!("a factory has no parameters; remove `<{written}>`");
            self.errors.at(span, message);
        }
    }

    /// Parses the content of the parentheses.
    fn content(&mut self, input: ParseStream<'_>, parens: Span) -> Option<Backend> {
        if input.is_empty() {
            let message = format!(
                "write the backend here: `{}(Postgres)`, {BACKENDS}",
                self.name
            );
            self.errors.at(parens, message);
            return None;
        }
        if input.peek(Token![#]) {
            let span = here(input, parens);
            let message = "documentation and attributes stand above the factory; move this there";
            self.errors.at(span, message);
            let _ = input.call(Attribute::parse_outer);
        }
        if input.peek(Token![pub]) {
            let span = here(input, parens);
            self.errors
                .at(span, "a backend has no visibility; remove `pub`");
            let _ = input.parse::<Visibility>();
        }
        let named = input.peek2(Token![=]) || input.peek2(Token![:]) && !input.peek2(Token![::]);
        if input.peek(syn::Ident) && named {
            let span = here(input, parens);
            let _ = (input.parse::<TokenTree>(), input.parse::<TokenTree>());
            let message = format!("write the backend alone: `{}({})`", self.name, self.shown);
            self.errors.at(span, message);
            if let Some(TokenTree::Literal(text)) = next(input) {
                let _ = input.parse::<TokenTree>();
                let backend = known(text.to_string().trim_matches('"'))?;
                return Some(Backend::Written(Ident::new(backend.name(), span).into()));
            }
        }
        let backend = self.one(input, parens);
        let _ = input.parse::<Option<Token![,]>>();
        if !input.is_empty() {
            if backend.is_some() {
                self.left_over(input, parens);
            }
            skip(input);
        }
        backend
    }

    /// Parses a backend's name, or `build_env(…)`.
    fn one(&mut self, input: ParseStream<'_>, parens: Span) -> Option<Backend> {
        let span = here(input, parens);
        if let Ok(text) = input.parse::<LitStr>() {
            let name = text.value();
            let known = known(&name);
            let message = match known {
                Some(known) => format!(
                    "a backend is written without quotes; write `{}({})`",
                    self.name,
                    known.name()
                ),
                None if name.contains("://") => format!(
                    "the URL is read at start-up, from `DATABASE_URL`; write the backend here: \
                     `{}({})`, {BACKENDS}",
                    self.name,
                    of_url(&name)
                ),
                None => format!(
                    "expected a backend; write `{}(Postgres)`, {BACKENDS}",
                    self.name
                ),
            };
            self.errors.at(span, message);
            return known.map(|known| Backend::Written(Ident::new(known.name(), span).into()));
        }
        if input.peek(syn::Ident) && input.peek2(token::Paren) {
            let function: Ident = input.fork().parse().ok()?;
            if let Some(backend) = known(&function.to_string()) {
                let _ = (input.parse::<TokenTree>(), input.parse::<TokenTree>());
                self.url_in_parentheses(span, backend.name());
                return Some(Backend::Written(Ident::new(backend.name(), span).into()));
            }
            if function != "build_env" {
                let message = format!(
                    "the backend is chosen when the program is compiled; write `Postgres`, `Mysql` or \
                     `Sqlite`, or `build_env(\"APP_BACKEND\")` instead of `{function}(…)`"
                );
                self.errors.at(span, message);
                skip(input);
                return None;
            }
            let line = Line::of("backend", None, None, None, "APP_BACKEND".to_owned());
            let variable = value::call(input, &line, self.errors)?;
            return Some(Backend::BuildEnv(Box::new(variable)));
        }
        if let Ok(path) = input.parse::<Path>() {
            return Some(Backend::Written(path));
        }
        let message = format!(
            "expected a backend; write `{}(Postgres)`, {BACKENDS}",
            self.name
        );
        self.errors.at(span, message);
        None
    }

    /// Reports what follows the backend inside the parentheses.
    fn left_over(&mut self, input: ParseStream<'_>, parens: Span) {
        let span = here(input, parens);
        if let Some(TokenTree::Literal(text)) = next(input)
            && text.to_string().starts_with('"')
        {
            let shown = self.shown.clone();
            self.url_in_parentheses(span, &shown);
            return;
        }
        let is_setting = input.peek(token::Brace)
            || input.peek(syn::Ident) && (input.peek2(Token![=]) || input.peek2(Token![:]));
        let message = if is_setting {
            format!(
                "settings stand in a block behind the parentheses; write `{}({}) {{ … }}`",
                self.name, self.shown
            )
        } else if input.peek(Token![;]) {
            "the semicolon stands behind the parentheses; remove this".to_owned()
        } else {
            "a factory has one backend; write `Postgres`, `Mysql` or `Sqlite`, or \
             `build_env(\"APP_BACKEND\")` to choose when the program is compiled"
                .to_owned()
        };
        self.errors.at(span, message);
    }

    fn url_in_parentheses(&mut self, span: Span, backend: &str) {
        let message = format!(
            "the URL is read at start-up, from `DATABASE_URL`; write the backend alone: `{}({backend})`",
            self.name
        );
        self.errors.at(span, message);
    }

    /// Parses the settings, and the factory's end.
    fn block(&mut self, input: ParseStream<'_>, is_factory: bool) -> Vec<super::Setting> {
        let mut read = Vec::new();
        if !is_factory {
            end_of_item(input);
            return read;
        }
        self.misplaced_documentation(input);
        if let Some(TokenTree::Punct(_) | TokenTree::Ident(_)) = next(input)
            && input.peek2(token::Brace)
            && !begins(input)
        {
            let word = next(input).map_or_else(String::new, |word| word.to_string());
            let message = format!(
                "write the block without `{word}`: `{}({}) {{ … }}`",
                self.name, self.shown
            );
            self.errors.at(here(input, self.end), message);
            let _ = input.parse::<TokenTree>();
        }
        if let Some(TokenTree::Group(group)) = next(input)
            && group.delimiter() == Delimiter::Brace
        {
            let _ = input.parse::<TokenTree>();
            let parser = |input: ParseStream<'_>| {
                read = settings(input, group.span_close(), self.errors);
                Ok(())
            };
            let _ = parser.parse2(group.stream());
            let _ = input.parse::<Option<Token![;]>>();
            return read;
        }
        if input
            .parse::<Option<Token![;]>>()
            .is_ok_and(|end| end.is_some())
        {
            return read;
        }
        if self.is_closed {
            return read;
        }
        if !self.is_noted {
            let span = if input.is_empty() || begins(input) {
                self.end
            } else {
                here(input, self.end)
            };
            self.errors.at(span, self.not_an_end(input));
        }
        end_of_item(input);
        read
    }

    /// Reports documentation after the backend: `pub struct AppDb(Postgres) /// …`.
    fn misplaced_documentation(&mut self, input: ParseStream<'_>) {
        let fork = input.fork();
        let is_misplaced = input.peek(Token![#])
            && fork.call(Attribute::parse_outer).is_ok()
            && (fork.peek(Token![;]) || fork.peek(token::Brace));
        if is_misplaced {
            let message = "documentation and attributes stand above the factory; move this there";
            self.errors.at(here(input, self.end), message);
            let _ = input.call(Attribute::parse_outer);
        }
    }

    /// The message for other tokens in place of the block or the semicolon.
    fn not_an_end(&self, input: ParseStream<'_>) -> String {
        let name = self.name.to_string();
        let form = form(&name, &self.shown);
        if input.is_empty() || begins(input) {
            return format!("the semicolon is missing; {form}");
        }
        let with_block = format!("`pub struct {name}({}) {{ … }}`", self.shown);
        match next(input) {
            Some(TokenTree::Group(group)) if !group.stream().to_string().contains("://") => {
                let (shown, settings) = (&self.shown, words(&group.stream()));
                format!(
                    "settings stand in braces; write `pub struct {name}({shown}) {{ {settings} }}`"
                )
            }
            Some(TokenTree::Ident(word)) if word == "where" => {
                format!("a factory has no bounds; {form}")
            }
            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {
                format!("a factory has no bounds; {form}")
            }
            Some(TokenTree::Ident(_)) if input.peek2(Token![=]) || input.peek2(Token![:]) => {
                format!("settings stand in braces; write {with_block}")
            }
            _ => format!("expected `;` or a block of settings; {form} or {with_block}"),
        }
    }
}

/// The backend that a URL's scheme names.
fn of_url(url: &str) -> &'static str {
    let scheme = url.split("://").next().unwrap_or_default();
    known(scheme).map_or("Postgres", backend::Backend::name)
}

fn end_of_item(input: ParseStream<'_>) {
    if !(input.is_empty() || begins(input)) {
        skip_item(input);
    }
    if input.peek(Token![;]) {
        let _ = input.parse::<TokenTree>();
    }
}
