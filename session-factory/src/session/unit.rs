//! One call of an annotated function: open, run, end.

use std::future::Future;

use super::{Origin, Session, SessionOptions};
use crate::error::{NestedError, SessionError};
use crate::factory::{Factory, SessionFactory, context, global};

/// A session for the length of one call.
#[doc(hidden)]
#[derive(Debug)]
pub struct Unit<F: SessionFactory> {
    session: Session<F>,
    scope: Scope,
}

/// Marks a future as running inside of a session.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    identity: usize,
    holder: Origin,
}

impl Scope {
    /// Runs the body.
    pub fn run<T: Future>(&self, body: T) -> impl Future<Output = T::Output> + use<T> {
        context::with_session(self.identity, self.holder, body)
    }
}

impl<F: SessionFactory> Unit<F> {
    /// Opens a session of the factory that applies here.
    ///
    /// # Errors
    /// Whatever keeps a session from being opened.
    pub async fn open(origin: &Origin, options: SessionOptions) -> Result<Self, SessionError> {
        Self::open_in(global::factory::<F>()?, origin, options).await
    }

    pub(crate) async fn open_in(
        factory: Factory<F>,
        origin: &Origin,
        options: SessionOptions,
    ) -> Result<Self, SessionError> {
        let identity = factory.identity();
        if !options.requires_new
            && let Some(holder) = context::holder(identity)
        {
            return Err(NestedError {
                function: origin.function(),
                holder: holder.to_string(),
            }
            .into());
        }
        Ok(Self {
            session: factory.open(origin, options).await?,
            scope: Scope {
                identity,
                holder: *origin,
            },
        })
    }

    /// What the body runs in.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// The session for the body.
    pub fn session(&mut self) -> &mut Session<F> {
        &mut self.session
    }

    /// Commits on `Ok`, rolls back on `Err`.
    ///
    /// # Errors
    /// The body's own, or why its `Ok` could not be committed.
    pub async fn finish<T, E: From<SessionError>>(mut self, result: Result<T, E>) -> Result<T, E> {
        match result {
            Ok(value) => {
                let committed = self.session.end_by_commit().await;
                // The connection is free before the hooks run: they may take their time.
                let mut hooks = std::mem::take(&mut self.session.hooks);
                self.session.release();
                match committed {
                    Ok(()) => {
                        hooks.committed().await;
                        Ok(value)
                    }
                    Err(error) => {
                        hooks.rolled_back().await;
                        Err(error.into())
                    }
                }
            }
            Err(error) => {
                if self.session.hooks.has_rollback_hooks() {
                    // The body's error says more than a rollback's.
                    let _closed_instead = self.session.end_by_rollback().await;
                    let mut hooks = std::mem::take(&mut self.session.hooks);
                    self.session.release();
                    hooks.rolled_back().await;
                }
                // Otherwise nobody has to wait for the rollback: dropping hands it over.
                Err(error)
            }
        }
    }
}
