//! A database's URL dialect, as a value.

use crate::config::{UrlDialect, scheme};

/// A [`UrlDialect`] as a value.
pub(super) struct Dialect {
    pub(super) name: &'static str,
    pub(super) schemes: &'static [&'static str],
    pub(super) check: fn(&str) -> Result<(), String>,
}

impl Dialect {
    pub(super) fn of<D: UrlDialect>() -> Self {
        Self {
            name: D::NAME,
            schemes: D::SCHEMES,
            check: D::check_url,
        }
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        scheme::is_one_of(name, self.schemes)
    }

    pub(super) fn expected(&self) -> String {
        let example = match self.schemes.first() {
            Some(&"sqlite") => "sqlite:app.db".to_owned(),
            scheme => {
                let scheme = scheme.unwrap_or(&"scheme");
                format!("{scheme}://user:password@localhost/app")
            }
        };
        format!("a URL for {}, such as `{example}`", self.name)
    }
}
