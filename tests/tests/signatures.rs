//! `#[with_session]` accepts the signatures of typical services.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Display;
use std::sync::Arc;

use diesel::prelude::*;
use diesel_async::sync_connection_wrapper::SyncConnectionWrapper;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use session_factory::{Session, SessionFactory, with_session};
use session_factory_tests::{AppError, LiteBed, LiteDb, PgBed, PgDb, items};

struct Users {
    calls: u32,
    prefix: String,
}

impl Users {
    /// Adds one.
    #[with_session]
    async fn add(&self, db: &mut Session<LiteDb>, id: i32) -> Result<String, AppError> {
        let name = format!("{}{id}", self.prefix);
        insert_in(db, id, &name).await?;
        Ok(name)
    }

    #[with_session]
    async fn add_counted(&mut self, db: &mut Session<LiteDb>, id: i32) -> Result<u32, AppError> {
        self.calls += 1;
        self.add_in(db, id).await?;
        Ok(self.calls)
    }

    #[with_session]
    async fn add_shared(self: Arc<Self>, db: &mut Session<LiteDb>, id: i32) -> QueryResult<()> {
        insert_in(db, id, &self.prefix).await
    }

    #[with_session]
    async fn add_associated(db: &mut Session<LiteDb>, id: i32) -> QueryResult<()> {
        insert_in(db, id, "associated").await
    }

    #[with_session]
    async fn add_and_end(self, db: &mut Session<LiteDb>, id: i32) -> QueryResult<String> {
        insert_in(db, id, &self.prefix).await?;
        Ok(self.prefix)
    }
}

#[with_session]
async fn insert(db: &mut Session<LiteDb>, id: i32, name: &str) -> QueryResult<()> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq(name)))
        .execute(db)
        .await?;
    Ok(())
}

#[with_session]
async fn generic<'a, T, const N: usize>(
    db: &mut Session<LiteDb>,
    names: [(i32, T); N],
    suffix: &'a str,
    mut log: impl FnMut(&str) + Send,
) -> Result<&'a str, AppError>
where
    T: Display + Send + Sync,
{
    for (id, name) in &names {
        insert_in(db, *id, &format!("{name}{suffix}")).await?;
        log(&name.to_string());
    }
    Ok(suffix)
}

#[with_session]
async fn patterns(
    db: &mut Session<LiteDb>,
    (id, name): (i32, String),
    [first, ..]: [u8; 3],
    mut count: u8,
    _: bool,
) -> Result<u8, AppError> {
    insert_in(db, id, &name).await?;
    count += first;
    Ok(count)
}

#[with_session(LiteDb)]
async fn raw_lite(db: &mut SyncConnectionWrapper<SqliteConnection>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("raw")))
        .execute(db)
        .await
}

#[with_session(PgDb)]
async fn raw_pg(db: &mut AsyncPgConnection, id: i32, fail: bool) -> QueryResult<usize> {
    let rows = diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("raw")))
        .execute(db)
        .await?;
    if fail {
        return Err(diesel::result::Error::RollbackTransaction);
    }
    Ok(rows)
}

#[with_session]
async fn of_any_factory<F: SessionFactory>(db: &mut Session<F>) -> Result<bool, AppError> {
    db.rollback().await?;
    Ok(db.in_transaction())
}

#[tokio::test]
async fn methods_take_self_in_all_its_forms() {
    let bed = LiteBed::new().await;
    bed.factory
        .scope(async {
            let mut users = Users {
                calls: 0,
                prefix: "user ".into(),
            };
            assert_eq!(users.add(1).await.unwrap(), "user 1");
            assert_eq!(users.add_counted(2).await.unwrap(), 1);
            Users::add_associated(3).await.unwrap();
            assert_eq!(users.add_and_end(4).await.unwrap(), "user ");
            let shared = Arc::new(Users {
                calls: 0,
                prefix: "shared".into(),
            });
            shared.add_shared(5).await.unwrap();
        })
        .await;
    assert_eq!(bed.count().await, 5);
}

#[tokio::test]
async fn generics_lifetimes_patterns_and_impl_trait_work() {
    let bed = LiteBed::new().await;
    bed.factory
        .scope(async {
            let mut seen = Vec::new();
            let suffix = String::from("!");
            let back = generic([(1, "a"), (2, "b")], &suffix, |name| {
                seen.push(name.to_owned());
            })
            .await
            .unwrap();
            assert_eq!(back, "!");
            assert_eq!(seen, ["a", "b"]);
            let count = patterns((3, "c".into()), [7, 8, 9], 1, true).await.unwrap();
            assert_eq!(count, 8);
            assert!(!of_any_factory::<LiteDb>().await.unwrap());
        })
        .await;
    assert_eq!(bed.count().await, 3);
}

#[tokio::test]
async fn a_function_on_the_backends_own_connection_works_as_it_is() {
    let bed = LiteBed::new().await;
    assert_eq!(bed.factory.scope(raw_lite(1)).await.unwrap(), 1);
    bed.factory.scope(raw_lite(1)).await.unwrap_err();
    assert_eq!(bed.factory.scope(raw_lite(2)).await.unwrap(), 1);
    assert_eq!(bed.count().await, 2);

    let bed = PgBed::new().await;
    bed.factory.scope(raw_pg(1, false)).await.unwrap();
    bed.factory.scope(raw_pg(2, true)).await.unwrap_err();
    bed.factory.scope(raw_pg(1, false)).await.unwrap_err();
    bed.factory.scope(raw_pg(3, false)).await.unwrap();
    assert_eq!(bed.count().await, 2);
}

#[tokio::test]
async fn an_inner_function_joins_a_plain_connection_too() {
    let bed = PgBed::new().await;
    let mut db = bed.factory.create_session().await.unwrap();
    raw_pg_in(db.connection().await.unwrap(), 1, false)
        .await
        .unwrap();
    db.rollback().await.unwrap();
    assert_eq!(bed.count().await, 0);
}

#[tokio::test]
async fn save_changes_works_on_a_session() {
    #[derive(Queryable, Identifiable, AsChangeset, Debug, PartialEq)]
    #[diesel(table_name = items)]
    struct Item {
        id: i32,
        name: String,
    }
    let bed = PgBed::new().await;
    let saved = bed
        .factory
        .with_session(async |db| {
            diesel::insert_into(items::table)
                .values((items::id.eq(1), items::name.eq("old")))
                .execute(db)
                .await?;
            let item = Item {
                id: 1,
                name: "new".into(),
            };
            let saved: Item = diesel_async::SaveChangesDsl::save_changes(&item, db).await?;
            Ok::<_, AppError>(saved)
        })
        .await
        .unwrap();
    assert_eq!(saved.name, "new");
}

#[test]
fn the_future_of_a_call_stays_small() {
    // It is a part of every surrounding future, and clippy's `large_futures` warns above 16 KiB.
    let call = size_of_val(&insert(1, "x"));
    let session = size_of::<Session<LiteDb>>();
    assert!(
        call < 6000,
        "{call} bytes, of which the session has {session}"
    );
}
