use std::fmt::Write as _;

use expect_test::expect_file;
use proc_macro2::TokenStream;
use quote::quote;
use syn::{File, Item};

use super::settings::STANDARD;
use super::{expand, foreign};
use crate::diagnostics::same_name;

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
    let [Item::Macro(needing_the_driver)] = file.items.as_slice() else {
        panic!("{text}");
    };
    // Skips the names and the uses.
    let tokens = needing_the_driver.mac.tokens.clone();
    let items: TokenStream = tokens.into_iter().skip(2).collect();
    let file: File = syn::parse2(items).expect("the items are Rust");
    let (Item::Struct(factory), Item::Struct(config)) = (&file.items[0], &file.items[2]) else {
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
        text.contains("struct AppDb") && text.contains("struct AppDbConfig"),
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

/// Cargo sets the two `CARGO_PKG_…` variables when it compiles the tests and when it runs them.
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
        quote!(pub struct r#app-r#db(Sqlite) { pool.r#size = 5, r#type-r#fn = , self.echo <= }),
        quote!(pub struct AppDb(Sqlite) { pool { r#size: , = }, x = [,], pool_size = 1 / 0 - -(1), env() }),
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

/// The error for another library's name says what to write here.
#[test]
fn each_name_of_another_library_is_answered() {
    let mut answers = String::new();
    for name in foreign::all() {
        let ident: proc_macro2::Ident = syn::parse_str(name).expect("it is a name");
        let text = expand(quote!(pub struct AppDb(Postgres) { #ident = 5 })).to_string();
        assert_eq!(text.matches("compile_error").count(), 1, "{name}: {text}");
        let start = text.find("there is no setting").expect(name);
        let message = &text[start..start + text[start..].find(" }").expect(name)];
        let answer = message.split_once("; ").expect(name).1.trim_end();
        let answer = answer.trim_end_matches('"').replace("\\\"", "\"");
        writeln!(answers, "{name}: {answer}").expect("a string takes everything");
    }
    assert!(answers.lines().count() > 200);
    expect_file!["names_of_other_libraries.txt"].assert_eq(&answers);
}

/// One name has one meaning, and no setting of ours is in the list of foreign names.
#[test]
fn the_names_of_other_libraries_are_told_apart() {
    let names: Vec<_> = foreign::all().collect();
    for (at, name) in names.iter().enumerate() {
        let twice = names[..at].iter().find(|other| same_name(other, name));
        assert_eq!(twice, None, "{name}");
        let setting = STANDARD
            .iter()
            .find(|setting| same_name(setting.name, name));
        assert!(setting.is_none(), "{name}");
    }
}
