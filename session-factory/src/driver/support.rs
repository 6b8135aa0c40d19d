//! Options that only some backends have, as traits that each driver implements in its own folder.
//! The traits are sealed: an implementation in another crate would defeat the compiler's check.

use std::marker::PhantomData;

use crate::call::isolation::Level;
use crate::config::Sealed;

/// `isolation = "…"` with this level.
#[diagnostic::on_unimplemented(
    message = "the backend of this factory, `{Self}`, does not have this isolation level",
    label = "not a level of this backend",
    note = "on SQLite every transaction is serializable: remove `isolation`; PostgreSQL and MySQL have all four levels",
    note = "if the function is generic over its factory, name the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsIsolation<L: Level>: Sealed {
    /// Called by macro expansions. The trait itself is the function's bound, so the compiler points only at the option.
    #[doc(hidden)]
    fn asked(_driver: PhantomData<Self>) {}
}

/// `deferrable`.
#[diagnostic::on_unimplemented(
    message = "`deferrable` is for PostgreSQL, and the backend of this factory is `{Self}`",
    label = "not an option of this backend",
    note = "remove `deferrable`: on MySQL and SQLite a `read_only` transaction never waits for a writer",
    note = "if the function is generic over its factory, name the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsDeferrable: Sealed {
    /// Called by macro expansions. The trait itself is the function's bound, so the compiler points only at the option.
    #[doc(hidden)]
    fn asked(_driver: PhantomData<Self>) {}
}

/// `replica = "…"`.
#[diagnostic::on_unimplemented(
    message = "`replica` is for PostgreSQL, and the backend of this factory is `{Self}`",
    label = "not an option of this backend",
    note = "remove `replica`: with this backend every function uses the one server",
    note = "if the function is generic over its factory, name the backend: `F: SessionFactory<Driver = Postgres>`"
)]
pub trait SupportsReplica: Sealed {
    /// Called by macro expansions. The trait itself is the function's bound, so the compiler points only at the option.
    #[doc(hidden)]
    fn asked(_driver: PhantomData<Self>) {}
}

/// `immediate`.
#[diagnostic::on_unimplemented(
    message = "`immediate` is for SQLite, and the backend of this factory is `{Self}`",
    label = "not an option of this backend",
    note = "remove `immediate`: PostgreSQL and MySQL lock rows when they are written; to lock earlier, query with `.for_update()`",
    note = "if the function is generic over its factory, name the backend: `F: SessionFactory<Driver = Sqlite>`"
)]
pub trait SupportsImmediate: Sealed {
    /// Called by macro expansions. The trait itself is the function's bound, so the compiler points only at the option.
    #[doc(hidden)]
    fn asked(_driver: PhantomData<Self>) {}
}

/// `Factory::with_credentials(…)`.
#[diagnostic::on_unimplemented(
    message = "`with_credentials` is for databases that ask who connects, and the backend of this factory is `{Self}`",
    label = "a database without users",
    note = "remove `with_credentials`: who may open the file is the operating system's business"
)]
pub trait SupportsCredentials: Sealed {}
