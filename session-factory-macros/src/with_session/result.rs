//! Advises a `Result` instead of other return types: a call whose `Err` is nested in another type would be committed.

use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{GenericArgument, PathArguments, Type, TypePath};

use super::types::{last_name, mentions, plain};
use crate::diagnostics::pretty;

/// The error for a return type that is no `Result`, and what to write.
pub(super) fn refusal(output: &Type, also: &str) -> String {
    if matches!(plain(output), Type::Never(_)) {
        return "`#[with_session]` ends the session when the function returns, and this one never does; remove the \
                attribute, and open a session for each turn: `AppDb::with_session(async |db| …).await`"
            .to_owned();
    }
    format!(
        "`#[with_session]` commits on `Ok` and rolls back on `Err`, and this is not a `Result`; {}{also}",
        instead(output)
    )
}

fn instead(output: &Type) -> String {
    let (mut ok, mut inner) = (output.clone(), Inner::default());
    inner.visit_type_mut(&mut ok);
    match inner.error {
        Some(error) => format!(
            "an `Err` inside of it would be committed: write `-> Result<{}, {}>`",
            pretty(&ok),
            pretty(&error)
        ),
        None if last_name(output).is_some_and(|name| name == "Option")
            && !is_a_response(output) =>
        {
            format!(
                "write `-> Result<{}, SessionError>`, and `Ok(Some(…))` or `Ok(None)` in the body",
                pretty(output)
            )
        }
        None if is_a_response(output) => format!(
            "write `-> Result<{}, AppError>`, with `From<SessionError>` and `IntoResponse` for your `AppError`",
            pretty(output)
        ),
        None => format!("write `-> Result<{}, SessionError>`", pretty(output)),
    }
}

/// True for the return type of an axum handler. The error of such a handler must be a response too,
/// and `SessionError` is none.
fn is_a_response(output: &Type) -> bool {
    const NAMES: [&str; 7] = [
        "IntoResponse",
        "Response",
        "Json",
        "Html",
        "StatusCode",
        "Redirect",
        "Responder",
    ];
    NAMES
        .iter()
        .any(|name| mentions(output.to_token_stream(), name))
}

/// Replaces the first `Result` in a type by its `Ok` type, and keeps its error type.
#[derive(Default)]
struct Inner {
    error: Option<Type>,
}

impl VisitMut for Inner {
    fn visit_type_mut(&mut self, ty: &mut Type) {
        if self.error.is_some() {
            return;
        }
        if let Some((ok, error)) = parts(ty) {
            self.error = Some(error);
            *ty = ok;
            return;
        }
        visit_mut::visit_type_mut(self, ty);
    }
}

/// `T` and `E`, from `Result<T, E>`.
fn parts(ty: &Type) -> Option<(Type, Type)> {
    let Type::Path(TypePath { path, .. }) = plain(ty) else {
        return None;
    };
    let last = path.segments.last().filter(|last| last.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    });
    Some((types.next()?, types.next()?))
}

/// The message for a foreign error type, for which the application cannot implement `From<SessionError>`.
pub(super) fn foreign_error(output: &Type, also: &str) -> Option<String> {
    let (ok, error) = parts(output)?;
    let is_foreign = match plain(&error) {
        Type::Tuple(_) | Type::Array(_) => true,
        Type::Reference(reference) => last_name(&reference.elem).is_some_and(|name| name == "str"),
        Type::Path(path) => {
            let text = path.to_token_stream().to_string().replace(' ', "");
            matches!(
                text.as_str(),
                "String"
                    | "bool"
                    | "char"
                    | "u8"
                    | "u16"
                    | "u32"
                    | "u64"
                    | "i8"
                    | "i16"
                    | "i32"
                    | "i64"
                    | "usize"
                    | "isize"
                    | "std::io::Error"
                    | "std::fmt::Error"
                    | "http::StatusCode"
                    | "axum::http::StatusCode"
            )
        }
        _ => false,
    };
    is_foreign.then(|| {
        format!(
            "a session may fail to open or to commit, and `{}` cannot say so; write `-> Result<{}, SessionError>`{also}, or \
             an error type of your own that is `From<SessionError>`",
            pretty(&error),
            pretty(&ok)
        )
    })
}
