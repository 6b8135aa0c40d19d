//! What a database says about its URLs.

/// What has to be known of a database to read its settings, and to say what is wrong with them.
#[doc(hidden)]
pub trait UrlDialect: Sealed {
    /// The database's name, as errors print it.
    const NAME: &'static str;
    /// The URL schemes it takes, without the colon.
    const SCHEMES: &'static [&'static str];
    /// Whether reads may go to another server that follows the first.
    const HAS_REPLICAS: bool = false;
    /// Checks a URL without connecting.
    ///
    /// # Errors
    /// What is wrong with it. Nothing secret is quoted.
    fn check_url(url: &str) -> Result<(), String>;
}

/// Of the databases that this crate has drivers for. Its path is private, so no other crate can implement it.
pub trait Sealed {}
