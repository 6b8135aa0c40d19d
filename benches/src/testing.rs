//! What a test costs beside its statements: with `#[session_factory::test]`, `sqlx::test` and `begin_test_transaction`.
//!
//! Every test has the tables of twenty migrations, and reads one row. Each kind runs in a process of its own, whose
//! environment names the server, as `cargo test` would run it.

use std::future::Future;
use std::pin::Pin;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::{Args, ValueEnum};
use diesel::backend::Backend;
use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion,
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use session_factory::__private::testing::{Fixture, Plan, Wanted, WantedFactory, run};
use session_factory::{SessionFactory, session_factory};
use sqlx::migrate::{MigrationType, Migrator};
use sqlx::testing::{TestArgs, TestFn as _};

use crate::arguments::Arguments;
use crate::results::{Results, quantile, rounded};

session_factory! {
    /// A database in a file.
    struct FileDb(Sqlite) { prefix = "FILE_" }
}
session_factory! {
    /// A database of the server.
    struct ServerDb(Postgres);
}

/// How many tests are measured, after those that are not.
const TESTS: usize = 60;
/// The first tests of a process build the template and open connections.
const WARM_UP: usize = 10;
const MIGRATIONS: i64 = 20;

/// The process that runs the tests of one kind.
#[derive(Clone, Debug, Args)]
pub(crate) struct Tests {
    #[arg(long, value_enum, hide = true)]
    tests: Option<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Rollback,
    Fresh,
    Sqlite,
    SqlxTest,
    TestTransaction,
}

impl Kind {
    const ALL: [(Self, &'static str); 5] = [
        (
            Self::Rollback,
            "session_factory::test, rollback, PostgreSQL",
        ),
        (Self::Fresh, "session_factory::test, fresh, PostgreSQL"),
        (Self::Sqlite, "session_factory::test, fresh, SQLite"),
        (Self::SqlxTest, "sqlx::test, PostgreSQL"),
        (
            Self::TestTransaction,
            "diesel-async, begin_test_transaction, PostgreSQL",
        ),
    ];
}

pub(crate) async fn measure(arguments: &Arguments) -> Result<()> {
    let mut results = Results::new("testing", arguments);
    let server = testbed::postgres::Server::builder().start().await;
    // `sqlx::test` keeps a list of its databases in the one that the URL names.
    let admin = server.admin();
    testbed::postgres::Admin::execute(&admin, "CREATE DATABASE bench OWNER app").await;
    let url = format!("postgres://app@{}/bench", server.address());
    for (kind, name) in Kind::ALL {
        let program = std::env::current_exe()?;
        let value = kind.to_possible_value().context("a kind has a name")?;
        let output = Command::new(program)
            .args(["testing", "--tests", value.get_name()])
            .env("DATABASE_URL", &url)
            .output()?;
        let failed = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name}: {failed}");
        let mut times: Vec<f64> = serde_json::from_slice(&output.stdout)?;
        times.sort_by(f64::total_cmp);
        results.add(json!({
            "tests": name,
            "median_ms": rounded(quantile(&times, 0.5), 2),
            "p90_ms": rounded(quantile(&times, 0.9), 2),
        }));
    }
    results.finish()
}

/// Runs the tests of one kind, if the process is to. Prints their times in milliseconds.
pub(crate) fn run_tests(tests: &Tests) -> Result<bool> {
    let Some(kind) = tests.tests else {
        return Ok(false);
    };
    let mut times = Vec::new();
    for number in 0..WARM_UP + TESTS {
        let started = Instant::now();
        match kind {
            Kind::Rollback => ours::<ServerDb>(&PLAN.rollback(), read_row),
            Kind::Fresh => ours::<ServerDb>(&PLAN.fresh(), read_row),
            Kind::Sqlite => ours::<FileDb>(&PLAN.fresh(), read_file),
            Kind::SqlxTest => sqlx_test(),
            Kind::TestTransaction => test_transaction()?,
        }
        if number >= WARM_UP {
            times.push(started.elapsed().as_secs_f64() * 1000.0);
        }
        // Real tests do something between.
        std::thread::sleep(Duration::from_millis(50));
    }
    println!("{}", serde_json::to_string(&times)?);
    Ok(true)
}

const PLAN: Plan = Plan::new("testing", env!("CARGO_MANIFEST_DIR"));

type Body = Pin<Box<dyn Future<Output = Result<(), session_factory::SessionError>>>>;

fn ours<F>(plan: &Plan, body: fn() -> Body)
where
    F: SessionFactory,
    Wanted<F>: WantedFactory,
    AllMigrations: MigrationSource<<F::Driver as session_factory::driver::Driver>::Backend>,
{
    let wanted = Wanted::<F>::new(vec![Fixture::migrations("MIGRATIONS", &AllMigrations)]);
    run(plan, &[&wanted], |_tests| body());
}

fn read_row() -> Body {
    Box::pin(ServerDb::with_session(async |db| {
        diesel::sql_query("SELECT 1 FROM t1").execute(db).await?;
        Ok(())
    }))
}

fn read_file() -> Body {
    Box::pin(FileDb::with_session(async |db| {
        diesel::sql_query("SELECT 1 FROM t1").execute(db).await?;
        Ok(())
    }))
}

fn sqlx_test() {
    let migrations = (1..=MIGRATIONS).map(|number| {
        sqlx::migrate::Migration::new(
            number,
            format!("t{number}").into(),
            MigrationType::Simple,
            sqlx::SqlStr::from_static(Box::leak(up(number).into_boxed_str())),
            false,
        )
    });
    let mut arguments = TestArgs::new("benches::testing::sqlx_test");
    arguments.migrator(Box::leak(Box::new(Migrator::with_migrations(
        migrations.collect(),
    ))));
    let body: fn(sqlx::PgPool) -> _ = |pool| async move {
        let read = sqlx::query("SELECT 1 FROM t1").execute(&pool).await;
        read.map(drop)
    };
    let _passed = body.run_test(arguments).expect("the test passes");
}

/// The migrations have run before: nothing else can be rolled back.
fn test_transaction() -> Result<()> {
    static MIGRATED: std::sync::Once = std::sync::Once::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let url = std::env::var("DATABASE_URL")?;
    runtime.block_on(async {
        let mut connection = AsyncPgConnection::establish(&url).await?;
        let is_first = !MIGRATED.is_completed();
        if is_first {
            for number in 1..=MIGRATIONS {
                diesel_async::SimpleAsyncConnection::batch_execute(&mut connection, &up(number))
                    .await?;
            }
            MIGRATED.call_once(|| {});
        }
        connection.begin_test_transaction().await?;
        diesel::sql_query("SELECT 1 FROM t1")
            .execute(&mut connection)
            .await?;
        Ok(())
    })
}

fn up(number: i64) -> String {
    format!(
        "CREATE TABLE t{number} (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, seen TIMESTAMP); \
         CREATE INDEX t{number}_by_name ON t{number} (name)"
    )
}

/// Twenty migrations of a table each.
struct AllMigrations;

struct Step(i64);

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:02}", self.0)
    }
}

impl MigrationName for Step {
    fn version(&self) -> MigrationVersion<'_> {
        self.to_string().into()
    }
}

impl MigrationMetadata for Step {}

impl<B: Backend> Migration<B> for Step {
    fn run(&self, conn: &mut dyn BoxableConnection<B>) -> diesel::migration::Result<()> {
        conn.batch_execute(&up(self.0)).map_err(Into::into)
    }

    fn revert(&self, conn: &mut dyn BoxableConnection<B>) -> diesel::migration::Result<()> {
        let down = format!("DROP TABLE t{}", self.0);
        conn.batch_execute(&down).map_err(Into::into)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

impl<B: Backend> MigrationSource<B> for AllMigrations {
    fn migrations(&self) -> diesel::migration::Result<Vec<Box<dyn Migration<B>>>> {
        let all = (1..=MIGRATIONS).map(|number| Box::new(Step(number)) as Box<dyn Migration<B>>);
        Ok(all.collect())
    }
}
