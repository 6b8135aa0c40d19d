//! What a backend can do: the options that only some of them have, as traits that each driver implements
//! in its own folder.

/// `isolation = "…"` with this level.
#[diagnostic::on_unimplemented(
    message = "{Self} has no isolation level `{L}`",
    label = "not a level of this backend",
    note = "PostgreSQL and MySQL: \"serializable\", \"repeatable_read\", \"read_committed\", \"read_uncommitted\"; SQLite: \"serializable\" alone, which is what it always does",
    note = "a function that is generic over its factory names the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsIsolation<L> {}

/// `deferrable`.
#[diagnostic::on_unimplemented(
    message = "`deferrable` is an option of PostgreSQL, and this factory is one of {Self}",
    label = "not an option of this backend",
    note = "remove `deferrable`: on MySQL and SQLite a `read_only` transaction never waits for a writer",
    note = "a function that is generic over its factory names the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsDeferrable {}

/// `replica = "…"`.
#[diagnostic::on_unimplemented(
    message = "`replica` is an option of PostgreSQL, and this factory is one of {Self}",
    label = "not an option of this backend",
    note = "remove `replica`: there is one server, and every function uses it",
    note = "a function that is generic over its factory names the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsReplica {}

/// `immediate`.
#[diagnostic::on_unimplemented(
    message = "`immediate` is an option of SQLite, and this factory is one of {Self}",
    label = "not an option of this backend",
    note = "remove `immediate`: PostgreSQL and MySQL lock rows when they are written; to lock earlier, query with `.for_update()`",
    note = "a function that is generic over its factory names the backend: `F: SessionFactory<Driver = Sqlite>`"
)]
pub trait SupportsImmediate {}

/// `Factory::with_credentials(…)`.
#[diagnostic::on_unimplemented(
    message = "`with_credentials` is for databases that ask who connects, and this factory is one of {Self}",
    label = "a database without users",
    note = "remove `with_credentials`: who may open the file is the operating system's business"
)]
pub trait SupportsCredentials {}
