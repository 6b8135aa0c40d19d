//! Reads literals, and writes durations as tokens.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Expr, ExprLit, Lit};

/// The expression as a literal, if it is one.
pub(super) fn literal(value: &Expr) -> Option<&Lit> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => Some(lit),
        // An argument that `macro_rules!` passes on is wrapped in an invisible group.
        Expr::Group(group) => literal(&group.expr),
        Expr::Paren(paren) => literal(&paren.expr),
        _ => None,
    }
}

/// True if a literal's suffix is a unit, as in `500ms`, and not a number type. Without this check
/// the macro would read the number as seconds.
pub(super) fn has_unit(suffix: &str) -> bool {
    let types = [
        "", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64",
    ];
    !types.contains(&suffix)
}

/// A duration as an expression.
pub(super) fn duration_tokens(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}
