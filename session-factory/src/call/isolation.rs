//! Isolation levels.

/// An isolation level of the SQL standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// READ UNCOMMITTED.
    ReadUncommitted,
    /// READ COMMITTED.
    ReadCommitted,
    /// REPEATABLE READ.
    RepeatableRead,
    /// SERIALIZABLE.
    Serializable,
}

/// An isolation level as an argument: one of the types of this module, which the compiler checks against
/// the backend, or a value of [`Isolation`] where the backend has them all.
pub trait Level {
    /// Its value.
    fn level(self) -> Isolation;
}

impl Level for Isolation {
    fn level(self) -> Isolation {
        self
    }
}

macro_rules! levels {
    ($($(#[$docs:meta])* $name:ident),* $(,)?) => {$(
        $(#[$docs])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name;

        impl Level for $name {
            fn level(self) -> Isolation {
                Isolation::$name
            }
        }
    )*};
}

levels! {
    /// READ UNCOMMITTED. PostgreSQL takes it as READ COMMITTED.
    ReadUncommitted,
    /// READ COMMITTED: each statement sees what was committed before it. PostgreSQL's default.
    ReadCommitted,
    /// REPEATABLE READ: the transaction sees one snapshot.
    RepeatableRead,
    /// SERIALIZABLE: as if the transactions had run one after another. SQLite has no other.
    Serializable,
}
