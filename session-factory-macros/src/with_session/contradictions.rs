//! Rejects options that contradict each other or the function. Each error points at the option.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{
    FnArg, GenericArgument, PathArguments, ReceiverKind, Type, TypeParamBound, WherePredicate,
};

use super::args::{Args, Isolation, Joined};
use super::async_trait;
use super::input::{Body, Function};
use super::output::owned;
use super::place::Place;
use super::session_param::parameters;
use super::types::{Lifetimes, is_session, last_name, mentions, plain};
use crate::diagnostics::{Errors, pretty};

pub(super) fn options(args: &Args, function: &Function, place: Place, errors: &mut Errors) {
    transaction(args, errors);
    savepoint(args, function, place, errors);
    retry(args, function, place, errors);
}

/// Checks the options of the transaction.
fn transaction(args: &Args, errors: &mut Errors) {
    let serializable = args
        .isolation
        .as_ref()
        .is_some_and(Isolation::is_serializable);
    if let Some(replica) = &args.replica {
        if args.read_only.is_none() {
            errors.at(
                replica.span,
                "a replica serves functions that only read; write `read_only` as well, or remove `replica`",
            );
        } else if serializable && !replica.is_never() {
            errors.at(
                replica.span,
                "a replica has no serializable transactions; write `isolation = \"repeatable_read\"`, or remove \
                 `replica` to use the primary",
            );
        }
    }
    if let Some(deferrable) = &args.deferrable {
        if let Some(immediate) = &args.immediate {
            errors.on(
                immediate,
                "`immediate` is for SQLite and `deferrable` for PostgreSQL; for SQLite write `immediate` alone, for PostgreSQL \
                 `isolation = \"serializable\", read_only, deferrable`",
            );
        } else if !serializable || args.read_only.is_none() {
            errors.on(
                deferrable,
                "`deferrable` works in serializable transactions that only read; \
                 write `isolation = \"serializable\", read_only, deferrable`",
            );
        }
    }
    if let (Some(immediate), Some(_), None) = (&args.immediate, &args.read_only, &args.deferrable) {
        errors.on(
            immediate,
            "`immediate` takes the write lock, and `read_only` never writes; remove one of the two",
        );
    }
}

/// How to open a savepoint without the option.
const SAVEPOINT: &str = "write `db.savepoint(async |db| { … }).await`";

/// Checks `savepoint`: it wraps the body of `f_in`, so there must be an `f_in` with a body.
fn savepoint(args: &Args, function: &Function, place: Place, errors: &mut Errors) {
    let Some(savepoint) = &args.savepoint else {
        return;
    };
    let own = &function.sig.ident;
    if place == Place::TraitImpl {
        let message = format!(
            "`savepoint` is an option of `{own}_in`, and there is none in the `impl` of a trait; \
             remove it, and {SAVEPOINT} in the body"
        );
        errors.on(savepoint, message);
    } else if matches!(function.body, Body::Required(_)) {
        let message = format!(
            "`savepoint` wraps a body, and this function has none; remove it, and {SAVEPOINT} in the body of \
             `{own}_in` in each `impl`"
        );
        errors.on(savepoint, message);
    } else if matches!(args.joined, Joined::Absent) {
        let message = format!(
            "`savepoint` is an option of `{own}_in`, which `joined = false` leaves out; remove one of the two"
        );
        errors.on(savepoint, message);
    }
    let first = parameters(function).next();
    if let (Some(factory), Some((_, first))) = (&args.factory, first)
        && let Type::Reference(reference) = plain(&first.ty)
        && !is_session(&reference.elem)
    {
        let factory = pretty(factory);
        let message = format!(
            "`savepoint` needs the session as the first parameter; write `{}: &mut Session<{factory}>`",
            pretty(&first.pat)
        );
        errors.on(savepoint, message);
    }
}

/// Checks `retry`: the function runs again with the same arguments, so no attempt may use them up.
fn retry(args: &Args, function: &Function, place: Place, errors: &mut Errors) {
    if args.retry.is_some() {
        callbacks(function, place, errors);
    }
    let (Some(retry), Some(receiver)) = (&args.retry, function.sig.receiver()) else {
        return;
    };
    let also = place.other_side();
    let used_up = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => {
            // `#[async_trait]` makes the body an `async move` block: its first run uses up an inlined `&mut self`.
            let inlined = matches!(args.joined, Joined::Absent);
            mutability.is_some() && inlined && async_trait::output(&function.sig).is_some()
        }
        ReceiverKind::Typed(_, ty) if last_name(ty).is_some_and(|name| name == "Pin") => true,
        _ => matches!(args.joined, Joined::Absent),
    };
    if used_up {
        let message = format!(
            "`retry` runs the body again, and the first run uses up `{}`; write `&self`{also}",
            pretty(receiver)
        );
        errors.at(retry.span, message);
    }
}

/// Rejects boxed closures, which are never `Clone`. Attempts can share a closure in an `Arc`.
fn callbacks(function: &Function, place: Place, errors: &mut Errors) {
    for (_, parameter) in parameters(function) {
        let Type::Path(path) = plain(&parameter.ty) else {
            continue;
        };
        let Some(boxed) = path.path.segments.last().filter(|last| last.ident == "Box") else {
            continue;
        };
        let PathArguments::AngleBracketed(arguments) = &boxed.arguments else {
            continue;
        };
        let Some(GenericArgument::Type(inner)) = arguments.args.first() else {
            continue;
        };
        let Type::TraitObject(object) = plain(inner) else {
            continue;
        };
        let mut text = pretty(object);
        let has = |name| mentions(object.to_token_stream(), name);
        // A `Box` of any other trait may be `Clone`, so it is accepted.
        let problem = if has("FnOnce") {
            "a `FnOnce` can be called only once"
        } else if has("Fn") || has("FnMut") {
            "a `Box` cannot be given to it twice"
        } else {
            continue;
        };
        text = text.replace("FnOnce", "Fn").replace("FnMut", "Fn");
        for bound in ["Send", "Sync"] {
            if !has(bound) {
                text = format!("{text} + {bound}");
            }
        }
        let message = format!(
            "`retry` runs the function again, and {problem}; write `{}: std::sync::Arc<{text}>`{}, or remove `retry`",
            pretty(&parameter.pat),
            place.other_side()
        );
        errors.on(&parameter.ty, message);
    }
}

const WHY: &str = "`detach` lets the call outlive its caller, and this is borrowed from the caller";

/// Checks `detach`: the call outlives its caller, so it must not borrow from the caller.
pub(super) fn detached(args: &Args, function: &Function, place: Place, errors: &mut Errors) {
    if args.detach.is_none() {
        return;
    }
    let also = place.other_side();
    let session_at = parameters(function).next().map(|(at, _)| at);
    may_borrow(function, session_at, errors);
    for (at, input) in function.sig.inputs.iter().enumerate() {
        match input {
            _ if Some(at) == session_at => {}
            FnArg::Receiver(receiver) => {
                let borrowed = match &receiver.kind {
                    ReceiverKind::Reference(..) => true,
                    ReceiverKind::Typed(_, ty) => !Lifetimes::of(ty).is_empty(),
                    _ => false,
                };
                if borrowed {
                    let message = format!("{WHY}; write `self: std::sync::Arc<Self>`{also}");
                    errors.on(receiver, message);
                }
            }
            FnArg::Typed(parameter) => {
                let lifetimes = Lifetimes::of(&parameter.ty);
                let named = lifetimes.named.iter().find(|name| name.ident != "static");
                let borrow = lifetimes
                    .elided
                    .first()
                    .cloned()
                    .or_else(|| named.map(ToTokens::to_token_stream));
                if let Some(borrow) = borrow {
                    let write = match plain(&parameter.ty) {
                        // The caller expects to see changes made through `&mut`, so the advice is to return the value.
                        Type::Reference(reference) if reference.mutability.is_some() => {
                            format!(
                                "return the `{}` instead, in the function's `Ok`",
                                pretty(&reference.elem)
                            )
                        }
                        Type::Reference(reference) => {
                            format!("write `{}`", owned(&reference.elem))
                        }
                        _ => "take a type that owns what it holds".to_owned(),
                    };
                    errors.on(borrow, format!("{WHY}; {write}{also}"));
                }
            }
        }
    }
}

/// Rejects parameters whose type the caller chooses, because such a type may borrow from the
/// caller. If a bound of the type may imply `'static`, the check is left to the compiler.
fn may_borrow(function: &Function, session_at: Option<usize>, errors: &mut Errors) {
    let why = "`detach` lets the call outlive its caller";
    let generics = &function.sig.generics;
    let passed: TokenStream = parameters(function)
        .filter(|(at, _)| Some(*at) != session_at)
        .map(|(_, parameter)| parameter.ty.to_token_stream())
        .collect();
    for param in generics.type_params() {
        let clauses = generics
            .where_clause
            .iter()
            .flat_map(|clause| &clause.predicates);
        let elsewhere = clauses.filter_map(|predicate| match predicate {
            WherePredicate::Type(bound) if param.ident == pretty(&bound.bounded_ty) => {
                Some(&bound.bounds)
            }
            _ => None,
        });
        let all = param.bounds.iter().chain(elsewhere.flatten());
        if mentions(passed.clone(), &param.ident.to_string()) && all.into_iter().all(says_nothing) {
            let mut bounds = pretty(&param.bounds);
            if bounds.is_empty() {
                "Send".clone_into(&mut bounds);
            }
            let message = format!(
                "{why}, and `{}` may borrow from the caller; write `{}: {bounds} + 'static`",
                param.ident, param.ident
            );
            errors.on(&param.ident, message);
        }
    }
    for (_, parameter) in parameters(function).filter(|(at, _)| Some(*at) != session_at) {
        if let Type::ImplTrait(ty) = plain(&parameter.ty)
            && ty.bounds.iter().all(says_nothing)
        {
            let message = format!(
                "{why}, and this may borrow from the caller; write `{} + 'static`",
                pretty(ty)
            );
            errors.on(ty, message);
        }
    }
}

/// True for a bound that certainly does not imply `'static`.
fn says_nothing(bound: &TypeParamBound) -> bool {
    const NAMES: [&str; 27] = [
        "Send",
        "Sync",
        "Unpin",
        "Sized",
        "Clone",
        "Copy",
        "Default",
        "Debug",
        "Display",
        "Eq",
        "PartialEq",
        "Ord",
        "PartialOrd",
        "Hash",
        "Into",
        "From",
        "TryInto",
        "AsRef",
        "Borrow",
        "ToString",
        "Iterator",
        "IntoIterator",
        "Fn",
        "FnMut",
        "FnOnce",
        "Serialize",
        "Future",
    ];
    match bound {
        TypeParamBound::Trait(bound) => bound
            .path
            .segments
            .last()
            .is_some_and(|last| NAMES.contains(&last.ident.to_string().as_str())),
        _ => false,
    }
}
