//! Tests of the expansion of a test.

use expect_test::expect;
use quote::quote;

fn expanded(args: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> String {
    let tokens = super::expand(args, item);
    let file = syn::parse2(tokens).map(|file| prettyplease::unparse(&file));
    file.unwrap_or_else(|error| error.to_string())
}

#[test]
fn a_test_is_the_function_as_it_was_written_inside_of_one_that_runs_it() {
    let expanded = expanded(
        quote!(AppDb, fresh, fixtures = [users, "posts.sql"], within = "2s"),
        &quote! {
            /// Two writers meet.
            #[should_panic(expected = "busy")]
            async fn meet(db: Test<AppDb>) -> QueryResult<()> { write(&db).await }
        },
    );
    expect![[r#"
        /// Two writers meet.
        #[should_panic(expected = "busy")]
        #[::core::prelude::v1::test]
        fn meet() {
            async fn meet(db: Test<AppDb>) -> QueryResult<()> {
                write(&db).await
            }
            ::session_factory::__private::testing::run(
                &::session_factory::__private::testing::Plan::new(
                        ::core::concat!(::core::module_path!(), "::", "meet"),
                        ::core::env!("CARGO_MANIFEST_DIR"),
                    )
                    .fresh()
                    .within(::core::time::Duration::new(2u64, 0u32))
                    .panics(::core::option::Option::Some("busy")),
                &[
                    &::session_factory::__private::testing::Wanted::<
                        AppDb,
                    >::new(
                        ::std::vec![
                            ::session_factory::__private::testing::Fixture::function("users",
                            users),
                            ::session_factory::__private::testing::Fixture::sql("posts.sql",
                            ::core::include_str!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"),
                            "/", "posts.sql")),)
                        ],
                    ),
                ],
                |__session_factory_tests| meet(
                    ::session_factory::__private::testing::parameter::<
                        Test<AppDb>,
                        AppDb,
                    >(__session_factory_tests),
                ),
            );
        }
    "#]]
    .assert_eq(&expanded);
}

/// The messages of the errors in an expansion.
fn messages(args: proc_macro2::TokenStream, item: &proc_macro2::TokenStream) -> Vec<String> {
    let tokens = super::expand(args, item).to_string();
    let parts = tokens.split("compile_error ! {").skip(1);
    parts
        .filter_map(|part| {
            let text = format!("{}\"", part.split("\" }").next()?.trim());
            let text = syn::parse_str::<syn::LitStr>(&text).ok()?;
            Some(text.value())
        })
        .collect()
}

#[test]
fn each_mistake_is_named_with_what_to_write() {
    let test = quote!(
        async fn pays() {}
    );
    for (args, expected) in [
        (
            quote!(),
            "the test's factory is missing; write `#[session_factory::test(AppDb, fresh)]`",
        ),
        (
            quote!(AppDb, rollback, fresh),
            "a test is rolled back, or it has a database of its own; remove this, or `fresh`",
        ),
        (
            quote!(AppDb, rollback, keep),
            "a test that is rolled back leaves nothing that could be kept; write `fresh` in place of `rollback`",
        ),
        (
            quote!(AppDb, fresh, ids = "as_they_are"),
            "a database of its own continues the template's sequences; remove this",
        ),
        (
            quote!(AppDb, ids = "new"),
            "write `ids = \"from_template\"` or `ids = \"as_they_are\"`",
        ),
        (
            quote!(AppDb, fresh, flavor = "multi_thread"),
            "there is no option `flavor`; write `runtime = \"multi_thread\"`",
        ),
        (
            quote!(AppDb, fresh, fixture = ["a.sql"]),
            "there is no option `fixture` (did you mean `fixtures`?); the options are rollback, fresh, migrations, fixtures, ids, \
             runtime, workers, start_paused, stray, within, keep, crate",
        ),
        (
            quote!(AppDb, fresh, fixtures = [users()]),
            "a fixture is named, not called; write `users` without the parentheses",
        ),
        (
            quote!(AppDb, fresh, workers = 2),
            "a runtime of one thread has no workers; write `runtime = \"multi_thread\"` as well, or remove this",
        ),
        (
            quote!(AppDb, fresh, keep = true),
            "`keep` takes no value; write `keep` alone, or remove it",
        ),
        (
            quote!(AppDb, fresh, stray = "ignore"),
            "write `stray = \"fail\"` or `stray = \"wait\"`",
        ),
        (
            quote!(AppDb, fresh, within = "soon"),
            "\"soon\" is not a duration; write `within = \"5s\"`",
        ),
        (
            quote!(AppDb, ReportsDb, fresh, fixtures = [users]),
            "the test has several factories, so say which one this is for; write `AppDb(fixtures = …)`",
        ),
        (
            quote!(AppDb, fresh, AppDb),
            "`AppDb` is written twice; write it once",
        ),
        (
            quote!(AppDb(keep), fresh),
            "a factory's parentheses have `migrations` and `fixtures`; write `keep` behind them",
        ),
        (
            quote!(AppDb, fresh, migrations = "migrations"),
            "a folder is read by `embed_migrations!` of the crate `diesel_migrations`; write `migrations = crate::MIGRATIONS`, \
             the constant that has its result",
        ),
        (
            quote!(AppDb, fresh, migrations = embed_migrations!()),
            "migrations are named by the path of a constant; write `migrations = crate::MIGRATIONS`",
        ),
        (
            quote!(AppDb, fresh, fresh),
            "`fresh` is written twice; write it once",
        ),
    ] {
        assert_eq!(messages(args.clone(), &test), [expected], "{args}");
    }
    for (item, expected) in [
        (
            quote!(
                fn pays() {}
            ),
            "a test of a database is asynchronous; write `async fn`",
        ),
        (
            quote!(
                #[tokio::test]
                async fn pays() {}
            ),
            "`#[session_factory::test]` makes the function a test already; remove this attribute",
        ),
        (
            quote!(
                struct Pays;
            ),
            "a test is an `async fn`; write `async fn name(db: Test<AppDb>) { … }`",
        ),
    ] {
        assert_eq!(messages(quote!(AppDb, fresh), &item), [expected], "{item}");
    }
}
