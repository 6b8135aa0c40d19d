//! The workloads: each is one way in which services use sessions.

mod endings;
mod entries;
mod interrupted;
mod raw_texts;
mod savepoints;
mod state;
mod statements;
mod streams;

use crate::backend::Backend;
use crate::case::{Case, RawEnd, Unit, Verdict};
use crate::subject::{Body, Db, Done, Entry, Row, Subject, verdict};

/// One way of using sessions.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// The workload's transactions, one after another.
    pub(crate) units: &'static [UnitOfWork],
    pub(crate) setup: Setup,
    /// True if its statements outlast every wait, so that only a fault ends it.
    pub(crate) endless: bool,
    /// The only backend that it runs on; `None` for all.
    pub(crate) only: Option<Backend>,
    /// A backend that it does not run on.
    pub(crate) except: Option<Backend>,
}

/// A transaction of a workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnitOfWork {
    pub(crate) entry: Entry,
    /// The number of its rows.
    pub(crate) rows: i32,
    pub(crate) body: Body,
    /// The caller's result without a fault; `None` for any true result.
    pub(crate) clean: Option<Verdict>,
    /// Set if the unit's SQL ends the transaction.
    pub(crate) end: Option<RawEnd>,
    /// How many attempts the workload makes, if the result says that nothing was kept.
    pub(crate) tries: u32,
}

/// The workload's pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setup {
    /// A factory's own pool, with open connections.
    Warm,
    /// A factory's own pool without a connection, for each connection's first use.
    Cold,
    /// `Factory::from_pool`.
    Foreign,
}

impl Workload {
    const fn new(name: &'static str, units: &'static [UnitOfWork]) -> Self {
        Self {
            name,
            units,
            setup: Setup::Warm,
            endless: false,
            only: None,
            except: None,
        }
    }

    const fn on(self, setup: Setup) -> Self {
        Self { setup, ..self }
    }

    const fn endless(self) -> Self {
        Self {
            endless: true,
            ..self
        }
    }

    const fn except(self, backend: Backend) -> Self {
        Self {
            except: Some(backend),
            ..self
        }
    }

    const fn only(self, backend: Backend) -> Self {
        Self {
            only: Some(backend),
            ..self
        }
    }

    /// Runs the workload to its end, and records its callers' results in the case's journal.
    pub(crate) async fn run(&self, subject: &dyn Subject, case: &Case) {
        for (number, work) in (0..).zip(self.units) {
            for _ in 0..work.tries {
                let unit = case.begin(number, work.rows, work.end);
                let told = verdict(subject.unit(work.entry, unit.clone(), work.body).await);
                unit.ended(told);
                if !told.is_rolled_back() {
                    break;
                }
            }
        }
    }
}

impl UnitOfWork {
    const fn new(entry: Entry, rows: i32, body: Body) -> Self {
        Self {
            entry,
            rows,
            body,
            clean: Some(Verdict::Committed),
            end: None,
            tries: 1,
        }
    }

    /// A unit that is rolled back even without a fault.
    const fn in_vain(self) -> Self {
        Self {
            clean: Some(Verdict::RolledBack),
            ..self
        }
    }

    /// A unit whose SQL commits its transaction, with its first `before` rows.
    const fn commits(self, before: i32) -> Self {
        self.ends(RawEnd {
            commits: true,
            before,
            by_hand: before,
        })
    }

    /// Like `commits`; `by_hand` of the rows are written before that commit or in the same text.
    const fn commits_amid(self, before: i32, by_hand: i32) -> Self {
        self.ends(RawEnd {
            commits: true,
            before,
            by_hand,
        })
    }

    /// A unit whose SQL rolls its transaction back, with its first `before` rows.
    const fn rolls_back(self, before: i32) -> Self {
        self.ends(RawEnd {
            commits: false,
            before,
            by_hand: before,
        })
    }

    const fn ends(self, end: RawEnd) -> Self {
        Self {
            clean: None,
            end: Some(end),
            ..self
        }
    }

    const fn tries(self, tries: u32) -> Self {
        Self { tries, ..self }
    }
}

/// All workloads for a backend.
pub(crate) fn all(backend: Backend) -> impl Iterator<Item = &'static Workload> {
    [
        statements::WORKLOADS,
        savepoints::WORKLOADS,
        streams::WORKLOADS,
        endings::WORKLOADS,
        raw_texts::WORKLOADS,
        entries::WORKLOADS,
        state::WORKLOADS,
        interrupted::WORKLOADS,
    ]
    .into_iter()
    .flatten()
    .filter(move |workload| workload.only.is_none_or(|only| only == backend.engine()))
    .filter(move |workload| workload.except != Some(backend.engine()))
    // An external pool prepares statements on any of the pooler's server connections.
    .filter(move |workload| backend != Backend::Pgbouncer || workload.setup != Setup::Foreign)
}

/// The parts of the bodies. A body may panic at a step, before and after each statement.
impl Unit {
    /// Writes one of the unit's rows.
    async fn write(&self, db: &mut dyn Db, item: i32) -> Done {
        self.write_text(db, item, String::from("kept")).await
    }

    async fn write_text(&self, db: &mut dyn Db, item: i32, payload: String) -> Done {
        let row = Row {
            case_id: self.case.id(),
            unit: self.number,
            item,
            payload,
        };
        self.step();
        db.insert(row).await?;
        self.step();
        Ok(())
    }

    /// Writes a row that other connections must never see.
    async fn poison(&self, db: &mut dyn Db) -> Done {
        self.write(db, -1).await
    }

    /// Runs SQL text.
    async fn sql(&self, db: &mut dyn Db, text: &str) -> Done {
        self.step();
        db.batch(text).await?;
        self.step();
        Ok(())
    }

    /// Runs one statement of SQL text, prepared.
    async fn prepared(&self, db: &mut dyn Db, text: &str) -> Done {
        self.step();
        db.prepared(text).await?;
        self.step();
        Ok(())
    }

    /// Runs a statement that fails.
    async fn fail(&self, db: &mut dyn Db) -> Done {
        self.sql(db, "INSERT INTO torture_taken (id) VALUES (1)")
            .await
    }

    /// Counts the case's rows inside the transaction.
    async fn count(&self, db: &mut dyn Db) -> Done<i64> {
        self.step();
        let count = db.count(self.case.id()).await?;
        self.step();
        Ok(count)
    }

    /// `INSERT … VALUES` as text, for one of the unit's rows.
    fn insert_sql(&self, item: i32) -> String {
        let (case, unit) = (self.case.id(), self.number);
        format!("INSERT INTO torture_rows VALUES ({case}, {unit}, {item}, 'kept');")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_at_least_25_for_each_backend_with_names_of_their_own() {
        for backend in Backend::ALL {
            let mut names: Vec<_> = all(backend).map(|workload| workload.name).collect();
            names.sort_unstable();
            assert!(names.len() >= 25, "{backend:?}: {}", names.len());
            names.dedup();
            assert_eq!(names.len(), all(backend).count(), "a name is there twice");
        }
    }
}
