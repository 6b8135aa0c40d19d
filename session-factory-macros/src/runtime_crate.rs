//! The path by which generated code names the runtime crate.

use proc_macro2::Span;
use syn::Path;

/// The path that the option `crate` names, else `::session_factory`.
pub(crate) fn runtime_crate(named: Option<&Path>) -> Path {
    named
        .cloned()
        .unwrap_or_else(|| syn::parse_quote_spanned!(Span::mixed_site()=> ::session_factory))
}
