//! Makes the crate warn, on the standard error stream. `tests/warnings.rs` runs it.
#![allow(clippy::unwrap_used)] // its test sees a panic
#![allow(missing_docs)]

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{Session, with_session};
use session_factory_tests::{AppError, LiteDb, MyDb, PgDb, items};
use tokio::time::sleep;

/// Long enough for the line at a flood's end.
const A_SECOND: Duration = Duration::from_millis(1200);

macro_rules! backend {
    ($module:ident, $db:ident, $slow:expr) => {
        mod $module {
            use super::*;

            #[with_session]
            pub(super) async fn slow(db: &mut Session<$db>) -> Result<(), AppError> {
                diesel::sql_query($slow).execute(db).await?;
                Ok(())
            }

            #[with_session]
            async fn slow_script(db: &mut Session<$db>) -> Result<(), AppError> {
                db.batch_execute($slow).await?;
                Ok(())
            }

            /// A query for each row of another.
            #[with_session]
            async fn one_by_one(db: &mut Session<$db>, rows: i32) -> Result<(), AppError> {
                items::table.count().get_result::<i64>(db).await?;
                for id in 0..rows {
                    let name = items::table.find(id).select(items::name);
                    name.first::<String>(db).await.optional()?;
                }
                Ok(())
            }

            #[with_session]
            async fn hold(db: &mut Session<$db>, time: Duration) -> Result<(), AppError> {
                items::table.count().get_result::<i64>(db).await?;
                sleep(time).await;
                Ok(())
            }

            #[with_session]
            async fn wait(_db: &mut Session<$db>) -> Result<(), AppError> {
                Ok(())
            }

            async fn full(time: Duration, callers: usize) {
                let holder = tokio::spawn(hold(time));
                sleep(Duration::from_millis(100)).await;
                let callers: Vec<_> = (0..callers).map(|_| tokio::spawn(wait())).collect();
                holder.await.unwrap().unwrap();
                for caller in callers {
                    caller.await.unwrap().unwrap();
                }
            }

            /// One connection: every second another call holds it, and others wait.
            async fn flood(rounds: u32) {
                for _ in 0..rounds {
                    full(Duration::from_millis(300), 50).await;
                }
            }

            pub(super) async fn run(mode: &str) {
                match mode {
                    "slow" => slow().await.unwrap(),
                    "slow-script" => slow_script().await.unwrap(),
                    "slow-flood" => {
                        for _ in 0..30 {
                            slow().await.unwrap();
                        }
                    }
                    "budget" => one_by_one(51).await.unwrap(),
                    "within-budget" => one_by_one(2).await.unwrap(),
                    "full" => full(Duration::from_millis(400), 1).await,
                    "flood" => flood(10).await,
                    "leak" => hold(Duration::from_secs(3)).await.unwrap(),
                    other => unreachable!("{other}"),
                }
                sleep(A_SECOND).await;
                $db::shutdown(Duration::from_secs(5)).await;
            }
        }
    };
}

backend!(postgres, PgDb, "SELECT pg_sleep(0.3), 'hunter2'");
backend!(mysql, MyDb, "SELECT SLEEP(0.3), 'hunter2'");
backend!(
    sqlite,
    LiteDb,
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT max(i), 'hunter2' FROM n"
);

macro_rules! leaks {
    ($($name:ident)+) => {
        $(
            #[with_session(read_only)]
            async fn $name(db: &mut Session<LiteDb>) -> Result<(), AppError> {
                let _one = db;
                sleep(Duration::from_secs(4)).await;
                Ok(())
            }
        )+

        /// All at once.
        async fn many_leaks() {
            let all = [$(tokio::spawn($name())),+];
            for one in all {
                one.await.unwrap().unwrap();
            }
        }
    };
}

leaks! {
    leak_0 leak_1 leak_2 leak_3 leak_4 leak_5 leak_6 leak_7 leak_8 leak_9 leak_10 leak_11 leak_12 leak_13 leak_14 leak_15 leak_16 leak_17 leak_18 leak_19 leak_20 leak_21 leak_22 leak_23 leak_24 leak_25 leak_26 leak_27 leak_28 leak_29 leak_30 leak_31 leak_32 leak_33 leak_34 leak_35 leak_36 leak_37 leak_38 leak_39 leak_40 leak_41 leak_42 leak_43 leak_44 leak_45 leak_46 leak_47 leak_48 leak_49 leak_50 leak_51 leak_52 leak_53 leak_54 leak_55 leak_56 leak_57 leak_58 leak_59 leak_60 leak_61 leak_62 leak_63 leak_64 leak_65 leak_66 leak_67 leak_68 leak_69 leak_70 leak_71 leak_72 leak_73 leak_74 leak_75 leak_76 leak_77 leak_78 leak_79 leak_80 leak_81 leak_82 leak_83 leak_84 leak_85 leak_86 leak_87 leak_88 leak_89 leak_90 leak_91 leak_92 leak_93 leak_94 leak_95 leak_96 leak_97 leak_98 leak_99
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let (backend, mode) = (arguments.next().unwrap(), arguments.next().unwrap());
    match &*backend {
        "postgres" => postgres::run(&mode).await,
        "mysql" => mysql::run(&mode).await,
        _ if mode == "many-leaks" => {
            many_leaks().await;
            sleep(A_SECOND).await;
        }
        _ => sqlite::run(&mode).await,
    }
}
