//! Distributes the attributes to the two functions.
//!
//! | attribute | `f` | `f_in` |
//! | --- | --- | --- |
//! | `doc`, `cfg`, lints, `must_use`, `deprecated`, `inline`, `cold` | yes | yes |
//! | those that run or register the function: `tokio::test`, `tokio::main`, `get`, `debug_handler`, … | yes | no |
//! | all others, such as `tracing::instrument`, which may name the session | no | yes |

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Meta};

use super::types::mentions;

/// True for an attribute that runs the function: such an attribute makes the function synchronous
/// and passes it no session.
pub(super) fn is_harness(attr: &Attribute) -> bool {
    matches!(
        last_name(attr).as_str(),
        "test" | "main" | "rstest" | "test_case" | "bench"
    )
}

/// True for an attribute that makes the function a test. A test exists in test builds only, so its
/// sibling must exist only there too.
fn is_test(attr: &Attribute) -> bool {
    is_harness(attr) && last_name(attr) != "main"
}

/// True for `#[with_session]` itself.
pub(super) fn is_own(attr: &Attribute) -> bool {
    last_name(attr) == "with_session"
}

/// True for an attribute that registers the function under its name, or checks whether it can be
/// registered.
fn is_registration(attr: &Attribute) -> bool {
    is_harness(attr)
        || matches!(
            last_name(attr).as_str(),
            "debug_handler"
                | "debug_middleware"
                | "handler"
                | "endpoint"
                | "command"
                | "get"
                | "post"
                | "put"
                | "patch"
                | "delete"
                | "head"
                | "options"
                | "route"
                | "no_mangle"
                | "export_name"
        )
}

fn is_for_both(attr: &Attribute) -> bool {
    const NAMES: [&str; 12] = [
        "doc",
        "cfg",
        "cfg_attr",
        "allow",
        "warn",
        "deny",
        "forbid",
        "expect",
        "must_use",
        "deprecated",
        "inline",
        "cold",
    ];
    let path = attr.path();
    NAMES.iter().any(|name| path.is_ident(name))
}

/// The attributes of `f`, without the documentation.
pub(super) fn of_opening(attrs: &[Attribute]) -> TokenStream {
    attrs
        .iter()
        .filter(|attr| !is_doc(attr) && (is_for_both(attr) || is_registration(attr)))
        .map(|attr| match &attr.meta {
            // The expected lint fires in `f_in`. In `f` the expectation would be unfulfilled, so `f` allows the lint.
            Meta::List(list) if attr.path().is_ident("expect") => {
                let lints = &list.tokens;
                quote!(#[allow(#lints)])
            }
            _ => attr.to_token_stream(),
        })
        .collect()
}

/// The attributes of `f_in`, without the documentation.
pub(super) fn of_joining(attrs: &[Attribute]) -> TokenStream {
    let in_tests = attrs.iter().any(is_test).then(|| quote!(#[cfg(test)]));
    let own = attrs
        .iter()
        .filter(|attr| !is_doc(attr) && !is_registration(attr));
    quote!(#in_tests #(#own)*)
}

/// True if the function is deprecated, even conditionally. `f` must then be allowed to call its
/// sibling.
pub(super) fn mention_deprecated(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| match &attr.meta {
        Meta::List(list) if attr.path().is_ident("cfg_attr") => {
            mentions(list.tokens.clone(), "deprecated")
        }
        _ => attr.path().is_ident("deprecated"),
    })
}

pub(super) fn is_doc(attr: &Attribute) -> bool {
    attr.path().is_ident("doc")
}

/// The attributes that a parameter of `f` keeps.
pub(super) fn of_parameter(attrs: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("cfg_attr"))
}

fn last_name(attr: &Attribute) -> String {
    attr.path()
        .segments
        .last()
        .map(|segment| segment.ident.to_string())
        .unwrap_or_default()
}
