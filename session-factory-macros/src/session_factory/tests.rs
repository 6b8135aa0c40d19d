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

/// Cargo sets these while the tests are compiled and run: to `0`, and to a name.
#[test]
fn what_is_built_in_is_in_the_expansion_and_is_tracked() {
    let text = expand(quote!(
        pub struct AppDb(build_env("NOT_SET_BY_ANYBODY", default = "sqlite")) {
            max_overflow = build_env("CARGO_PKG_VERSION_MAJOR", default = 7),
            name: String = build_env("CARGO_PKG_NAME"),
        }
    ))
    .to_string();
    assert!(!text.contains("compile_error"), "{text}");
    assert!(text.contains("\"session-factory-macros\""), "{text}");
    for key in [
        "NOT_SET_BY_ANYBODY",
        "CARGO_PKG_VERSION_MAJOR",
        "CARGO_PKG_NAME",
    ] {
        let tracked = format!("option_env ! (\"{key}\")");
        assert_eq!(text.matches(&tracked).count(), 1, "{key} in {text}");
    }
}

#[test]
fn a_secret_is_neither_built_in_nor_tracked() {
    let text = expand(quote!(
        pub struct AppDb(Postgres) {
            url = build_env("CARGO_PKG_NAME"),
            token: SecretString = build_env("CARGO_MANIFEST_DIR"),
        }
    ))
    .to_string();
    assert_eq!(text.matches("compile_error").count(), 2);
    assert!(!text.contains("option_env"), "{text}");
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
        quote!(pub struct AppDb(Sqlite) { self: SecretString = build_env("X"), crate: 1..2 = 5 }),
        quote!(pub struct AppDb(build_env()) { x: u8 in, y: in 1..2, z: 1.. = , w: -..=- = 5 }),
        quote!(pub struct AppDb(build_env("A=B")) { x: u8 in -1..="a" = -'c', pool_size: -5..=-1 }),
        quote!(pub struct AppDb(Sqlite) { batch: u8 in 1..=340282366920938463463374607431768211455 = 5 }),
        quote!(pub struct AppDb(Sqlite) { wait: Duration in -1..=1e300 = -5, pool_timeout: -1.. }),
    ] {
        let _ = expand(tokens);
    }
}
