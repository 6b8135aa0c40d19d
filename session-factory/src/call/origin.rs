//! The caller that opened a session.

use std::fmt;
use std::panic::Location;

/// The function that opened a session, for errors, the echo and reports.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Origin {
    function: &'static str,
    module: &'static str,
    place: Option<&'static Location<'static>>,
}

impl Origin {
    /// Returns the origin for a function. `#[track_caller]` provides the place; for macro-generated
    /// code, that is the place of the macro invocation.
    pub(crate) fn of_function(
        function: &'static str,
        module: &'static str,
        place: &'static Location<'static>,
    ) -> Self {
        Self {
            function,
            module,
            place: Some(place),
        }
    }

    /// Returns the origin for a closure, or for a session that its caller commits.
    pub fn of_caller(function: &'static str, caller: &'static Location<'static>) -> Self {
        Self {
            function,
            module: "",
            place: Some(caller),
        }
    }

    pub(crate) const fn internal(function: &'static str) -> Self {
        Self {
            function,
            module: "session_factory",
            place: None,
        }
    }

    pub(crate) fn function(&self) -> &'static str {
        self.function
    }

    /// Returns the function's name; for a closure, which has no name, also its file and line.
    pub(crate) fn in_full(&self) -> String {
        if self.is_closure() {
            self.to_string()
        } else {
            self.function.to_owned()
        }
    }

    /// True for a closure, for which no `_in` form exists.
    pub(crate) fn is_closure(&self) -> bool {
        self.module.is_empty()
    }

    /// Returns the file and line where the function is written, or those of the macro invocation that generated it.
    pub(crate) fn file_and_line(&self) -> Option<(&'static str, u32)> {
        self.place.map(|place| (place.file(), place.line()))
    }

    /// Returns the function's module; empty if unknown.
    pub fn module(&self) -> &'static str {
        self.module
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.function)?;
        match self.place {
            Some(place) => write!(f, " ({}:{})", place.file(), place.line()),
            None => Ok(()),
        }
    }
}
