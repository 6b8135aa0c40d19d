//! A database's URL dialect.

/// What the reader needs to know of a database to check its settings.
#[doc(hidden)]
pub trait UrlDialect: Sealed {
    /// The database's name in errors.
    const NAME: &'static str;
    /// The accepted URL schemes, without the colon.
    const SCHEMES: &'static [&'static str];
    /// True if reads can use another server that replicates the first.
    const HAS_REPLICAS: bool = false;
    /// Checks a URL without connecting.
    ///
    /// # Errors
    /// What is wrong with the URL. The text quotes nothing secret.
    fn check_url(url: &str) -> Result<(), String>;
}

/// Seals `UrlDialect` for this crate's drivers. The path is private, so no other crate can
/// implement it.
pub trait Sealed {}
