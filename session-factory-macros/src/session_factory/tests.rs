use proc_macro2::TokenStream;
use quote::quote;
use syn::{File, Item};

use super::expand;
use super::settings::STANDARD;

fn errors(tokens: TokenStream) -> usize {
    expand(tokens).to_string().matches("compile_error").count()
}

#[test]
fn the_short_form_makes_the_type_its_configuration_and_its_calls() {
    let tokens = expand(quote!(
        /// Mine.
        pub struct AppDb(Postgres);
    ));
    let text = tokens.to_string();
    assert!(!text.contains("compile_error"), "{text}");
    let file: File = syn::parse2(tokens).expect("the expansion is Rust");
    let [
        Item::Enum(factory),
        Item::Impl(_),
        Item::Struct(config),
        Item::Macro(_),
    ] = file.items.as_slice()
    else {
        panic!("{text}");
    };
    assert_eq!(
        (factory.ident.to_string(), config.ident.to_string()),
        ("AppDb".into(), "AppDbConfig".into())
    );
    assert_eq!(config.fields.len(), STANDARD.len());
}

#[test]
fn a_prefix_is_for_the_keys_that_are_not_written() {
    let text = expand(quote!(
        struct ReportsDb(Sqlite) { prefix = "REPORTS_", echo = env("ECHO"), max_overflow = 0 }
    ))
    .to_string();
    assert!(text.contains("\"REPORTS_DATABASE_URL\"") && text.contains("\"REPORTS_DB_POOL_SIZE\""));
    assert!(text.contains("\"ECHO\"") && !text.contains("REPORTS_DB_ECHO"));
    assert!(!text.contains("DB_MAX_OVERFLOW"), "a constant has no key");
}

#[test]
fn all_mistakes_are_told_at_once_and_the_type_is_there() {
    let tokens = quote!(
        pub struct AppDb(Postgres) { ecko = true, pool_size = 0, echo, pool_timeout = "soon" }
    );
    assert_eq!(errors(tokens.clone()), 4);
    let text = expand(tokens).to_string();
    assert!(
        text.contains("enum AppDb") && text.contains("struct AppDbConfig"),
        "{text}"
    );
}

#[test]
fn no_secret_gets_into_the_expansion() {
    let text = expand(quote!(
        pub struct AppDb(Postgres) {
            url = "postgres://ada:hunter2@localhost",
            replica_url = env("REPLICA", default = "postgres://ada:hunter2@localhost"),
            token: SecretString = env("TOKEN", default = "hunter2"),
            other: Option<SecretString> = "hunter2",
        }
    ))
    .to_string();
    assert_eq!(text.matches("compile_error").count(), 4);
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn no_input_makes_it_panic() {
    for tokens in [
        quote!(),
        quote!(struct),
        quote!(pub struct AppDb()),
        quote!(pub struct AppDb(Postgres) { , }),
        quote!(pub struct AppDb(Postgres) { = }),
        quote!(pub struct AppDb(Postgres) { : u32 = 5, x: = 5 }),
        quote!(pub struct AppDb(Postgres) { env("X") = env("Y") }),
        quote!(pub struct AppDb(Postgres) { x: u8 = env("X", default = ), crate = 5 }),
        quote!(pub struct AppDb(::)),
        quote!(pub struct AppDb(Postgres) { url = env("A"),,, } ;;),
        quote!(pub struct r#type(Sqlite) { r#fn: u8 = 5, echo = -true }),
    ] {
        let _ = expand(tokens);
    }
}
