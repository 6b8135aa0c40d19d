//! Options that contradict each other or the function: each is an error on the option.

use quote::ToTokens;
use syn::{FnArg, ReceiverKind, Type};

use super::args::{Args, Isolation, Joined};
use super::async_trait;
use super::input::{Body, Function};
use super::session_param::{parameters, pretty};
use super::types::{Lifetimes, is_session, plain};
use crate::diagnostics::Errors;

pub(super) fn options(args: &Args, function: &Function, errors: &mut Errors) {
    transaction(args, errors);
    savepoint(args, function, errors);
    retry(args, function, errors);
}

/// What the transaction is to be.
fn transaction(args: &Args, errors: &mut Errors) {
    let serializable = args
        .isolation
        .as_ref()
        .is_some_and(Isolation::is_serializable);
    if let Some(replica) = &args.replica {
        if args.read_only.is_none() {
            errors.at(
                replica.span,
                "the replica is for functions that only read, and this one may write; \
                 write `read_only` as well, or remove `replica`",
            );
        } else if serializable && !replica.is_never() {
            errors.at(
                replica.span,
                "a standby has no serializable transactions, so this function uses the primary; \
                 remove `replica`, or write `isolation = \"repeatable_read\"`",
            );
        }
    }
    if let Some(deferrable) = &args.deferrable {
        if let Some(immediate) = &args.immediate {
            errors.on(
                immediate,
                "`immediate` is an option of SQLite and `deferrable` one of PostgreSQL; \
                 remove the one that is not this factory's",
            );
        } else if !serializable || args.read_only.is_none() {
            errors.on(
                deferrable,
                "`deferrable` waits for a snapshot that cannot fail, which is there for serializable \
                 transactions that only read; \
                 write `isolation = \"serializable\", read_only, deferrable`",
            );
        }
    }
    if let (Some(immediate), Some(_), None) = (&args.immediate, &args.read_only, &args.deferrable) {
        errors.on(
            immediate,
            "`immediate` takes the lock of a writer, and `read_only` never writes; remove one of the two",
        );
    }
}

/// `f_in` is what runs in the savepoint.
fn savepoint(args: &Args, function: &Function, errors: &mut Errors) {
    let Some(savepoint) = &args.savepoint else {
        return;
    };
    if matches!(args.joined, Joined::Absent) {
        errors.on(
            savepoint,
            "`savepoint` is for the function that joins a session, and `joined = false` says that there \
             is none; remove one of the two",
        );
    } else if matches!(function.body, Body::Required(_)) {
        errors.on(
            savepoint,
            "without a body there is nothing to run in a savepoint; write `savepoint` where the body is",
        );
    }
    let first = parameters(function).next();
    if let (Some(factory), Some((_, first))) = (&args.factory, first)
        && let Type::Reference(reference) = plain(&first.ty)
        && !is_session(&reference.elem)
    {
        let factory = pretty(factory);
        let message = format!(
            "`savepoint` needs the session, and this function takes a connection; \
             write `{}: &mut Session<{factory}>`",
            pretty(&first.pat)
        );
        errors.on(savepoint, message);
    }
}

/// The function as a whole runs again, each time with the same arguments.
fn retry(args: &Args, function: &Function, errors: &mut Errors) {
    let (Some(retry), Joined::Absent, Some(receiver)) =
        (&args.retry, &args.joined, function.sig.receiver())
    else {
        return;
    };
    let exclusive = matches!(receiver.kind, ReceiverKind::Reference(_, _, Some(_)));
    if exclusive && async_trait::output(&function.sig).is_some() {
        errors.at(
            retry.span,
            "`retry` runs the body again, and under `#[async_trait]` the first run keeps `&mut self`; \
             write `&self`",
        );
    } else if !matches!(receiver.kind, ReceiverKind::Reference(..)) {
        errors.at(
            retry.span,
            "`retry` runs the body again, and the first run uses up `self`; write `&self`",
        );
    }
}

const WHY: &str =
    "`detach` lets the call run on when its caller is gone, and this belongs to the caller";

/// The call goes on without its caller, so nothing of it may be the caller's.
pub(super) fn detached(args: &Args, function: &Function, errors: &mut Errors) {
    if args.detach.is_none() {
        return;
    }
    let session_at = parameters(function).next().map(|(at, _)| at);
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
                    let message = format!("{WHY}; write `self: std::sync::Arc<Self>`");
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
                    let owned = owned(&parameter.ty);
                    errors.on(borrow, format!("{WHY}; write {owned}"));
                }
            }
        }
    }
}

/// The owned type that goes with a borrowed one.
fn owned(ty: &Type) -> String {
    let Type::Reference(reference) = plain(ty) else {
        return "a type that owns what it holds".to_owned();
    };
    match plain(&reference.elem) {
        Type::Slice(slice) => format!("`Vec<{}>`", pretty(&slice.elem)),
        elem => match pretty(elem).as_str() {
            "str" => "`String`".to_owned(),
            "Path" | "std::path::Path" => "`PathBuf`".to_owned(),
            elem => format!("`{elem}` or `Arc<{elem}>`"),
        },
    }
}
