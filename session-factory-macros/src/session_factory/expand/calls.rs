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
    quote! {
        #[allow(dead_code, unreachable_pub)]
        impl #name {
            /// Reads the environment and connects once, so that a wrong configuration is known at
            /// start-up. Later calls do nothing.
            ///
            /// # Errors
            /// `SessionError::Config` with everything that is wrong with the environment, and
            /// `SessionError::Acquire` when the database cannot be reached.
            #[doc(alias = "new")]
            #[doc(alias = "open")]
            #[doc(alias = "start")]
            #vis async fn init() -> #result<(), #error> {
                #private::init::<Self>().await
            }

            /// A table of every key: where its value is from (the environment, `.env`, a file, the
            /// build, a default), the value, with secrets masked, and what is wrong with it. It is there
            /// when the configuration is wrong, too.
            #[must_use]
            #vis fn describe() -> ::std::string::String {
                #private::describe::<Self>()
            }

            /// Opens one session. The caller commits it; dropped without that, it is rolled back.
            ///
            /// # Errors
            /// When the factory is not configured or no connection could be had.
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

            /// Runs `body` in a session of its own: commits on `Ok`, rolls back on everything else.
            ///
            /// # Errors
            /// Those of `body`, and the session's own when it could not open or commit.
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
            #[doc(alias = "pool")]
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
            #[doc(alias = "ping")]
            #vis async fn health() -> #result<::core::time::Duration, #error> {
                #private::health::<Self>().await
            }

            /// Opens no more sessions, waits up to `limit` for those that are open, rolls back the
            /// rest, and closes all connections.
            #[doc(alias = "close")]
            #vis async fn shutdown(limit: ::core::time::Duration) -> #krate::ShutdownReport {
                #private::shutdown::<Self>(limit).await
            }
        }

        #private::__session_factory_dotenv! {
            #[allow(dead_code, unreachable_pub)]
            impl #name {
                /// As `init`, for a program that has a `.env` file when it is developed: what is not set
                /// in the environment is read from there. The process's environment is left alone.
                ///
                /// # Errors
                /// As `init`; and a `.env` that cannot be read, with the numbers of its lines.
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
