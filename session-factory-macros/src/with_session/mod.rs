//! `#[with_session]`: args and input → validate → model → expand.
//!
//! ```text
//! Input                                        Output
//! #[with_session]                              async fn f_in(db: &mut Session<F>, x: X) -> R { … }
//! async fn f(db: &mut Session<F>, x: X) -> R   async fn f(x: X) -> R {
//! { … }                                            open; f_in(session, x).await; finish
//!                                              }
//! ```

mod args;
mod async_trait;
mod attrs;
mod contradictions;
mod docs;
mod expand;
mod given_a_session;
mod half_typed;
mod input;
mod joined;
mod misuse;
mod model;
mod output;
pub(crate) mod place;
mod result;
mod session_param;
mod session_use;
mod source;
mod types;
mod validate;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;
use args::Args;
use input::Function;
use place::Place;
use source::Source;

/// Expands one annotated function.
pub(crate) fn expand(args: TokenStream, item: &TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args = Args::parse(args, item, &mut errors);
    let source = Source::of_attribute();
    let source = source.as_ref();
    let mut function = match Function::parse(item) {
        Ok(function) => function,
        Err(error) => {
            if let Some(function) = half_typed::parse(item) {
                let place = Place::find(&function, source);
                let item = expand::after_errors(&args, &function, place, source);
                return quote!(#errors #item);
            }
            if input::is_read_by_the_compiler(&error, item) {
                // The compiler finds the same error again in the item, and shows it only once.
                return quote!(#errors #[allow(unused)] #item);
            }
            errors.push(input::in_words(error));
            if input::is_closure(item) {
                // A closure may be in the place of an expression, so a block surrounds the errors.
                return quote!({ #errors #item });
            }
            return quote!(#errors #item);
        }
    };
    if validate::is_looked_at(source, &mut errors) {
        return quote!(#errors #[allow(unused)] #function);
    }
    if place::is_self_misplaced(&function, source) {
        return quote!(#errors #[allow(unused)] #function);
    }
    let place = Place::find(&function, source);
    session_use::joins(&mut function, source, &mut errors);
    misuse::report(&mut function, source, &mut errors);
    given_a_session::report(&args, &function, place, source, &mut errors);
    let model = validate::validate(&args, &function, place, source, &mut errors);
    match model {
        Some(model) if errors.is_empty() => expand::expand(&model),
        _ => {
            let item = expand::after_errors(&args, &function, place, source);
            quote!(#errors #item)
        }
    }
}
