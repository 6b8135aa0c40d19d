//! The promises where MySQL has its own ways to break them, on MariaDB. What is the same on every backend is in
//! `exit_paths.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod borrowers;
mod cluster;
mod connect;
mod ended_by_sql;
mod facts;
mod from_pool;
mod kill;
mod limits;
mod retry;
mod schemas;
mod tls;
mod truth;
mod wire;

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use session_factory::Session;
use session_factory_tests::{MyBed, MyDb, items};

/// A bed whose pool has one connection: the next borrower gets the one that is given back, or its successor.
async fn one_connection() -> MyBed {
    MyBed::with(|config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    })
    .await
}

async fn insert(db: &mut Session<MyDb>, id: i32) -> QueryResult<usize> {
    diesel::insert_into(items::table)
        .values((items::id.eq(id), items::name.eq("x")))
        .execute(db)
        .await
}

async fn number(db: &mut Session<MyDb>, number: i32) -> QueryResult<i32> {
    diesel::select(number.into_sql::<diesel::sql_types::Integer>())
        .get_result(db)
        .await
}

/// Every borrower gets the answers to its own questions, and no server works for nobody.
async fn assert_answers_are_right(bed: &MyBed) {
    quiet(bed).await;
    for round in 0..20 {
        let answers = bed
            .factory
            .with_session(async |db| {
                let mut answers = Vec::new();
                for question in 0..5 {
                    answers.push(number(db, round * 10 + question).await?);
                }
                Ok::<_, diesel::result::Error>(answers)
            })
            .await
            .unwrap();
        let expected: Vec<_> = (0..5).map(|question| round * 10 + question).collect();
        assert_eq!(answers, expected);
    }
    let admin = bed.database.admin();
    testbed::eventually(Duration::from_secs(5), "no server works", || async {
        let busy = |one: &testbed::mysql::Activity| one.is_active() || one.in_transaction;
        !admin.activity().await.iter().any(busy)
    })
    .await;
}

async fn quiet(bed: &MyBed) {
    testbed::eventually(Duration::from_secs(10), "recovered", || async {
        let status = bed.factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
}
