//! The tested code: a pool of sessions on its own database.

use std::collections::BTreeSet;
use std::future::Future;

use session_factory::{CommittedPart, PartlyCommitted, SessionError};

use crate::case::Case;
use crate::words::Words;

/// A lane's database and sessions.
pub(crate) trait Subject: Sized + Send + Sync + 'static {
    /// The name in the report.
    const NAME: &'static str;
    /// The database's SQL.
    const WORDS: &'static Words;
    /// The server that all lanes share.
    type Server: Clone + Send + Sync + 'static;

    /// Starts the server.
    fn server() -> impl Future<Output = Self::Server> + Send;

    /// Creates a lane's database, with the table `items`.
    fn open(server: &Self::Server) -> impl Future<Output = Self> + Send;

    /// Runs a case in its own session.
    fn tell(&self, case: &Case) -> impl Future<Output = Told> + Send;

    /// The ids of the rows that another connection sees.
    fn present(&self) -> impl Future<Output = BTreeSet<i32>> + Send;

    /// Removes the rows and prepared transactions of earlier cases.
    fn sweep(&self) -> impl Future<Output = ()> + Send;
}

/// The session's result.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    /// True if the savepoint returned `Ok`; `None` for a case without a savepoint.
    pub(crate) savepoint: Option<bool>,
    /// True if the INSERT after the texts returned `Ok`.
    pub(crate) last: Option<bool>,
    /// True if a text failed.
    pub(crate) has_failed: bool,
}

/// How the call ended. The texts in it are printed with a finding, and not compared.
#[derive(Debug)]
#[allow(
    dead_code,
    reason = "read by `Debug`, which the compiler does not count"
)]
pub(crate) enum Outcome {
    Ok,
    /// An error that says "all rolled back".
    RolledBack(String),
    /// An error that says that a part may be committed.
    Ended(CommittedPart),
    Unknown(String),
    /// The body's own error, which says nothing about the outcome.
    Body(String),
}

/// A body's error: from the session or from a statement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Query(#[from] diesel::result::Error),
    #[error("the savepoint is given up")]
    GivenUp,
}

impl Outcome {
    pub(crate) fn of(result: Result<(), Failure>) -> Self {
        let error = match result {
            Ok(()) => return Self::Ok,
            Err(Failure::Session(error)) => error,
            // A statement's error may contain a session's.
            Err(Failure::Query(error)) => match SessionError::from(error) {
                SessionError::Query(error) => return Self::Body(error.to_string()),
                other => other,
            },
            Err(Failure::GivenUp) => return Self::Body(Failure::GivenUp.to_string()),
        };
        match error {
            SessionError::PartlyCommitted(PartlyCommitted::EndedByBody(part)) => Self::Ended(part),
            SessionError::PartlyCommitted(_) | SessionError::CommitUnknown(_) => {
                Self::Unknown(error.to_string())
            }
            error => Self::RolledBack(error.to_string()),
        }
    }
}

/// Runs a case on a factory. It is a macro, so that the code is the same for all databases without
/// being generic.
#[macro_export]
macro_rules! tell {
    ($factory:expr, $db:ty, $case:expr) => {{
        use diesel::ExpressionMethods as _;
        use diesel_async::{AsyncConnection as _, RunQueryDsl as _, SimpleAsyncConnection as _};
        use session_factory::Session;
        use $crate::case::{Case, Shape, Way};
        use $crate::subject::{Failure, Outcome, Told};

        async fn insert(db: &mut Session<$db>, id: i32) -> Result<(), Failure> {
            diesel::insert_into($crate::subject::items::table)
                .values($crate::subject::items::id.eq(id))
                .execute(db)
                .await?;
            Ok(())
        }

        async fn step(db: &mut Session<$db>, way: Way, text: &str) -> Result<(), Failure> {
            match way {
                Way::Batch => db.batch_execute(text).await?,
                Way::Execute => {
                    let _count = diesel::sql_query(text).execute(db).await?;
                }
                Way::Load => drop(
                    diesel::sql_query(text)
                        .load::<$crate::subject::Nothing>(db)
                        .await?,
                ),
                // The rows are not read, so the answer may arrive after the next statement was
                // sent.
                Way::Stream => drop(
                    diesel::sql_query(text)
                        .load_stream::<$crate::subject::Nothing>(db)
                        .await?,
                ),
                Way::Raw => db.connection().await?.batch_execute(text).await?,
                Way::RawExecute => {
                    let raw = db.connection().await?;
                    let _count = diesel::sql_query(text).execute(raw).await?;
                }
            }
            Ok(())
        }

        async fn steps(
            db: &mut Session<$db>,
            case: &Case,
            failed: &mut bool,
        ) -> Result<(), Failure> {
            for (way, text) in &case.steps {
                if let Err(error) = step(db, *way, text).await {
                    *failed = true;
                    if !case.swallows {
                        return Err(error);
                    }
                }
            }
            Ok(())
        }

        async fn inner(
            db: &mut Session<$db>,
            case: &Case,
            failed: &mut bool,
            id: i32,
            keeps: bool,
        ) -> Result<(), Failure> {
            insert(db, id).await?;
            steps(db, case, failed).await?;
            if keeps { Ok(()) } else { Err(Failure::GivenUp) }
        }

        let case: &Case = $case;
        let [first, inside, last] = case.ids();
        let mut savepoint = None;
        let mut was_inserted = None;
        let mut has_failed = false;
        let body = async |db: &mut Session<$db>| {
            insert(db, first).await?;
            match case.shape {
                Shape::Plain => steps(db, case, &mut has_failed).await?,
                Shape::Savepoint { keeps } => {
                    let result = db
                        .savepoint(async |db| inner(db, case, &mut has_failed, inside, keeps).await)
                        .await;
                    savepoint = Some(result.is_ok());
                }
                Shape::Transaction { keeps } => {
                    let result = db
                        .transaction(async |db| {
                            inner(db, case, &mut has_failed, inside, keeps).await
                        })
                        .await;
                    savepoint = Some(result.is_ok());
                }
            }
            if case.goes_on {
                was_inserted = Some(insert(db, last).await.is_ok());
            }
            Ok::<_, Failure>(())
        };
        let outcome = Outcome::of($factory.session().run(body).await);
        Told {
            outcome,
            savepoint,
            last: was_inserted,
            has_failed,
        }
    }};
}

diesel::table! {
    items (id) {
        id -> Integer,
    }
}

/// A row whose columns are ignored.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Nothing {}
