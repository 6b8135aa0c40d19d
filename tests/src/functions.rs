//! Annotated functions of an application, for each backend.

/// The value in every row that these functions write. No report, log or error may show it.
pub const VALUE: &str = "hunter2";

macro_rules! functions {
    ($($(#[$doc:meta])* $backend:ident: $db:ident;)*) => {$(
        $(#[$doc])*
        pub mod $backend {
            use diesel::prelude::*;
            use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
            use session_factory::{Session, with_session};

            use super::VALUE;
            use crate::{AppError, $db, items};

            #[with_session]
            pub async fn insert(db: &mut Session<$db>, id: i32) -> Result<(), AppError> {
                diesel::insert_into(items::table)
                    .values((items::id.eq(id), items::name.eq(VALUE)))
                    .execute(db)
                    .await?;
                Ok(())
            }

            #[with_session]
            pub async fn read(db: &mut Session<$db>) -> Result<usize, AppError> {
                let names: Vec<String> = items::table.select(items::name).load(db).await?;
                Ok(names.len())
            }

            #[with_session]
            pub async fn nothing(_db: &mut Session<$db>) -> Result<(), AppError> {
                Ok(())
            }

            #[with_session]
            pub async fn panics(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 11).await?;
                panic!("on purpose");
            }

            /// Never ends by itself. Its hook shows that the rollback was noticed.
            #[with_session]
            pub async fn hang(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 12).await?;
                db.after_rollback(async {});
                std::future::pending().await
            }

            #[with_session(timeout = "100ms")]
            pub async fn late(db: &mut Session<$db>) -> Result<(), AppError> {
                insert_in(db, 13).await?;
                std::future::pending().await
            }

            /// Inserts two rows, the first in a savepoint that is rolled back.
            #[with_session]
            pub async fn nested(db: &mut Session<$db>) -> Result<(), AppError> {
                let inner = db.savepoint(async |db| {
                    insert_in(db, 14).await?;
                    Err::<(), AppError>(AppError::Refused("undone"))
                });
                inner.await.unwrap_err();
                insert_in(db, 15).await
            }

            /// Ends with its last statement and COMMIT in one round trip.
            #[with_session]
            pub async fn at_once(db: &mut Session<$db>) -> Result<(), AppError> {
                let one = diesel::update(items::table.find(1)).set(items::name.eq(VALUE));
                db.commit_with(one).await?;
                Ok(())
            }

            /// Succeeds in its third attempt, if `conflict` is SQL that fails with a conflict.
            #[with_session(retry = 3)]
            pub async fn again(
                db: &mut Session<$db>,
                conflict: &'static str,
            ) -> Result<(), AppError> {
                if db.attempt() < 3 {
                    db.batch_execute(conflict).await?;
                }
                insert_in(db, 18).await
            }
        }
    )*};
}

functions! {
    /// On PostgreSQL.
    postgres: PgDb;
    /// On MariaDB.
    mysql: MyDb;
    /// On SQLite.
    sqlite: LiteDb;
}

/// SQL that fails with a conflict, whose error contains [`VALUE`].
pub const PG_CONFLICT: &str =
    "DO $$ BEGIN RAISE EXCEPTION 'hunter2' USING ERRCODE = '40001'; END $$";
/// The same on MariaDB.
pub const MY_CONFLICT: &str =
    "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'hunter2'";
