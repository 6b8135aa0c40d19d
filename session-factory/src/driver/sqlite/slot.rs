//! Where a connection is.

use super::diesel_wrapper::DieselWrapper;
use super::leftover::Connection;

pub(super) enum Slot {
    Home(Connection),
    /// On a thread that works on it, or lost there.
    Away,
    /// In a form that the application's code knows.
    Wrapped(Box<DieselWrapper>),
}
