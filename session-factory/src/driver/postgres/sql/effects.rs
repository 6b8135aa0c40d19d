//! The kinds of side effects that SQL may have.

use bitflags::bitflags;

bitflags! {
    /// What SQL may do, as far as its text shows.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Effects: u8 {
        /// It may change the server session.
        const CHANGES_SESSION = 1;
        /// It calls an unknown function, which may do anything.
        const UNKNOWN = 1 << 1;
        /// It does something that no reset can undo.
        const IRREVERSIBLE = 1 << 2;
        /// It may write, hold something until the transaction's end, or let COMMIT fail: the caller has to wait for
        /// COMMIT.
        const NEEDS_COMMIT = 1 << 3;
        /// It may notify listeners when its transaction commits.
        const NOTIFIES = 1 << 4;
        /// It calls `set_config`, which changes a setting at least until the transaction ends.
        const CONFIGURES = 1 << 5;
        /// It may create something that its command tag does not report.
        const DEFINES = 1 << 6;
        /// It may set a search path that its text does not show. What its transaction then creates may be temporary.
        const HIDES_A_PATH = 1 << 7;

        /// Effects that have to be undone before the next borrower.
        const NEEDS_RESET = Self::CHANGES_SESSION.bits() | Self::UNKNOWN.bits() | Self::IRREVERSIBLE.bits();
        /// With both of these, what a transaction creates may be temporary.
        const MAKES_TEMPORARY = Self::DEFINES.bits() | Self::HIDES_A_PATH.bits();
        /// Effects for which COMMIT matters although no row was changed.
        const COMMIT_MATTERS = Self::NEEDS_COMMIT.bits() | Self::NOTIFIES.bits();
    }
}

impl Effects {
    /// Returns these effects if `holds`, else none.
    pub(crate) fn when(self, holds: bool) -> Self {
        if holds { self } else { Self::empty() }
    }
}
