//! Expands the options, and checks that the factory supports them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};

use super::called::private;
use crate::diagnostics::respanned;
use crate::with_session::args::Limit;
use crate::with_session::model::Model;

/// `private::Options::new()` and a call for each option written; `None` if there is none.
pub(super) fn options(model: &Model<'_>) -> Option<TokenStream> {
    let private = private(model);
    let args = model.args;
    let isolation = args.isolation.as_ref().map(|isolation| {
        let level = Ident::new(isolation.level, Span::mixed_site());
        quote!(.isolation(#private::Isolation::#level))
    });
    let replica = args.replica.as_ref().map(|replica| {
        let policy = Ident::new(replica.policy, Span::mixed_site());
        quote!(.replica(#private::ReplicaPolicy::#policy))
    });
    let flags = [
        (&args.read_only, quote!(.read_only())),
        (&args.deferrable, quote!(.deferrable())),
        (&args.immediate, quote!(.immediate())),
        (&args.requires_new, quote!(.requires_new())),
    ];
    let flags = flags
        .into_iter()
        .filter_map(|(written, call)| written.as_ref().map(|_| call));
    let timeout = args.timeout.map(|limit| {
        let limit = duration(limit);
        quote!(.timeout(#limit))
    });
    let retry = args.retry.as_ref().map(|retry| {
        let (max, base, cap) = (retry.max, duration(retry.base), duration(retry.cap));
        quote!(.retry(#max, #base, #cap))
    });
    let written = quote!(#isolation #(#flags)* #replica #timeout #retry);
    let options = || quote_spanned!(Span::mixed_site()=> #private::Options::new() #written);
    (!written.is_empty()).then(options)
}

/// The duration in the largest unit that divides it, for readers of the expansion.
fn duration(Limit(limit): Limit) -> TokenStream {
    let path = quote!(::core::time::Duration);
    let nanos = limit.as_nanos();
    // Parsing has checked that the value fits.
    let fits = |number: u128| u64::try_from(number).unwrap_or(u64::MAX);
    if nanos % 1_000_000_000 == 0 {
        let seconds = limit.as_secs();
        quote!(#path::from_secs(#seconds))
    } else if nanos % 1_000_000 == 0 {
        let millis = fits(limit.as_millis());
        quote!(#path::from_millis(#millis))
    } else {
        let nanos = fits(nanos);
        quote!(#path::from_nanos(#nanos))
    }
}

/// Checks that the factory supports each option. Errors point at the option.
pub(super) fn supported(model: &Model<'_>) -> TokenStream {
    let args = model.args;
    let mut asserts = TokenStream::new();
    // Errors in code with an option's span point at the option.
    let at = |span: Span| Span::mixed_site().located_at(span);
    if let Some(isolation) = &args.isolation {
        let at = at(isolation.span);
        let private = respanned(private(model), at);
        let level = Ident::new(isolation.level, at);
        asserts.extend(quote_spanned! {at=>
            #private::SupportsIsolation::<#private::isolation::#level>::asked(parameter.factory.driver());
        });
    }
    for (written, supports) in [
        (
            args.replica.as_ref().map(|replica| replica.span),
            "SupportsReplica",
        ),
        (
            args.deferrable.as_ref().map(Ident::span),
            "SupportsDeferrable",
        ),
        (
            args.immediate.as_ref().map(Ident::span),
            "SupportsImmediate",
        ),
    ] {
        if let Some(span) = written {
            let at = at(span);
            let private = respanned(private(model), at);
            let supports = Ident::new(supports, at);
            asserts.extend(quote_spanned! {at=>
                #private::#supports::asked(parameter.factory.driver());
            });
        }
    }
    if let Some(name) = &args.requires_new {
        let at = at(name.span());
        let private = respanned(private(model), at);
        let session = model.factory.map_or_else(
            || respanned(model.session, at),
            |factory| quote_spanned!(at=> #private::Session<#factory>),
        );
        asserts.extend(quote_spanned! {at=> {
            #[allow(unused_imports)]
            use #private::RequiresNewElsewhere as _;
            (&#private::RequiresNew::<#session>::new()).check();
        }});
    }
    asserts
}
