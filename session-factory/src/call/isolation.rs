//! Isolation levels.

/// An isolation level of the SQL standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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

/// An isolation level as an argument: a type of this module, which the compiler checks against the
/// backend, or a value of [`Isolation`] if the backend supports all levels. The trait is sealed, because
/// another crate's level would pass the compiler's check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an isolation level",
    label = "not one of the four levels",
    note = "write `Isolation::Serializable`, with `use session_factory::Isolation;`; on SQLite the type \
            `session_factory::driver::isolation::Serializable`"
)]
pub trait Level: sealed::Sealed {
    /// The level's value.
    fn level(self) -> Isolation;
}

mod sealed {
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is not an isolation level of this crate",
        label = "not one of the four levels",
        note = "use a type of `session_factory::driver::isolation`, or a value of `session_factory::Isolation`"
    )]
    pub trait Sealed {}

    impl Sealed for super::Isolation {}
    impl Sealed for std::convert::Infallible {}
}

// `Infallible` has no value. SQLite's driver lists it as a second level, for better compiler messages.
impl Level for std::convert::Infallible {
    fn level(self) -> Isolation {
        match self {}
    }
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

        impl sealed::Sealed for $name {}

        impl Level for $name {
            fn level(self) -> Isolation {
                Isolation::$name
            }
        }
    )*};
}

levels! {
    /// READ UNCOMMITTED. PostgreSQL treats it as READ COMMITTED.
    ReadUncommitted,
    /// READ COMMITTED: each statement sees what was committed before it. PostgreSQL's default.
    ReadCommitted,
    /// REPEATABLE READ: the transaction sees one snapshot.
    RepeatableRead,
    /// SERIALIZABLE: as if the transactions had run one after another. SQLite's only level.
    Serializable,
}
