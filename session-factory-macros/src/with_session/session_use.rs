//! Checks that the body uses its session, and that it does not call annotated functions in a way
//! that opens a second session.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::{Attribute, FnArg, Ident, ImplItem, Item, Pat, Signature};

use super::attrs;
use super::input::{Body, Function};
use super::session_param::parameters;
use super::source::Source;
use super::types::mentions;
use crate::diagnostics::Errors;

/// The name of the session's parameter.
fn session(function: &Function) -> Option<Ident> {
    let (_, first) = parameters(function).next()?;
    match &*first.pat {
        Pat::Ident(pat) => Some(pat.ident.clone()),
        _ => None,
    }
}

/// Reports each `rename(db, 1)` of an annotated `rename`, and replaces it by `rename_in(db, 1)`, so
/// that the compiler adds no error. Only functions of the same file are covered: for others, the
/// macro cannot know whether they are annotated.
pub(super) fn joins(function: &mut Function, source: Option<&Source>, errors: &mut Errors) {
    let (Some(source), Some(session)) = (source, session(function)) else {
        return;
    };
    let Body::Block(TokenTree::Group(block)) = &function.body else {
        return;
    };
    // Reading a token costs a call to the compiler, so the source's text is searched for such calls first.
    if let Some(text) = source.until(block.span_close())
        && !gives_away(text, &session.to_string(), source)
    {
        return;
    }
    let mut calls = Calls {
        session: session.to_string(),
        own: function.sig.ident.to_string(),
        source,
        inner: declared_inside(block),
        items: None,
        errors,
        found: false,
    };
    let tokens = calls.rewritten(block.stream());
    if calls.found {
        let mut body = Group::new(Delimiter::Brace, tokens);
        body.set_span(block.span());
        function.body = Body::Block(body.into());
    }
}

/// True if the text gives the session, as the first argument, to a function that the file annotates.
fn gives_away(text: &str, session: &str, source: &Source) -> bool {
    text.match_indices(session).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + session.len()..]);
        let is_whole = after.trim_start().starts_with([',', ')']);
        let called = before.trim_end().strip_suffix('(').filter(|_| is_whole);
        let name = called.and_then(|called| {
            called
                .rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
        });
        name.is_some_and(|name| !name.is_empty() && source.annotates(name))
    })
}

struct Calls<'a> {
    session: String,
    /// The name of the function whose body is rewritten.
    own: String,
    source: &'a Source,
    /// The functions that the body declares.
    inner: Vec<Item>,
    /// The functions of `inner` and the file's items, parsed on first use.
    items: Option<Vec<Item>>,
    errors: &'a mut Errors,
    found: bool,
}

impl Calls<'_> {
    fn rewritten(&mut self, tokens: TokenStream) -> TokenStream {
        let mut tokens: Vec<_> = tokens.into_iter().collect();
        for at in 0..tokens.len() {
            let TokenTree::Group(group) = &tokens[at] else {
                continue;
            };
            let group = group.clone();
            if at > 0
                && let TokenTree::Ident(name) = &tokens[at - 1]
                && self.is_given_the_session(&group)
                && let Some(joined) = self.joined(name, &tokens[..at - 1], &group)
            {
                let message = format!(
                    "`{name}` opens a session of its own; to run it in this session write `{joined}({}, …)`",
                    self.session
                );
                self.errors.on(name, message);
                self.found = true;
                tokens[at - 1] = Ident::new(&joined, name.span()).into();
            }
            let mut inner = Group::new(group.delimiter(), self.rewritten(group.stream()));
            inner.set_span(group.span());
            tokens[at] = inner.into();
        }
        tokens.into_iter().collect()
    }

    fn is_given_the_session(&self, group: &Group) -> bool {
        let mut arguments = group.stream().into_iter();
        group.delimiter() == Delimiter::Parenthesis
            && matches!(arguments.next(), Some(TokenTree::Ident(first)) if first == self.session.as_str())
            && matches!(arguments.next(), None | Some(TokenTree::Punct(_)))
    }

    /// The name to call instead, if the called function is certainly annotated and gets one
    /// argument too many.
    fn joined(&mut self, name: &Ident, before: &[TokenTree], group: &Group) -> Option<String> {
        let text = name.to_string();
        if !self.source.annotates(&text) {
            return None;
        }
        if self.items.is_none() {
            let mut items = std::mem::take(&mut self.inner);
            items.extend(self.source.items()?);
            self.items = Some(items);
        }
        let items = self.items.as_ref()?;
        let is_sign = |at: usize, sign: char| matches!(before.iter().nth_back(at), Some(TokenTree::Punct(punct)) if punct.as_char() == sign);
        let is_word = |at: usize, word: &str| matches!(before.iter().nth_back(at), Some(TokenTree::Ident(before)) if before == word);
        let called = if is_sign(0, '.') {
            is_word(1, "self").then(|| method(items, &text, &self.own, true))??
        } else if is_sign(0, ':') {
            (is_sign(1, ':') && is_word(2, "Self"))
                .then(|| method(items, &text, &self.own, false))??
        } else if is_word(0, "fn") || is_word(0, "let") {
            return None;
        } else {
            // Both functions must be in the file itself, outside any module.
            let is_here = |name: &str| function(items, name).is_some();
            (is_here(&self.own) || method(items, &self.own, &self.own, false).is_some())
                .then(|| function(items, &text))??
        };
        let expected = called
            .1
            .inputs
            .iter()
            .filter(|input| matches!(input, FnArg::Typed(_)))
            .count();
        let parser = syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated;
        let given = syn::parse::Parser::parse2(parser, group.stream()).ok()?;
        let named = called
            .0
            .iter()
            .any(|attr| attrs::is_own(attr) && mentions(quote!(#attr), "joined"));
        (given.len() == expected && !named).then(|| format!("{text}_in"))
    }
}

/// The functions that a body declares.
fn declared_inside(block: &Group) -> Vec<Item> {
    let has_function = block
        .stream()
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if word == "fn"));
    let block = has_function.then(|| syn::parse2::<syn::Block>(quote!(#block)));
    let statements = block.and_then(Result::ok).map(|block| block.stmts);
    let items = statements.into_iter().flatten();
    items
        .filter_map(|statement| match statement {
            syn::Stmt::Item(item @ Item::Fn(_)) => Some(item),
            _ => None,
        })
        .collect()
}

type Called<'a> = (&'a [Attribute], &'a Signature);

/// The free function of this name, if the items contain exactly one and it is annotated.
fn function<'a>(items: &'a [Item], name: &str) -> Option<Called<'a>> {
    let mut found = items.iter().filter_map(|item| match item {
        Item::Fn(function) if function.sig.ident == name => {
            Some((function.attrs.as_slice(), &function.sig))
        }
        _ => None,
    });
    let only = found
        .next()
        .filter(|(attrs, _)| attrs.iter().any(attrs::is_own));
    only.filter(|_| found.next().is_none())
}

/// The method of this name in inherent `impl`s, if there is exactly one whose type also has the
/// method `beside`.
fn method<'a>(
    items: &'a [Item],
    name: &str,
    beside: &str,
    has_receiver: bool,
) -> Option<Called<'a>> {
    let methods = |item: &'a Item| match item {
        Item::Impl(block) if block.trait_.is_none() => block.items.as_slice(),
        _ => &[],
    };
    let all = |name: &str| {
        let name = name.to_owned();
        items.iter().flat_map(move |item| {
            let name = name.clone();
            methods(item).iter().filter_map(move |inner| match inner {
                ImplItem::Fn(method) if method.sig.ident == name.as_str() => {
                    Some((item, method.attrs.as_slice(), &method.sig))
                }
                _ => None,
            })
        })
    };
    let ty = |item: &Item| match item {
        Item::Impl(block) => {
            let ty = &block.self_ty;
            quote!(#ty).to_string()
        }
        _ => String::new(),
    };
    let (block, attrs, sig) = all(name).next()?;
    let (own, ..) = all(beside).next()?;
    let is_it = all(name).nth(1).is_none()
        && all(beside).nth(1).is_none()
        && ty(own) == ty(block)
        && attrs.iter().any(attrs::is_own)
        && (!has_receiver || sig.receiver().is_some());
    is_it.then_some((attrs, sig))
}

/// A warning for a body that awaits a call and does not use its session: the user probably wrote
/// `f(1)` instead of `f_in(db, 1)`. This warning replaces the compiler's, which advises to rename
/// the session to `_db`. A body that the user is still typing gets no warning.
pub(super) fn warning(function: &Function) -> Option<TokenStream> {
    let session = session(function)?;
    let name = session.to_string();
    let body = function.body_tokens();
    let silenced = function.attrs.iter().any(|attr| {
        ["unused", "unused_variables"]
            .iter()
            .any(|lint| mentions(quote!(#attr), lint))
    });
    if name.starts_with('_') || silenced || may_use(body.clone(), &name) {
        return None;
    }
    let called = awaited(body.clone())?;
    // A body that does not parse is still being typed.
    let block = Group::new(Delimiter::Brace, body);
    syn::parse2::<syn::Block>(quote!(#block)).ok()?;
    let text = called.to_string();
    let advice = if text.ends_with("_in") {
        format!("write `{text}({name}, …)`")
    } else {
        format!("if `{text}` is annotated too, write `{text}_in({name}, …)`")
    };
    let note = format!(
        "this body does not use its session `{name}`; {advice}; if nothing here needs a session, remove `#[with_session]`"
    );
    let span = session.span();
    let unused = Ident::new("UNUSED_SESSION", span);
    Some(quote_spanned! {span=>
        const _: () = {
            #[deprecated(note = #note)]
            const #unused: () = ();
            #unused
        };
    })
}

/// True if the body names the session, or may name it inside a macro's arguments or a string.
fn may_use(body: TokenStream, name: &str) -> bool {
    const MACROS: [&str; 12] = [
        "assert",
        "assert_eq",
        "assert_ne",
        "debug",
        "error",
        "format",
        "info",
        "matches",
        "println",
        "trace",
        "vec",
        "warn",
    ];
    let tokens: Vec<_> = body.into_iter().collect();
    tokens.iter().enumerate().any(|(at, token)| match token {
        TokenTree::Ident(word) => {
            let is_macro = matches!(tokens.get(at + 1), Some(TokenTree::Punct(sign)) if sign.as_char() == '!')
                && matches!(tokens.get(at + 2), Some(TokenTree::Group(_)));
            word == name || is_macro && !MACROS.iter().any(|known| word == known)
        }
        TokenTree::Literal(text) => text.to_string().contains(name),
        TokenTree::Group(group) => may_use(group.stream(), name),
        TokenTree::Punct(_) => false,
    })
}

/// The first function called as `name(…).await`.
fn awaited(body: TokenStream) -> Option<Ident> {
    let tokens: Vec<_> = body.into_iter().collect();
    let found = tokens.windows(4).find_map(|four| match four {
        [
            TokenTree::Ident(name),
            TokenTree::Group(arguments),
            TokenTree::Punct(dot),
            TokenTree::Ident(word),
        ] if arguments.delimiter() == Delimiter::Parenthesis
            && dot.as_char() == '.'
            && word == "await" =>
        {
            Some(name.clone())
        }
        _ => None,
    });
    found.or_else(|| {
        tokens.into_iter().find_map(|token| match token {
            TokenTree::Group(group) => awaited(group.stream()),
            _ => None,
        })
    })
}
