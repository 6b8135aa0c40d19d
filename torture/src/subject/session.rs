//! The library's session as a workload sees it.

use futures_util::future::BoxFuture;
use session_factory::Session;

use super::queries::queries;
use super::{Body, Db, Done, LiteDb, MyDb, PgDb, Plain};
use crate::case::Unit;

macro_rules! session {
    ($factory:ty) => {
        queries!([] Session<$factory>);

        impl Db for Session<$factory> {
            fn savepoint(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                Box::pin(Session::savepoint(self, async move |db| body(db, unit).await))
            }

            fn transaction(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                Box::pin(async move {
                    let nested = async move |db: &mut Session<$factory>| body(db, unit).await;
                    diesel_async::AsyncConnection::transaction(self, nested).await
                })
            }

            fn raw(&mut self, unit: Unit, body: Body) -> BoxFuture<'_, Done> {
                Box::pin(async move {
                    let connection = self.connection().await?;
                    body(&mut Plain::new(connection), unit).await
                })
            }

            fn commit(&mut self) -> BoxFuture<'_, Done> {
                Box::pin(async move { Ok(Session::commit(self).await?) })
            }

            fn rollback(&mut self) -> BoxFuture<'_, Done> {
                Box::pin(async move { Ok(Session::rollback(self).await?) })
            }

            fn set_rollback_only(&mut self) {
                Session::set_rollback_only(self);
            }

            fn after_commit(&mut self, unit: &Unit) {
                unit.hooks(|hooks| hooks.wants_commit = true);
                let unit = unit.clone();
                Session::after_commit(self, async move {
                    unit.hooks(|hooks| hooks.saw_commit = true);
                    unit.callback();
                });
            }

            fn after_rollback(&mut self, unit: &Unit) {
                unit.hooks(|hooks| hooks.wants_rollback = true);
                let unit = unit.clone();
                Session::after_rollback(self, async move {
                    unit.hooks(|hooks| hooks.saw_rollback = true);
                    unit.callback();
                });
            }
        }
    };
}

session!(PgDb);
session!(MyDb);
session!(LiteDb);
