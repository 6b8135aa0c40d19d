//! `session_factory!`: input → validate → model → expand.
//!
//! ```text
//! Input                                Output
//! pub struct AppDb(Postgres) {         pub enum AppDb {}
//!     echo = env("ECHO"),              pub struct AppDbConfig { pub url: SecretUrl, pub echo: bool, … }
//!     batch: u32 = env("BATCH"),       impl SessionFactory for AppDb { … }
//! }                                    impl AppDb { … }
//! ```

mod also;
mod backend;
mod build;
mod checks;
mod docs;
mod expand;
mod input;
mod model;
mod number;
mod own;
mod own_keys;
mod range;
mod settings;
mod standard;
mod together;
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
    let models: Vec<_> = factories
        .iter()
        .map(|factory| validate::validate(factory, &mut errors))
        .collect();
    together::factories(&models, &mut errors);
    let items: TokenStream = models.iter().map(expand::expand).collect();
    quote!(#errors #items)
}
