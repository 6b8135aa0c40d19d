//! The generated items. Nothing behaves here: each function is one call of the runtime.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;

use super::docs;
use super::model::{Field, Model, Source};

/// All items of one factory. Without a driver there are the types alone.
pub(super) fn expand(model: &Model<'_>) -> TokenStream {
    let config = format_ident!("{}Config", model.factory.name);
    let factory_type = factory_type(model);
    let config_type = config_type(model, &config);
    let needing_the_driver = model.driver.as_ref().map(|driver| {
        let factory_impl = factory_impl(model, &config, &driver.name);
        let calls = calls(model);
        let config_impl = config_impl(model, &config);
        driver.require(&quote!(#factory_impl #calls #config_impl))
    });
    quote!(#factory_type #config_type #needing_the_driver)
}

fn factory_type(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let factory = model.factory;
    let (attrs, vis, name) = (&factory.attrs, &factory.vis, &factory.name);
    let text = name.to_string();
    let doc = docs::of_factory(model);
    let keys = model.fields.iter().filter_map(|field| key(field, model));
    let derives_already = attrs.iter().any(|attr| attr.path().is_ident("derive"));
    let derive = (!derives_already)
        .then(|| quote!(#[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]));
    quote! {
        #(#attrs)*
        #[doc = #doc]
        #derive
        #[allow(clippy::empty_enums)]
        #vis enum #name {}

        #[allow(dead_code, unreachable_pub)]
        impl #name {
            /// The environment variables that configure this factory.
            #vis const KEYS: &'static [#krate::config::Key] = &[#(#keys),*];

            /// The text of an `.env.example`: each variable with its meaning, type and default.
            #[must_use]
            #vis fn env_example() -> ::std::string::String {
                #krate::config::env_example(#text, Self::KEYS)
            }
        }
    }
}

fn factory_impl(model: &Model<'_>, config: &Ident, driver: &TokenStream) -> TokenStream {
    let krate = &model.krate;
    let name = &model.factory.name;
    let text = name.to_string();
    // A pool whose size is known now is asked now whether it has a connection for `requires_new`.
    let fixed = |name: &str| {
        model
            .fields
            .iter()
            .find(|field| field.name == name)?
            .fixed()
    };
    let limit = fixed("pool_size")
        .zip(fixed("max_overflow"))
        .map(|(size, overflow)| size.saturating_add(overflow));
    let pool = if matches!(limit, Some(0 | 1)) {
        quote!(PoolOfOne)
    } else {
        quote!(AnyPool)
    };
    quote! {
        impl #krate::SessionFactory for #name {
            type Driver = #driver;
            type Config = #config;
            type Pool = #krate::__private::#pool;
            const NAME: &'static ::core::primitive::str = #text;
            const KEYS: &'static [#krate::config::Key] = Self::KEYS;

            fn global() -> &'static #krate::__private::Global<Self> {
                static __SESSION_FACTORY_GLOBAL: #krate::__private::Global<#name> =
                    #krate::__private::Global::new();
                &__SESSION_FACTORY_GLOBAL
            }
        }
    }
}

/// What is called on the factory itself.
fn calls(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let private = quote!(#krate::__private);
    let result = quote!(::core::result::Result);
    let error = quote!(#krate::SessionError);
    quote! {
        #[allow(dead_code, unreachable_pub)]
        impl #name {
            /// Reads the environment and connects once, so that a wrong configuration is known at
            /// start-up. Later calls do nothing.
            ///
            /// # Errors
            /// `SessionError::Config` with everything that is wrong with the environment, and
            /// `SessionError::Acquire` when the database cannot be reached.
            #vis async fn init() -> #result<(), #error> {
                #private::init::<Self>().await
            }

            /// Opens one session. The caller commits it; dropped without that, it is rolled back.
            ///
            /// # Errors
            /// When the factory is not configured or no connection could be had.
            #[track_caller]
            #vis fn create_session() -> impl ::core::future::Future<
                Output = #result<#krate::Session<Self>, #error>,
            > + ::core::marker::Send {
                let caller = ::core::panic::Location::caller();
                #private::create_session::<Self>(#private::Origin::new(
                    "create_session",
                    "",
                    caller.file(),
                    caller.line(),
                ))
            }

            /// Runs `body` in a session of its own: commits on `Ok`, rolls back on everything else.
            ///
            /// # Errors
            /// Those of `body`, and the session's own when it could not open or commit.
            #[track_caller]
            #vis fn with_session<'a, T, E, B>(
                body: B,
            ) -> impl ::core::future::Future<Output = #result<T, E>> + ::core::marker::Send + 'a
            where
                for<'s> B: ::core::ops::AsyncFnOnce(&'s mut #krate::Session<Self>) -> #result<T, E>
                    + #private::AsyncBody<&'s mut #krate::Session<Self>, #result<T, E>>
                    + ::core::marker::Send
                    + 'a,
                T: ::core::marker::Send + 'a,
                E: ::core::convert::From<#error> + ::core::marker::Send + 'a,
            {
                #private::with_session::<Self, T, E, B>(body)
            }

            /// A session with options, for a body: the options of `#[with_session]` as methods, and
            /// `.run(async |db| …)` at the end.
            #[track_caller]
            #vis fn session() -> #private::SessionBuilder<Self> {
                #private::session::<Self>()
            }

            /// The factory that is in effect here: that of the scope, else the global one, which is
            /// made on first use.
            ///
            /// # Errors
            /// `SessionError::Config` with everything that is wrong with the environment.
            #vis async fn factory() -> #result<#krate::Factory<Self>, #error> {
                ::core::future::ready(#private::factory::<Self>()).await
            }

            /// The pool's figures at this moment.
            #[must_use]
            #vis fn status() -> #krate::Status {
                #private::status::<Self>()
            }

            /// One round trip to the database, and the time it took.
            ///
            /// # Errors
            /// When no connection could be had, or the database did not answer.
            #vis async fn health() -> #result<::core::time::Duration, #error> {
                #private::health::<Self>().await
            }

            /// Opens no more sessions, waits up to `limit` for those that are open, rolls back the
            /// rest, and closes all connections.
            #vis async fn shutdown(limit: ::core::time::Duration) -> #krate::ShutdownReport {
                #private::shutdown::<Self>(limit).await
            }
        }
    }
}

/// The struct that holds what the factory was configured with.
fn config_type(model: &Model<'_>, config: &Ident) -> TokenStream {
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let doc = format!("What [`{name}`] is configured with. `Debug` shows no secret.");
    let fields = model.fields.iter().map(|field| {
        let Field {
            name,
            ty,
            user_docs,
            ..
        } = field;
        let doc = docs::of_field(field);
        quote!(#(#user_docs)* #[doc = #doc] #vis #name: #ty)
    });
    quote! {
        #[doc = #doc]
        #[derive(::core::clone::Clone, ::core::fmt::Debug)]
        #[allow(
            dead_code,
            unreachable_pub,
            clippy::struct_excessive_bools,
            clippy::struct_field_names
        )]
        #vis struct #config { #(#fields),* }
    }
}

fn config_impl(model: &Model<'_>, config: &Ident) -> TokenStream {
    let krate = &model.krate;
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let result = quote!(::core::result::Result);
    let error = quote!(#krate::config::ConfigError);
    let reader = quote!(#krate::config::Reader);
    let name_and_keys = quote! {
        <#name as #krate::SessionFactory>::NAME, <#name as #krate::SessionFactory>::KEYS
    };
    let names: Vec<_> = model.fields.iter().map(|field| &field.name).collect();
    // Of this macro alone: an own default must not see these names, nor a setting clash with them.
    let locals: Vec<_> = (0..names.len())
        .map(|at| format_ident!("__session_factory_field_{at}", span = Span::mixed_site()))
        .collect();
    let reads = model.fields.iter().map(|field| &field.read);
    let copies = model
        .fields
        .iter()
        .filter(|field| field.standard && field.name != "url")
        .map(|field| {
            let name = &field.name;
            quote!(__session_factory_settings.#name = ::core::clone::Clone::clone(&self.#name);)
        });
    let copies = quote!(#(#copies)*);
    let url = names.iter().find(|name| **name == "url");
    quote_spanned! {Span::call_site()=>
        #[allow(dead_code, unreachable_pub)]
        impl #config {
            /// Reads the process's environment.
            ///
            /// # Errors
            /// Everything that is missing or malformed, each by its full name.
            #vis fn from_env() -> #result<Self, #error> {
                Self::__session_factory_read(#reader::from_env(#name_and_keys))
            }

            /// Reads a function from the names of variables to their values.
            ///
            /// # Errors
            /// Everything that is missing or malformed, each by its full name.
            #vis fn from_vars(
                vars: impl ::core::ops::FnMut(
                    &::core::primitive::str,
                ) -> ::core::option::Option<::std::string::String>,
            ) -> #result<Self, #error> {
                Self::__session_factory_read(#reader::from_vars(#name_and_keys, vars))
            }

            fn __session_factory_read(
                mut __session_factory_reader: #reader<'_>,
            ) -> #result<Self, #error> {
                type __SessionFactoryDriver = <#name as #krate::SessionFactory>::Driver;
                #(let #locals = #reads;)*
                __session_factory_reader.finish(|| {
                    ::core::option::Option::Some(Self { #(#names: #locals?),* })
                })
            }
        }

        impl #krate::__private::FactoryConfig for #config {
            fn from_env() -> #result<Self, #error> {
                Self::from_env()
            }

            #[allow(clippy::clone_on_copy)]
            fn settings(&self) -> #krate::config::Settings {
                let mut __session_factory_settings =
                    #krate::config::Settings::new(::core::clone::Clone::clone(&self.#url));
                #copies
                __session_factory_settings
            }
        }
    }
}

/// The entry of a field in `KEYS`, when it has a key.
fn key(field: &Field<'_>, model: &Model<'_>) -> Option<TokenStream> {
    let krate = &model.krate;
    let Source::Key {
        key,
        ty,
        default,
        required,
        secret,
    } = &field.source
    else {
        return None;
    };
    let setting = field.name.to_string();
    let setting = setting.strip_prefix("r#").unwrap_or(&setting);
    let user_doc = docs::text_of(&field.user_docs);
    let doc = if user_doc.is_empty() {
        &field.doc
    } else {
        &user_doc
    };
    let default = default.as_ref().map(|default| quote!(.default(#default)));
    let required = required.then(|| quote!(.required()));
    let secret = secret.then(|| quote!(.secret()));
    Some(
        quote!(#krate::config::Key::new(#key, #setting, #ty) #default #required #secret .doc(#doc)),
    )
}
