//! A database's URL dialect.

/// What the reader must know about a database to check its settings.
#[doc(hidden)]
pub trait UrlDialect: Sealed {
    /// The database's name in errors.
    const NAME: &'static str;
    /// The accepted URL schemes, without the colon.
    const SCHEMES: &'static [&'static str];
    /// True if reads can use a second server, which replicates the first.
    const HAS_REPLICAS: bool = false;
    /// Checks a URL without connecting.
    ///
    /// # Errors
    /// What is wrong with the URL. The text quotes nothing secret.
    fn check_url(url: &str) -> Result<(), String>;
    /// Returns the first host in the URL that may be another machine: neither loopback, nor a socket, nor a file.
    fn elsewhere(_url: &str) -> Option<String> {
        Some("its host".to_owned())
    }
}

/// True if the name or address always leads to this machine, without asking for the name's address.
#[cfg(any(feature = "postgres", feature = "mysql"))]
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// Seals `UrlDialect`, `Driver` and `DriverConnection` for this crate's drivers. The path is private, so no other crate
/// can implement it.
///
/// ```compile_fail,E0603
/// use session_factory::config::Sealed;
/// ```
pub trait Sealed {}
