//! Rejects what is wrong. Each error points at the wrong token and says what to write.

use std::cell::Cell;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{ReturnType, Safety, Type};

use super::args::Args;
use super::input::Function;
use super::model::Model;
use super::place::Place;
use super::session_param::has_one_session;
use super::source::Source;
use super::types::{is_surely_no_result, mentions, names_a_future};
use super::{async_trait, attrs, contradictions, joined, output, result, source};
use crate::diagnostics::Errors;

/// The model of a valid function. `None` after reporting what is wrong to `errors`.
pub(super) fn validate<'a>(
    args: &'a Args,
    function: &'a Function,
    place: Place,
    source: Option<&Source>,
    errors: &mut Errors,
) -> Option<Model<'a>> {
    is_async(function, place, errors);
    has_no_odd_qualifiers(function, errors);
    is_annotated_once(function, errors);
    joined::has_room(args, function, place, source, errors);
    contradictions::options(args, function, place, errors);
    contradictions::detached(args, function, place, errors);
    let output = returns_a_result(function, place, errors);
    let session = has_one_session(args, function, source, errors);
    let (session_at, reference) = session?;
    if let Some(output) = output
        && async_trait::is_async_still(function)
    {
        output::is_owned(function, session_at, reference, output, place, errors);
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

fn is_async(function: &Function, place: Place, errors: &mut Errors) {
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
    let name = &sig.ident;
    let also = place.other_side();
    if harness.is_some() || mentions(statements, "block_on") {
        errors.on(
            sig.fn_token,
            "an attribute above `#[with_session]` has already made this function synchronous; \
             write `#[with_session]` first and `#[tokio::test]` or `#[tokio::main]` below it",
        );
    } else if boxed || names_a_future(output) {
        let message = format!(
            "`#[with_session]` needs an `async fn`, and this function returns a future; \
             write `async fn {name}(…) -> Result<T, E>`{also}"
        );
        errors.on(sig.fn_token, message);
    } else {
        let without = match (&sig.constness, &sig.abi) {
            (Some(_), _) => " without `const`",
            (None, Some(_)) => " without `extern`",
            (None, None) => "",
        };
        let message = format!(
            "`#[with_session]` needs an `async fn`; write `async fn {name}`{without}{also}"
        );
        errors.on(sig.fn_token, message);
    }
}

fn has_no_odd_qualifiers(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    let is_async = sig.asyncness.is_some();
    if let (Some(token), true) = (sig.constness, is_async) {
        errors.on(token, "an `async fn` cannot be `const`; remove `const`");
    }
    if let Safety::Unsafe(token) = sig.safety {
        let word = token.to_token_stream();
        let message = format!(
            "the caller of an `{word}` function has to keep a promise, and generated code cannot; \
             remove `{word}` here, and write it around the lines in the body that need it"
        );
        errors.on(token, message);
    }
    if let (Some(abi), true) = (&sig.abi, is_async) {
        errors.on(abi, "an `async fn` cannot be `extern`; remove `extern`");
    }
    if let Some(variadic) = &sig.variadic {
        errors.on(
            variadic,
            "`#[with_session]` cannot pass on a variable number of arguments; take a slice or a `Vec` instead",
        );
    }
}

fn is_annotated_once(function: &Function, errors: &mut Errors) {
    if let Some(second) = function.attrs.iter().find(|attr| attrs::is_own(attr)) {
        let message = "`#[with_session]` stands here a second time; write all options in one, and remove the other";
        errors.on(second, message);
    }
}

thread_local! {
    /// The place of the last error about axum's attribute. That attribute makes the compiler expand
    /// the function twice, but the error is reported once.
    static REPORTED: Cell<Option<usize>> = const { Cell::new(None) };
}

/// True if axum's check is above `#[with_session]`. That check requires every parameter to be an extractor,
/// and the session is none. The macro then emits the function unchanged, as axum's check has seen it.
pub(super) fn is_looked_at(source: Option<&Source>, errors: &mut Errors) -> bool {
    let Some(source) = source else {
        return false;
    };
    let before = source.before();
    let Some(name) = source::above(before, &["debug_handler", "debug_middleware"]) else {
        return false;
    };
    if REPORTED.replace(Some(before.len())) != Some(before.len()) {
        let message = format!(
            "`#[{name}]` above `#[with_session]` takes the session for an extractor; \
             write `#[with_session]` first and `#[{name}]` below it"
        );
        errors.at(Span::call_site(), message);
    }
    true
}

fn returns_a_result<'a>(
    function: &'a Function,
    place: Place,
    errors: &mut Errors,
) -> Option<&'a Type> {
    let sig = &function.sig;
    if let Some(output) = async_trait::output(sig) {
        return Some(output);
    }
    match &sig.output {
        ReturnType::Default => {
            errors.at(
                sig.paren_token.span.close(),
                format!(
                    "`#[with_session]` commits on `Ok` and rolls back on `Err`, and this function returns \
                     neither; write `-> Result<(), SessionError>`{}",
                    place.other_side()
                ),
            );
            None
        }
        // The missing `async` is reported already.
        ReturnType::Type(_, output) if sig.asyncness.is_none() => Some(output),
        ReturnType::Type(_, output) if is_surely_no_result(output) => {
            errors.on(output, result::refusal(output, place.other_side()));
            None
        }
        ReturnType::Type(_, output) => {
            if let Some(message) = result::foreign_error(output, place.other_side()) {
                errors.on(output, message);
                return None;
            }
            Some(output)
        }
    }
}
