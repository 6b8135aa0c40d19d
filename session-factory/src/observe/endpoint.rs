//! The server of a factory's connections, as spans and metrics name it.

/// Set after the first connection, which proves the URL right: a name in a wrong URL may be a piece of a password.
#[derive(Debug, Clone, Default)]
#[doc(hidden)]
#[cfg_attr(not(feature = "tracing"), allow(dead_code))] // only spans use every field
pub struct Endpoint {
    /// OpenTelemetry's name of the database system: `postgresql`.
    pub(crate) system: &'static str,
    /// The database.
    pub(crate) namespace: Option<String>,
    /// The host and port, as configured. `None` with several hosts, a socket or a file.
    pub(crate) address: Option<(String, u16)>,
}
