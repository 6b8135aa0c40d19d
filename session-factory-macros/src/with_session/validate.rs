//! Every rejection: what is wrong, on the token that is wrong; what to write.

use quote::ToTokens;
use syn::{FnArg, GenericParam, Lifetime, PatType, ReceiverKind, ReturnType, Safety, Type};

use super::args::{Args, Joined};
use super::attrs;
use super::input::{Body, Function};
use super::model::Model;
use super::place::Place;
use super::types::{
    Lifetimes, behind_references, is_connection, is_session, is_surely_no_result, last_name,
    mentions, plain,
};
use crate::diagnostics::Errors;

/// The model, when the function is right; else what is wrong goes to `errors`.
pub(super) fn validate<'a>(
    args: &'a Args,
    function: &'a Function,
    place: Place,
    errors: &mut Errors,
) -> Option<Model<'a>> {
    is_async(function, errors);
    has_no_odd_qualifiers(function, errors);
    joins(args, function, place, errors);
    let output = returns_a_result(function, errors);
    let session = has_one_session(args, function, errors);
    let (session_at, reference) = session?;
    if let Some(output) = output {
        does_not_borrow(function, session_at, reference, output, errors);
    }
    let model = Model {
        function,
        place,
        session_at,
        session: &reference.elem,
        factory: args.factory.as_ref(),
        output: output?,
        joined: args.joined.name(&function.sig.ident),
        krate: args.krate(),
    };
    Some(model)
}

fn is_async(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    if sig.asyncness.is_some() {
        return;
    }
    let harness = function.attrs.iter().find(|attr| attrs::is_harness(attr));
    let statements = function.statements();
    let output = sig.output.to_token_stream();
    let boxed = ["Pin", "Box", "dyn", "Future"]
        .iter()
        .all(|word| mentions(output.clone(), word));
    if harness.is_some() || mentions(statements, "block_on") {
        errors.on(
            sig.fn_token,
            "an attribute above `#[with_session]` has already made this function synchronous; \
             write `#[with_session]` first and `#[tokio::test]` or `#[tokio::main]` below it",
        );
    } else if boxed && mentions(sig.generics.to_token_stream(), "async_trait") {
        errors.on(
            sig.fn_token,
            "`#[async_trait]` has already rewritten this function; write `#[with_session]` on an \
             `async fn` outside of the trait's `impl`, and call it from this method",
        );
    } else if boxed || mentions(output, "Future") {
        let message = format!(
            "`#[with_session]` needs an `async fn`, and this one returns a future; \
             write `async fn {}(…) -> Result<T, E>`",
            sig.ident
        );
        errors.on(sig.fn_token, message);
    } else {
        let message = format!(
            "`#[with_session]` needs an `async fn`; write `async fn {}`",
            sig.ident
        );
        errors.on(sig.fn_token, message);
    }
}

fn has_no_odd_qualifiers(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    if let Some(token) = sig.constness {
        errors.on(token, "a `const fn` cannot open a session; remove `const`");
    }
    if let Safety::Unsafe(token) = sig.safety {
        let word = token.to_token_stream();
        let message = format!(
            "`#[with_session]` would call this function where nobody has promised what `{word}` asks \
             for; remove `{word}`, and put it around the lines in the body that need it"
        );
        errors.on(token, message);
    }
    if let Some(abi) = &sig.abi {
        errors.on(
            abi,
            "an `extern` function cannot be `async`; remove `extern`",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.on(
            variadic,
            "a variable number of arguments cannot be passed on; write a slice or a `Vec` instead",
        );
    }
}

fn joins(args: &Args, function: &Function, place: Place, errors: &mut Errors) {
    let own = &function.sig.ident;
    match &args.joined {
        Joined::Named(name) if name == own => {
            let message = format!(
                "`{own}` is the name of the function itself; write another name for `joined`"
            );
            errors.on(name, message);
        }
        Joined::Default if place == Place::TraitImpl && function.sig.asyncness.is_some() => errors
            .on(
                own,
                format!(
                    "a trait's `impl` has room for the trait's own functions only, and not for \
                 `{own}_in`; write `#[with_session(joined = false)]`"
                ),
            ),
        Joined::Absent if matches!(function.body, Body::Required(_)) => {
            errors.on(
                own,
                "without a body there is nothing but `joined`; remove `joined = false`",
            );
        }
        _ => {}
    }
}

fn returns_a_result<'a>(function: &'a Function, errors: &mut Errors) -> Option<&'a Type> {
    let sig = &function.sig;
    match &sig.output {
        ReturnType::Default => {
            errors.at(
                sig.paren_token.span.close(),
                "`#[with_session]` needs to know whether to commit, and this function returns \
                 nothing; write `-> Result<(), E>`",
            );
            None
        }
        // Reported already, as the function that it is not.
        ReturnType::Type(_, output) if sig.asyncness.is_none() => Some(output),
        ReturnType::Type(_, output) if is_surely_no_result(output) => {
            let message = format!(
                "`#[with_session]` commits on `Ok` and rolls back on `Err`, and this is no `Result`; \
                 write `-> Result<{}, E>`",
                pretty(output)
            );
            errors.on(output, message);
            None
        }
        ReturnType::Type(_, output) => Some(output),
    }
}

/// The parameters after `self`, with their positions.
fn parameters(function: &Function) -> impl Iterator<Item = (usize, &PatType)> {
    function
        .sig
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(at, input)| match input {
            FnArg::Typed(parameter) => Some((at, parameter)),
            FnArg::Receiver(_) => None,
        })
}

fn has_one_session<'a>(
    args: &Args,
    function: &'a Function,
    errors: &mut Errors,
) -> Option<(usize, &'a syn::TypeReference)> {
    let sig = &function.sig;
    let write = format!("`db: &mut Session<{}>`", factory_name(args));
    let Some((at, first)) = parameters(function).next() else {
        let message = format!("there is no session; write {write} as the first parameter");
        errors.at(sig.paren_token.span.close(), message);
        return None;
    };
    let looks_right = |ty: &Type| is_session(ty) || is_connection(ty);
    let later = parameters(function)
        .skip(1)
        .find(|(_, other)| looks_right(behind_references(&other.ty)));
    if !looks_right(behind_references(&first.ty)) {
        if let Some((_, later)) = later {
            let message = format!(
                "the session must be the first parameter; move `{}` to the front",
                pretty(later)
            );
            errors.on(later, message);
            return None;
        }
    }
    let Type::Reference(reference) = plain(&first.ty) else {
        if is_session(&first.ty) || is_connection(&first.ty) {
            let message = format!(
                "the session is taken by value, but it belongs to whoever opened it; \
                 write `{}: &mut {}`",
                pretty(&first.pat),
                pretty(&first.ty)
            );
            errors.on(&first.ty, message);
        } else {
            let message =
                format!("the first parameter is not a session; write {write} in front of it");
            errors.on(first, message);
        }
        return None;
    };
    if reference.mutability.is_none() {
        let elem = &reference.elem;
        if looks_right(elem) || args.factory.is_some() {
            let message = format!(
                "the session is borrowed without `mut`, so nothing could run on it; write `&mut {}`",
                pretty(elem)
            );
            errors.on(&first.ty, message);
        } else {
            let message =
                format!("the first parameter is not a session; write {write} in front of it");
            errors.on(first, message);
        }
        return None;
    }
    session_type(args, function, &reference.elem, errors);
    if let Some((_, second)) = later.filter(|(_, second)| same(&second.ty, &first.ty)) {
        let message = format!(
            "a second session of the same factory; a function has one, so remove `{}`",
            pretty(second)
        );
        errors.on(second, message);
    }
    Some((at, reference))
}

/// The type behind `&mut` is one that `f` can name and make.
fn session_type(args: &Args, function: &Function, ty: &Type, errors: &mut Errors) {
    let write = format!("`&mut Session<{}>`", factory_name(args));
    if is_connection(ty) && args.factory.is_none() {
        let name = last_name(ty).unwrap_or_default();
        let message = format!(
            "nothing says which factory this connection comes from; \
             write `#[with_session(AppDb)]` with your factory, or {write} instead of `{name}`"
        );
        errors.on(ty, message);
        return;
    }
    match plain(ty) {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            let message = format!(
                "the session's type has to be named, so that one can be opened; write {write}"
            );
            errors.on(ty, message);
        }
        Type::Path(path) if is_type_parameter(function, &path.path) => {
            let message = format!(
                "callers could not say what `{}` is once the session is gone; write {write}",
                pretty(ty)
            );
            errors.on(ty, message);
        }
        Type::Reference(_) => {
            errors.on(ty, format!("a reference too many; write {write}"));
        }
        _ => {}
    }
}

fn is_type_parameter(function: &Function, path: &syn::Path) -> bool {
    path.get_ident().is_some_and(|name| {
        function
            .sig
            .generics
            .params
            .iter()
            .any(|param| matches!(param, GenericParam::Type(param) if param.ident == *name))
    })
}

/// `f` closes the session before it returns, so that nothing it returns may borrow from it.
fn does_not_borrow(
    function: &Function,
    session_at: usize,
    session: &syn::TypeReference,
    output: &Type,
    errors: &mut Errors,
) {
    let name = &function.sig.ident;
    if let Some(lifetime) = session
        .lifetime
        .as_ref()
        .filter(|lifetime| lifetime.ident == "static")
    {
        let message = "a session does not live that long; remove `'static`";
        errors.on(lifetime, message);
        return;
    }
    let in_output = Lifetimes::of(output);
    let mut of_session: Vec<Lifetime> = Lifetimes::of(&session.elem).named;
    of_session.extend(session.lifetime.clone());
    if let Some(borrow) = in_output
        .named
        .iter()
        .find(|used| of_session.contains(used))
    {
        let message = format!(
            "the return type borrows from the session, which `{name}` closes before it returns; \
             return owned data, or, when it borrows from another argument, remove `{borrow}` from \
             the session's type"
        );
        errors.on(borrow, message);
        return;
    }
    // What an elided lifetime means: `self`'s when that is a reference, else the only one there is.
    let elided_from_self = function
        .sig
        .receiver()
        .is_some_and(|receiver| match &receiver.kind {
            ReceiverKind::Reference(..) => true,
            ReceiverKind::Typed(_, ty) => !Lifetimes::of(ty).is_empty(),
            _ => false,
        });
    let elsewhere = parameters(function)
        .any(|(at, parameter)| at != session_at && !Lifetimes::of(&parameter.ty).is_empty());
    if let Some(borrow) = in_output
        .elided
        .first()
        .filter(|_| !elided_from_self && !elsewhere)
    {
        let message = format!(
            "the return type borrows from the session, which `{name}` closes before it returns; \
             return owned data, such as `String` instead of `&str`"
        );
        errors.on(borrow, message);
    }
}

/// How the factory is called in a message that says what to write.
fn factory_name(args: &Args) -> String {
    args.factory
        .as_ref()
        .map_or_else(|| "AppDb".to_owned(), pretty)
}

fn same(one: &Type, other: &Type) -> bool {
    one.to_token_stream().to_string() == other.to_token_stream().to_string()
}

/// Tokens as somebody would have written them.
fn pretty(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" :", ":"),
        ("< ", "<"),
        (" <", "<"),
        ("( )", "()"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}
