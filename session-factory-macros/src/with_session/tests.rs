use proc_macro2::TokenStream;
use quote::quote;
use syn::{File, Item, ItemFn};

use super::expand;

fn functions(tokens: TokenStream) -> Vec<ItemFn> {
    let file: File = syn::parse2(tokens).expect("the expansion is Rust");
    file.items
        .into_iter()
        .filter_map(|item| match item {
            Item::Fn(function) => Some(function),
            _ => None,
        })
        .collect()
}

fn names(functions: &[ItemFn]) -> Vec<String> {
    functions
        .iter()
        .map(|function| function.sig.ident.to_string())
        .collect()
}

fn docs(function: &ItemFn) -> String {
    quote!(#function).to_string()
}

#[test]
fn the_joining_function_is_the_users_own() {
    let item = quote! {
        /// Renames.
        pub async fn rename(mut db: &mut Session<AppDb>, (a, b): (u8, u8)) -> R { let x = a?; x }
    };
    let functions = functions(expand(TokenStream::new(), &item));
    assert_eq!(names(&functions), ["rename_in", "rename"]);
    let joining = &functions[0];
    assert_eq!(
        joining.block,
        syn::parse_quote!({
            let x = a?;
            x
        })
    );
    assert_eq!(
        joining.sig.inputs,
        syn::parse_quote!(mut db: &mut Session<AppDb>, (a, b): (u8, u8))
    );
    assert!(docs(joining).contains("Renames."));
    assert!(docs(joining).contains("call [`rename`]"));
}

#[test]
fn the_opening_function_has_plain_names_and_no_session() {
    let item = quote! {
        async fn f<'a, T: X, const N: usize>(db: &mut Session<AppDb>, (a, b): (u8, u8), mut c: &'a T) -> R {}
    };
    let functions = functions(expand(TokenStream::new(), &item));
    let opening = &functions[1];
    assert_eq!(
        opening.sig.inputs,
        syn::parse_quote!(__session_factory_arg_1: (u8, u8), c: &'a T)
    );
    let body = docs(opening);
    let call = "f_in :: < T , N > (:: session_factory :: __private :: of (parameter , & mut unit) , __session_factory_arg_1 , c)";
    assert!(body.contains(call), "{body}");
    assert!(body.contains("call [`f_in`] with it"), "{body}");
}

#[test]
fn the_note_goes_below_the_first_paragraph() {
    let item = quote! {
        /// Summary.
        ///
        /// # Errors
        /// Some.
        async fn f(db: &mut Session<AppDb>) -> R {}
    };
    let text = docs(&functions(expand(TokenStream::new(), &item))[1]);
    let at = |part: &str| {
        text.find(part)
            .unwrap_or_else(|| panic!("{part} is not in {text}"))
    };
    assert!(at("Summary.") < at("Opens a session"));
    assert!(at("Opens a session") < at("# Errors"));
    assert_eq!(text.matches("# Errors").count(), 1);
}

#[test]
fn a_method_calls_its_sibling_through_self() {
    let item = quote!(
        async fn f(&mut self, db: &mut Session<AppDb>, id: i32) -> R {}
    );
    let body = docs(&functions_of_impl(&expand(TokenStream::new(), &item))[1]);
    assert!(
        body.contains("Self :: f_in (self , :: session_factory :: __private :: of (parameter , & mut unit) , id)"),
        "{body}"
    );
}

#[test]
fn the_self_of_a_nested_item_makes_no_method_of_a_function() {
    for nested in [
        "struct Node { next: Option<Box<Self>> }",
        "enum Node { Next(Box<Self>), Last }",
        "union Node { next: *const Self }",
        "trait Node { fn next(self: Box<Self>); }",
        "impl Node { fn next(self: Box<Self>) {} }",
    ] {
        let nested: TokenStream = nested.parse().unwrap();
        let item = quote!(async fn f(db: &mut Session<AppDb>) -> R { #nested g() });
        let body = docs(&functions(expand(TokenStream::new(), &item))[1]);
        assert!(!body.contains("Self :: f_in"), "{body}");
    }
}

fn functions_of_impl(tokens: &TokenStream) -> Vec<ItemFn> {
    let item: syn::ItemImpl = syn::parse_quote!(impl X { #tokens });
    item.items
        .into_iter()
        .map(|item| syn::parse_quote!(#item))
        .collect()
}

#[test]
fn a_body_that_does_not_parse_is_kept() {
    let item = quote!(async fn f(db: &mut Session<AppDb>, id: i32) -> R { let x = users:: });
    let text = expand(TokenStream::new(), &item).to_string();
    assert!(!text.contains("compile_error"), "{text}");
    assert!(text.contains("let x = users ::"), "{text}");
    assert!(text.contains("async fn f (id : i32) -> R"), "{text}");
}

#[test]
fn after_an_error_both_functions_are_there() {
    let item = quote!(
        pub fn f(db: Session<AppDb>, id: i32) -> R {
            body
        }
    );
    let tokens = expand(quote!(isolaton = "x"), &item);
    let text = tokens.to_string();
    assert_eq!(text.matches("compile_error").count(), 3, "{text}");
    let functions = functions(tokens);
    assert_eq!(names(&functions), ["f_in", "f"]);
    assert_eq!(functions[1].sig.inputs, syn::parse_quote!(id: i32));
}

#[test]
fn each_attribute_goes_where_it_belongs() {
    let item = quote! {
        #[tokio::test]
        #[tracing::instrument(skip(db))]
        #[must_use]
        #[expect(unused)]
        async fn f(db: &mut Session<AppDb>) -> R {}
    };
    let functions = functions(expand(TokenStream::new(), &item));
    let [joining, opening] = [0, 1].map(|at| docs(&functions[at]));
    assert!(
        joining.contains("instrument") && !joining.contains("tokio"),
        "{joining}"
    );
    assert!(joining.contains("cfg (test)") && !opening.contains("cfg (test)"));
    assert!(
        opening.contains("tokio") && !opening.contains("instrument"),
        "{opening}"
    );
    assert!(joining.contains("must_use") && opening.contains("must_use"));
    assert!(joining.contains("expect (unused)") && opening.contains("allow (unused)"));
}

#[test]
fn no_input_makes_it_panic() {
    let garbage = [
        quote!(),
        quote!(fn),
        quote!(async fn f),
        quote!(async fn f()),
        quote!(
            async fn f(self) -> R {}
        ),
        quote!(pub(crate) async fn f(&mut Session<X>) {}),
        quote!(
            #[doc = 5]
            async fn f(db: &mut Session<X>) -> R;
        ),
        quote!(async fn f(db: &mut Session<X>) -> R {}, trailing),
        quote!(
            struct X;
        ),
        quote!({}),
        quote!(
            async fn f(_: &mut (), ...) -> ! {}
        ),
    ];
    let arguments = [
        quote!(),
        quote!(,),
        quote!(joined),
        quote!(joined = "", crate = , AppDb AppDb, "x", 5),
        quote!(retry(max = 5), &'static mut X),
    ];
    for item in &garbage {
        for arguments in &arguments {
            let _ = expand(arguments.clone(), item);
        }
    }
}
