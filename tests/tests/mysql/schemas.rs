//! A prepared statement belongs to the database that was current when it was prepared, and to the modes of then.

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory_tests::{AppError, items};

use super::{insert, one_connection};

#[tokio::test]
async fn use_sends_the_same_statement_to_the_other_database() {
    let bed = one_connection().await;
    let (here, there) = (
        bed.database.name().to_owned(),
        format!("{}_b", bed.database.name()),
    );
    bed.run(&format!("CREATE DATABASE {there}")).await;
    bed.run(&format!("CREATE TABLE {there}.items LIKE {here}.items"))
        .await;
    bed.factory
        .with_session(async |db| {
            insert(db, 1).await?;
            db.batch_execute(&format!("USE {there}")).await?;
            insert(db, 2).await?;
            let rows: Vec<i32> = items::table.select(items::id).load(db).await?;
            assert_eq!(rows, [2]);
            db.batch_execute(&format!("USE {here}")).await?;
            let rows: Vec<i32> = items::table.select(items::id).load(db).await?;
            assert_eq!(rows, [1]);
            Ok::<_, AppError>(())
        })
        .await
        .unwrap();
    assert_eq!(bed.count().await, 1);
    let other = format!("SELECT count(*) FROM {there}.items");
    assert_eq!(bed.database.integer(&other).await, 1);
    bed.run(&format!("DROP DATABASE {there}")).await;
}
