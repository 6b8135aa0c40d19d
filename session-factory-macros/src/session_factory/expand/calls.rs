//! Expands the functions that the application calls on the factory.

use proc_macro2::TokenStream;
use quote::quote;

use crate::session_factory::model::Model;

/// The functions that the application calls on the factory.
pub(super) fn calls(model: &Model<'_>) -> TokenStream {
    let krate = &model.krate;
    let (vis, name) = (&model.factory.vis, &model.factory.name);
    let private = quote!(#krate::__private);
    let result = quote!(::core::result::Result);
    let error = quote!(#krate::SessionError);
    let of_the_config = of_the_config(model, &private);
    quote! {
        #of_the_config

        #[allow(dead_code, unreachable_pub)]
        impl #name {
            /// Reads the environment and connects once, so that a wrong configuration fails at
            /// start-up. Later calls do nothing.
            ///
            /// # Errors
            /// `SessionError::Config` lists everything that is wrong with the environment.
            /// `SessionError::Acquire` means that the database cannot be reached.
            #[doc(alias = "new")]
            #[doc(alias = "open")]
            #[doc(alias = "start")]
            #vis async fn init() -> #result<(), #error> {
                #private::init::<Self>().await
            }

            /// A table of all keys: each value (secrets are masked), its source (the environment,
            /// `.env`, a file, the build, a default), and what is wrong with it. Also works if the
            /// configuration is wrong.
            #[must_use]
            #vis fn describe() -> ::std::string::String {
                #private::describe::<Self>()
            }

            /// Opens one session. The caller has to commit it: a session that is dropped
            /// uncommitted is rolled back.
            ///
            /// # Errors
            /// If the factory is not configured, or the pool gives no connection.
            #[track_caller]
            #[doc(alias = "get")]
            #[doc(alias = "acquire")]
            #[doc(alias = "connect")]
            #[doc(alias = "connection")]
            #[doc(alias = "begin")]
            #[doc(alias = "checkout")]
            #vis fn create_session() -> impl ::core::future::Future<
                Output = #result<#krate::Session<Self>, #error>,
            > + ::core::marker::Send {
                #private::create_session::<Self>(#private::Origin::of_caller(
                    "create_session",
                    ::core::panic::Location::caller(),
                ))
            }

            /// Runs `body` in a new session: commits on `Ok`, rolls back on everything else.
            ///
            /// # Errors
            /// The errors of `body`, and the session's own if it cannot open or commit.
            #[track_caller]
            #vis fn with_session<'a, T, E, B>(body: B) -> #private::Run<'a, T, E>
            where
                for<'s> B: #private::AsyncBody<&'s mut #krate::Session<Self>, #result<T, E>>
                    + ::core::marker::Send
                    + 'a,
                T: ::core::marker::Send + 'a,
                E: ::core::convert::From<#error> + ::core::marker::Send + 'a,
            {
                #private::with_session::<Self, T, E, B>(body)
            }

            /// Builds a session with options for a body. The methods are the options of
            /// `#[with_session]`; `.run(async |db| …)` comes last.
            #[track_caller]
            #vis fn session() -> #private::SessionBuilder<Self> {
                #private::session::<Self>()
            }

            /// The factory that is in effect here: the surrounding scope's, or else the global one,
            /// which the first use creates.
            ///
            /// # Errors
            /// `SessionError::Config` lists everything that is wrong with the environment.
            #[doc(alias = "pool")]
            #vis async fn factory() -> #result<#krate::Factory<Self>, #error> {
                ::core::future::ready(#private::factory::<Self>()).await
            }

            /// The pool's figures at this moment.
            #[must_use]
            #vis fn status() -> #krate::Status {
                #private::status::<Self>()
            }

            /// Adds an observer to the factory that is in effect here. If the global factory does
            /// not exist yet, the observer is added when the first use creates that factory.
            ///
            /// # Errors
            /// If the factory has already opened a session. The observer is then not added.
            #vis fn observe(
                observer: ::std::sync::Arc<dyn #krate::Observer>,
            ) -> #result<(), #krate::ObservedTooLate> {
                #private::observe::<Self>(observer)
            }

            /// Makes one round trip to the database, and returns the time that it took.
            ///
            /// # Errors
            /// If the pool gives no connection, or the database does not answer.
            #[doc(alias = "ping")]
            #vis async fn health() -> #result<::core::time::Duration, #error> {
                #private::health::<Self>().await
            }

            /// Opens no more sessions, waits up to `limit` for the open ones, rolls back the rest,
            /// and closes all connections.
            #[doc(alias = "close")]
            #vis async fn shutdown(limit: ::core::time::Duration) -> #krate::ShutdownReport {
                #private::shutdown::<Self>(limit).await
            }
        }

        #private::__session_factory_metrics! {
            #[allow(dead_code, unreachable_pub)]
            impl #name {
                /// Registers the units and descriptions of all figures with the recorder of the
                /// `metrics` crate. Call this after installing the recorder.
                #vis fn describe_metrics() {
                    #private::describe_metrics();
                }
            }
        }

        #private::__session_factory_dotenv! {
            #[allow(dead_code, unreachable_pub)]
            impl #name {
                /// Like `init`, for a program that has a `.env` file during development. Variables
                /// that the environment lacks are read from that file. The process's environment
                /// does not change.
                ///
                /// # Errors
                /// Like `init`. An unreadable `.env` is an error too, with the numbers of its
                /// lines.
                #vis async fn init_from_dotenv() -> #result<(), #error> {
                    #private::init_from_dotenv::<Self>().await
                }
            }
        }

        #private::__session_factory_without_dotenv! {
            #[allow(dead_code, unreachable_pub)]
            impl #name {
                #[doc(hidden)]
                #vis fn init_from_dotenv() -> ::core::future::Ready<#result<(), #error>>
                where
                    for<'always> #private::Dotenv: #private::HasDotenv<'always>,
                {
                    ::core::future::ready(#result::Ok(()))
                }
            }
        }
    }
}

/// Stubs of the configuration's functions on the factory: their bound, which no type fulfils, names the right type.
fn of_the_config(model: &Model<'_>, private: &TokenStream) -> TokenStream {
    let (vis, name, config) = (&model.factory.vis, &model.factory.name, &model.config);
    let of_the_factory = quote!(#config: #private::OfTheFactory<'always>);
    let any = quote!(<#config as #private::OfTheFactory<'_>>::any());
    quote! {
        #[doc(hidden)]
        #[allow(dead_code, unreachable_pub)]
        impl #name {
            #vis fn from_env<R>() -> R where for<'always> #of_the_factory { #any }
            #vis fn from_dotenv<R>() -> R where for<'always> #of_the_factory { #any }
            #vis fn from_vars<V, R>(_: V) -> R where for<'always> #of_the_factory { #any }
            #vis fn config<R>() -> R where for<'always> #of_the_factory { #any }
        }
    }
}
