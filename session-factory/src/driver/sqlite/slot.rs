//! Where a connection is.

use super::diesel_wrapper::DieselWrapper;
use super::leftover::Connection;

pub(super) enum Slot {
    Home(Connection),
    /// A thread works on the connection, or has lost it.
    Away,
    /// In diesel-async's wrapper, for the application's code.
    Wrapped(Box<DieselWrapper>),
}
