//! Every rejection: what is wrong, on the token that is wrong; what to write.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Lifetime, ReceiverKind, ReturnType, Safety, Type};

use super::args::{Args, Joined};
use super::input::{Body, Function};
use super::model::Model;
use super::place::Place;
use super::session_param::{has_one_session, parameters, pretty};
use super::types::{Lifetimes, is_surely_no_result, mentions};
use super::{async_trait, attrs, contradictions, source};
use crate::diagnostics::Errors;

/// The model, when the function is right; else what is wrong goes to `errors`.
pub(super) fn validate<'a>(
    args: &'a Args,
    function: &'a Function,
    place: Place,
    before: Option<&str>,
    errors: &mut Errors,
) -> Option<Model<'a>> {
    is_async(function, errors);
    has_no_odd_qualifiers(function, errors);
    stands_above_those_who_look(before, errors);
    is_annotated_once(function, errors);
    joins(args, function, place, errors);
    contradictions::options(args, function, errors);
    contradictions::detached(args, function, errors);
    let output = returns_a_result(function, errors);
    let session = has_one_session(args, function, errors);
    let (session_at, reference) = session?;
    if let Some(output) = output
        && is_async_still(function)
    {
        does_not_borrow(function, session_at, reference, output, errors);
    }
    let model = Model {
        args,
        function,
        place,
        session_at,
        session: &reference.elem,
        factory: args.factory.as_ref(),
        output: output?,
        boxed: async_trait::output(&function.sig).is_some(),
        joined: args.joined.name(&function.sig.ident),
        krate: args.krate(),
    };
    Some(model)
}

fn is_async(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    if sig.asyncness.is_some() || async_trait::output(sig).is_some() {
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

fn is_annotated_once(function: &Function, errors: &mut Errors) {
    if let Some(second) = function.attrs.iter().find(|attr| attrs::is_own(attr)) {
        let message =
            "a second `#[with_session]` on the same function; write all options in the first";
        errors.on(second, message);
    }
}

/// Axum's checks look at the parameters, of which the session is none of its extractors.
fn stands_above_those_who_look(before: Option<&str>, errors: &mut Errors) {
    let above =
        before.and_then(|before| source::above(before, &["debug_handler", "debug_middleware"]));
    if let Some(name) = above {
        let message = format!(
            "`#[{name}]` above `#[with_session]` takes the session for an extractor; \
             write `#[with_session]` first and `#[{name}]` below it"
        );
        errors.at(Span::call_site(), message);
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
        Joined::Default if place == Place::TraitImpl && is_async_still(function) => {
            errors.on(own, no_room_for(&format!("{own}_in")));
        }
        Joined::Named(name) if place == Place::TraitImpl && is_async_still(function) => {
            errors.on(name, no_room_for(&name.to_string()));
        }
        Joined::Absent if matches!(function.body, Body::Required(_)) => {
            errors.on(
                own,
                "without a body there is nothing but `joined`; remove `joined = false`",
            );
        }
        _ => {}
    }
}

fn no_room_for(name: &str) -> String {
    format!(
        "a trait's `impl` has room for the trait's own functions only, and not for `{name}`; \
         write `#[with_session(joined = false)]`"
    )
}

/// `async`, or what `#[async_trait]` makes of that.
fn is_async_still(function: &Function) -> bool {
    function.sig.asyncness.is_some() || async_trait::output(&function.sig).is_some()
}

fn returns_a_result<'a>(function: &'a Function, errors: &mut Errors) -> Option<&'a Type> {
    let sig = &function.sig;
    if let Some(output) = async_trait::output(sig) {
        return Some(output);
    }
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
