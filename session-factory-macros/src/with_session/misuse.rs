//! Reports what a body must not do with its session and its borrowed arguments: close the session, give
//! either of them to a hook or a task that outlives the function, or give a savepoint a closure that is
//! not an async closure. The compiler rejects these too, but its errors speak of moves and lifetimes.
//!
//! A mistake is reported only if the tokens alone prove it: if the body may rebind the name, the error
//! is left to the compiler. The macro then corrects the tokens, so that its own error is the only one.

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Pat, Type};

use super::input::{Body, Function};
use super::session_param::parameters;
use super::source::Source;
use super::types::{has_impl_trait, is_session, mentions, plain, with_static_lifetimes};
use crate::diagnostics::Errors;

/// A function whose source has none of these words has nothing to report.
const WORDS: [&str; 6] = [
    "close(",
    "after_commit(",
    "after_rollback(",
    "spawn(",
    "transaction",
    "savepoint",
];

/// Reports the certain mistakes, and corrects them in the body.
pub(super) fn report(function: &mut Function, source: Option<&Source>, errors: &mut Errors) {
    let Body::Block(TokenTree::Group(block)) = &function.body else {
        return;
    };
    let text = source.and_then(|source| source.until(block.span_close()));
    if !text.is_some_and(|text| WORDS.iter().any(|word| text.contains(word))) {
        return;
    }
    let Some(session) = session(function) else {
        return;
    };
    let body = block.stream();
    if binds(body.clone(), &session.name, Closures::Ignore) {
        return;
    }
    let is_one = !binds(body.clone(), &session.name, Closures::Count);
    let borrowed = borrowed(function)
        .filter(|argument| !binds(body.clone(), &argument.name, Closures::Count))
        .collect();
    let mut misuse = Misuse {
        session,
        is_one,
        borrowed,
        errors,
        found: false,
    };
    let tokens = misuse.mended(body);
    if misuse.found {
        let mut body = Group::new(Delimiter::Brace, tokens);
        body.set_span(block.span());
        function.body = Body::Block(body.into());
        function.attrs.push(syn::parse_quote!(#[allow(unused)]));
    }
}

/// A parameter, by name and type.
struct Argument {
    name: String,
    ty: Type,
}

/// The session, if the first parameter is a `&mut Session<…>` with a plain name.
fn session(function: &Function) -> Option<Argument> {
    let (_, first) = parameters(function).next()?;
    let Type::Reference(reference) = plain(&first.ty) else {
        return None;
    };
    let is_it = reference.mutability.is_some() && is_session(&reference.elem);
    is_it.then(|| argument(&first.pat, &first.ty))?
}

/// The other parameters that are borrowed for less than `'static`.
fn borrowed(function: &Function) -> impl Iterator<Item = Argument> {
    let generics = &function.sig.generics;
    // Skips references that a bound may make `'static`, and types that cannot be written with `'static` lifetimes.
    let is_open = generics.where_clause.is_some()
        || generics
            .lifetimes()
            .any(|lifetime| !lifetime.bounds.is_empty());
    let may_name = move |ty: &Type| {
        !has_impl_trait(ty)
            && !generics
                .type_params()
                .any(|param| mentions(ty.to_token_stream(), &param.ident.to_string()))
            && !mentions(ty.to_token_stream(), "Self")
    };
    parameters(function)
        .skip(1)
        .filter(move |(_, parameter)| match plain(&parameter.ty) {
            Type::Reference(reference) => {
                let is_static = reference
                    .lifetime
                    .as_ref()
                    .is_some_and(|lifetime| lifetime.ident == "static");
                !is_open && !is_static && may_name(&parameter.ty)
            }
            _ => false,
        })
        .filter_map(|(_, parameter)| argument(&parameter.pat, &parameter.ty))
}

fn argument(pat: &Pat, ty: &Type) -> Option<Argument> {
    match pat {
        Pat::Ident(pat) if pat.subpat.is_none() => Some(Argument {
            name: pat.ident.to_string(),
            ty: with_static_lifetimes(ty),
        }),
        _ => None,
    }
}

struct Misuse<'a> {
    session: Argument,
    /// True if no closure has a parameter of the session's name.
    is_one: bool,
    borrowed: Vec<Argument>,
    errors: &'a mut Errors,
    found: bool,
}

/// What runs a future after the function may have returned.
#[derive(Clone, Copy)]
enum Later {
    Hook,
    Task,
}

impl Misuse<'_> {
    fn mended(&mut self, tokens: TokenStream) -> TokenStream {
        let mut tokens: Vec<_> = tokens.into_iter().collect();
        for at in 0..tokens.len() {
            let TokenTree::Group(group) = tokens[at].clone() else {
                continue;
            };
            let mut stream = group.stream();
            if group.delimiter() == Delimiter::Parenthesis {
                if self.takes_a_body(&tokens[..at]) {
                    stream = self.async_closure(stream);
                } else if self.is_one
                    && let Some(close) = self.closes(&tokens[..at], &stream)
                {
                    tokens[at - 1] = Ident::new("rollback", close.span()).into();
                } else if self.is_one
                    && let Some(later) = self.runs_later(&tokens[..at])
                {
                    stream = self.given_away(later, stream);
                }
            }
            let mut inner = Group::new(group.delimiter(), self.mended(stream));
            inner.set_span(group.span());
            tokens[at] = inner.into();
        }
        tokens.into_iter().collect()
    }

    /// Reports `db.close()`, and returns the name of the method.
    fn closes(&mut self, before: &[TokenTree], arguments: &TokenStream) -> Option<Ident> {
        let method = self.method(before)?;
        if method != "close" || !arguments.is_empty() {
            return None;
        }
        let name = &self.session.name;
        self.errors.on(
            &method,
            format!(
                "the session ends with the call that opened it; remove `{name}.close()`, or, to undo the work, write \
                 `{name}.rollback().await?`"
            ),
        );
        self.found = true;
        Some(method)
    }

    /// The method that is called on the session, if these tokens end in one.
    fn method(&self, before: &[TokenTree]) -> Option<Ident> {
        let (method, rest) = match before {
            [rest @ .., TokenTree::Ident(method)] => (method, rest),
            // `transaction::<_, Error, _>`
            [rest @ .., TokenTree::Punct(end)] if end.as_char() == '>' => {
                let start = rest.iter().rposition(|token| is_sign(token, '<'))?;
                let [rest @ .., TokenTree::Ident(method), one, two] = &rest[..start] else {
                    return None;
                };
                (is_sign(one, ':') && is_sign(two, ':')).then_some((method, rest))?
            }
            _ => return None,
        };
        let [rest @ .., TokenTree::Ident(receiver), dot] = rest else {
            return None;
        };
        let is_field = rest.last().is_some_and(|token| is_sign(token, '.'));
        let is_session = is_sign(dot, '.') && !is_field && *receiver == self.session.name;
        is_session.then(|| method.clone())
    }

    /// What runs the argument later, if the tokens end in `db.after_commit`, `db.after_rollback` or `tokio::spawn`.
    fn runs_later(&self, before: &[TokenTree]) -> Option<Later> {
        if let Some(method) = self.method(before) {
            let is_hook = method == "after_commit" || method == "after_rollback";
            return is_hook.then_some(Later::Hook);
        }
        let path: String = before
            .iter()
            .rev()
            .take_while(|token| matches!(token, TokenTree::Ident(_)) || is_sign(token, ':'))
            .take(10)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .map(ToString::to_string)
            .collect();
        let is_task = ["tokio::spawn", "tokio::task::spawn", "task::spawn"]
            .iter()
            .any(|spawn| {
                path.strip_suffix(spawn)
                    .is_some_and(|front| front.is_empty() || front == "::")
            });
        is_task.then_some(Later::Task)
    }

    /// Reports what a future that runs later borrows. The future is an async block or a call of a joining function.
    fn given_away(&mut self, later: Later, arguments: TokenStream) -> TokenStream {
        let mut tokens: Vec<_> = arguments.clone().into_iter().collect();
        match &tokens[..] {
            [TokenTree::Ident(word), rest @ ..] if word == "async" => {
                let (is_move, rest) = match rest {
                    [TokenTree::Ident(word), rest @ ..] if word == "move" => (true, rest),
                    rest => (false, rest),
                };
                let [TokenTree::Group(block), comma @ ..] = rest else {
                    return arguments;
                };
                let is_alone = block.delimiter() == Delimiter::Brace
                    && (comma.is_empty() || matches!(comma, [comma] if is_sign(comma, ',')));
                if !is_alone || mentions(block.stream(), "fn") {
                    return arguments;
                }
                let mut inner = Group::new(Delimiter::Brace, self.owned(later, block.stream()));
                inner.set_span(block.span());
                tokens[1 + usize::from(is_move)] = inner.into();
            }
            // `rename_in(db, 1)`
            [path @ .., TokenTree::Ident(name), TokenTree::Group(group)]
                if name.to_string().ends_with("_in")
                    && path.iter().all(|token| {
                        matches!(token, TokenTree::Ident(_)) || is_sign(token, ':')
                    }) =>
            {
                let given: Vec<_> = group.stream().into_iter().take(2).collect();
                let is_given = match &given[..] {
                    [TokenTree::Ident(first)] => *first == self.session.name,
                    [TokenTree::Ident(first), comma] => {
                        *first == self.session.name && is_sign(comma, ',')
                    }
                    _ => false,
                };
                if is_given {
                    let mut inner =
                        Group::new(Delimiter::Parenthesis, self.owned(later, group.stream()));
                    inner.set_span(group.span());
                    let last = tokens.len() - 1;
                    tokens[last] = inner.into();
                }
            }
            _ => return arguments,
        }
        tokens.into_iter().collect()
    }

    /// Reports the first mention of the session or of a borrowed argument. Replaces every mention by an owned value.
    fn owned(&mut self, later: Later, tokens: TokenStream) -> TokenStream {
        let mut reported = false;
        let replaced = self.replaced(later, tokens, &mut reported);
        self.found |= reported;
        replaced
    }

    fn replaced(&mut self, later: Later, tokens: TokenStream, reported: &mut bool) -> TokenStream {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut replaced = TokenStream::new();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => {
                    let mut inner = Group::new(
                        group.delimiter(),
                        self.replaced(later, group.stream(), reported),
                    );
                    inner.set_span(group.span());
                    replaced.extend([TokenTree::Group(inner)]);
                }
                TokenTree::Ident(name) if is_value(&tokens, at) => {
                    let text = name.to_string();
                    let is_session = text == self.session.name;
                    let argument = if is_session {
                        Some(&self.session)
                    } else {
                        self.borrowed.iter().find(|argument| argument.name == text)
                    };
                    let Some(argument) = argument else {
                        name.to_tokens(&mut replaced);
                        continue;
                    };
                    if !*reported {
                        self.errors.on(name, outlived(later, is_session, argument));
                        *reported = true;
                    }
                    let ty = &argument.ty;
                    let at = Span::mixed_site().located_at(name.span());
                    replaced.extend(quote_spanned! {at=>
                        ::core::option::Option::unwrap(::core::option::Option::None::<#ty>)
                    });
                }
                token => token.to_tokens(&mut replaced),
            }
        }
        replaced
    }

    /// True if the tokens end in `db.savepoint` or `db.transaction`.
    fn takes_a_body(&self, before: &[TokenTree]) -> bool {
        self.method(before)
            .is_some_and(|method| method == "savepoint" || method == "transaction")
    }

    /// Reports `|db| async move { … }` and `|db| Box::pin(async move { … })`, which cannot lend
    /// `db` to their futures, and rewrites them as `async |db| { … }`.
    fn async_closure(&mut self, arguments: TokenStream) -> TokenStream {
        let tokens: Vec<_> = arguments.clone().into_iter().collect();
        let closure = match &tokens[..] {
            [TokenTree::Ident(word), closure @ ..] if word == "move" => closure,
            closure => closure,
        };
        let [first, TokenTree::Ident(db), end, body @ ..] = closure else {
            return arguments;
        };
        if !is_sign(first, '|') || !is_sign(end, '|') {
            return arguments;
        }
        let body: TokenStream = body.iter().cloned().collect();
        let Some(block) = returned_block(body) else {
            return arguments;
        };
        self.errors.on(
            quote!(#first #db #end),
            format!("the body is an async closure; write `async |{db}| {{ … }}`"),
        );
        self.found = true;
        quote!(async |#db| #block)
    }
}

/// The async block that is all of a closure's body, alone or in `Box::pin(…)`, in braces, or
/// followed by `.boxed()` or `.scope_boxed()`.
fn returned_block(body: TokenStream) -> Option<Group> {
    let tokens: Vec<_> = body.into_iter().collect();
    let tokens = match &tokens[..] {
        [rest @ .., comma] if is_sign(comma, ',') => rest,
        rest => rest,
    };
    match tokens {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::Brace => {
            returned_block(group.stream())
        }
        [
            TokenTree::Ident(name),
            one,
            two,
            TokenTree::Ident(pin),
            TokenTree::Group(group),
        ] if name == "Box" && is_sign(one, ':') && is_sign(two, ':') && pin == "pin" => {
            returned_block(group.stream())
        }
        [
            rest @ ..,
            dot,
            TokenTree::Ident(method),
            TokenTree::Group(_),
        ] if is_sign(dot, '.') && (method == "boxed" || method == "scope_boxed") => {
            returned_block(rest.iter().cloned().collect())
        }
        [TokenTree::Ident(word), TokenTree::Group(group)] if word == "async" => Some(group.clone()),
        [
            TokenTree::Ident(word),
            TokenTree::Ident(moves),
            TokenTree::Group(group),
        ] if word == "async" && moves == "move" => Some(group.clone()),
        _ => None,
    }
}

/// The error for an argument that a future borrows, although the future runs after the function has returned.
fn outlived(later: Later, is_session: bool, argument: &Argument) -> String {
    let name = &argument.name;
    let runs = match later {
        Later::Hook => "the hook runs",
        Later::Task => "the task may run",
    };
    if is_session {
        let here = match later {
            Later::Hook => "",
            Later::Task => "await the work here, or ",
        };
        return format!(
            "{runs} when the session `{name}` has ended; {here}call an annotated function without `_in`, which opens a \
             session of its own"
        );
    }
    let owned = match plain(&argument.ty) {
        Type::Reference(reference) if matches!(plain(&reference.elem), Type::Slice(_)) => "to_vec",
        Type::Reference(reference) if reference.elem.to_token_stream().to_string() == "str" => {
            "to_owned"
        }
        _ => "clone",
    };
    let what = match later {
        Later::Hook => "hook",
        Later::Task => "task",
    };
    format!(
        "{runs} when the borrowed `{name}` may be gone; write `let {name} = {name}.{owned}();` in front of the {what}, and \
         `async move`"
    )
}

/// True if the name at this place is a value, and not a field, method, label, lifetime, path or macro.
fn is_value(tokens: &[TokenTree], at: usize) -> bool {
    let sign = |token: Option<&TokenTree>| match token {
        Some(TokenTree::Punct(sign)) => sign.as_char(),
        _ => ' ',
    };
    let before = at.checked_sub(1).and_then(|before| tokens.get(before));
    let is_double = |at: usize| sign(tokens.get(at + 1)) == '=';
    match (sign(before), sign(tokens.get(at + 1))) {
        ('.' | '\'' | ':', _) | (_, ':' | '!') => false,
        (_, '=') => is_double(at + 1),
        _ => true,
    }
}

/// Whether a closure's parameter counts as a new binding.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Closures {
    Count,
    Ignore,
}

/// True if the body may bind the name anew: in a `let`, a `for`, a closure, an arm of a `match`, a function.
fn binds(tokens: TokenStream, name: &str, closures: Closures) -> bool {
    let tokens: Vec<_> = tokens.into_iter().collect();
    // Where a pattern may have begun.
    let mut pattern: Option<usize> = None;
    let mut arm = 0;
    let mut bar: Option<usize> = None;
    let has = |range: &[TokenTree]| mentions(range.iter().cloned().collect(), name);
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word)
                if word == "let" || word == "for" || word == "fn" || word == "macro_rules" =>
            {
                pattern = Some(at);
            }
            TokenTree::Ident(word) if word == "in" => {
                let start = pattern.take();
                if start.is_some_and(|start| has(&tokens[start..at])) {
                    return true;
                }
            }
            TokenTree::Punct(sign) => match sign.as_char() {
                '=' if matches!(tokens.get(at + 1), Some(next) if is_sign(next, '>') && sign.spacing() == Spacing::Joint) =>
                {
                    if has(&tokens[arm..at]) {
                        return true;
                    }
                    arm = at + 2;
                }
                '=' | ';' if pattern.take().is_some_and(|start| has(&tokens[start..at])) => {
                    return true;
                }
                ',' => arm = at + 1,
                '|' => {
                    if closures == Closures::Count
                        && bar.is_some_and(|start| has(&tokens[start..at]))
                    {
                        return true;
                    }
                    bar = Some(at);
                }
                _ => {}
            },
            TokenTree::Group(group) => {
                // A function's parameters.
                let is_of_a_function = pattern.is_some_and(
                    |start| matches!(&tokens[start], TokenTree::Ident(word) if word == "fn"),
                );
                if is_of_a_function && mentions(group.stream(), name)
                    || binds(group.stream(), name, closures)
                {
                    return true;
                }
                // A block after `=>` ends its arm. Braces in other places may belong to a pattern.
                if at > 0 && is_sign(&tokens[at - 1], '>') && group.delimiter() == Delimiter::Brace
                {
                    arm = at + 1;
                }
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {}
        }
    }
    pattern.is_some_and(|start| has(&tokens[start..]))
}

fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binds_db(body: &str, closures: Closures) -> bool {
        binds(body.parse().expect("tokens"), "db", closures)
    }

    #[test]
    fn every_new_binding_of_the_name_is_seen() {
        for body in [
            "let db = 1;",
            "let mut db: Db;",
            "if let Some(db) = x {}",
            "while let Some((_, db)) = x.next() {}",
            "let Ok(db) = x else { return };",
            "for db in dbs {}",
            "for (_, db) in dbs {}",
            "match x { db => 1 }",
            "match x { Some(db) if y => 1, _ => 2 }",
            "match x { _ => {} User { db, .. } => 2 }",
            "fn inner(db: u8) {}",
            "x(async { let db = 1; })",
            "macro_rules! m { () => { db } }",
        ] {
            assert!(binds_db(body, Closures::Ignore), "{body}");
        }
        for body in ["x(|db| db)", "x(async |_, db| db)", "x(move |Some(db)| db)"] {
            assert!(binds_db(body, Closures::Count), "{body}");
            assert!(!binds_db(body, Closures::Ignore), "{body}");
        }
    }

    #[test]
    fn a_use_of_the_name_is_no_binding() {
        for body in [
            "db.close().await",
            "let x = db.attempt(); for y in all(db) {}",
            "match db.attempt() { 1 => db.x(), _ => db.y() }",
            "x(|y| db.z(y), 1)",
            "if db.attempt() == 1 || db.x() {}",
        ] {
            assert!(!binds_db(body, Closures::Ignore), "{body}");
        }
    }

    #[test]
    fn a_value_is_told_from_other_names() {
        let is_db = |code: &str| {
            let tokens: Vec<_> = code
                .parse::<TokenStream>()
                .expect("tokens")
                .into_iter()
                .collect();
            let at = tokens
                .iter()
                .position(|token| matches!(token, TokenTree::Ident(name) if name == "db"));
            is_value(&tokens, at.expect("it is there"))
        };
        for code in ["db", "db.x()", "&mut db", "x, db, y", "db == 1", "-db"] {
            assert!(is_db(code), "{code}");
        }
        for code in [
            "x.db", "db::x()", "x::db()", "db!()", "'db", "db: 1", "db = 1",
        ] {
            assert!(!is_db(code), "{code}");
        }
    }
}
