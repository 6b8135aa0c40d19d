//! `session_factory!`: input → validate → model → expand.
//!
//! ```text
//! Input                                Output
//! pub struct AppDb(Postgres) {         pub enum AppDb {}
//!     echo = env("ECHO"),              pub struct AppDbConfig { pub url: SecretUrl, pub echo: bool, … }
//!     batch: u32 = env("BATCH"),       impl SessionFactory for AppDb { … }
//! }                                    impl AppDb { … }
//! ```

mod backend;
mod checks;
mod docs;
mod expand;
mod input;
mod model;
mod own_keys;
mod settings;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use proc_macro2::TokenStream;
use quote::quote;

use crate::diagnostics::Errors;

/// The whole of the macro.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let factories = input::parse(tokens, &mut errors);
    let factories = validate::distinct(factories, &mut errors);
    let items: TokenStream = factories
        .iter()
        .map(|factory| {
            let model = validate::validate(factory, &mut errors);
            expand::expand(&model)
        })
        .collect();
    quote!(#errors #items)
}
