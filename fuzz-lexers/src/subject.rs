//! What is tested: a pool of sessions on a database of its own, and what it says of each case.

use std::collections::BTreeSet;
use std::future::Future;

use session_factory::{CommittedPart, PartlyCommitted, SessionError};

use crate::case::Case;
use crate::words::Words;

/// A database with sessions on it. One for each lane.
pub(crate) trait Subject: Sized + Send + Sync + 'static {
    /// As the report names it.
    const NAME: &'static str;
    /// Its SQL.
    const WORDS: &'static Words;
    /// What all lanes share: a server.
    type Server: Clone + Send + Sync + 'static;

    /// Starts it.
    fn server() -> impl Future<Output = Self::Server> + Send;

    /// A database of one lane, with the table `items`.
    fn open(server: &Self::Server) -> impl Future<Output = Self> + Send;

    /// Runs a case in a session of its own.
    fn tell(&self, case: &Case) -> impl Future<Output = Told> + Send;

    /// The ids of the rows that another connection sees.
    fn present(&self) -> impl Future<Output = BTreeSet<i32>> + Send;

    /// Removes what cases leave behind: rows, prepared transactions.
    fn sweep(&self) -> impl Future<Output = ()> + Send;
}

/// What the session said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) outcome: Outcome,
    /// Whether the savepoint said `Ok`, where the case has one.
    pub(crate) savepoint: Option<bool>,
    /// Whether the row behind the texts was inserted, as far as that statement's own answer goes.
    pub(crate) last: Option<bool>,
    /// A text failed.
    pub(crate) has_failed: bool,
}

/// How the call ended. What is not judged is printed with a finding.
#[derive(Debug)]
#[allow(
    dead_code,
    reason = "read by `Debug`, which the compiler does not count"
)]
pub(crate) enum Outcome {
    Ok,
    /// All of it is rolled back.
    RolledBack(String),
    /// A part of it may be.
    Ended(CommittedPart),
    Unknown(String),
    /// The body's own error, which says nothing.
    Body(String),
}

/// An error of a body: a session's, or a statement's.
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
            // A statement's error may carry a session's.
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

/// Runs a case on a factory: the same for all databases, and generic for none of them.
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
                // Its rows are not read: the answer may come when the next statement is on its way.
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

/// A row that nobody reads.
#[derive(Debug, diesel::QueryableByName)]
pub(crate) struct Nothing {}
