//! Where a session was asked for.

use std::fmt;
use std::panic::Location;

/// The function that asked for a session: shown in errors, the echo and the reports.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Origin {
    function: &'static str,
    module: &'static str,
    place: Option<&'static Location<'static>>,
}

impl Origin {
    /// What an expansion knows of its function. The compiler knows where that is: of what a macro has made it gives
    /// the place of the macro.
    #[track_caller]
    pub const fn of_function(function: &'static str, module: &'static str) -> Self {
        Self {
            function,
            module,
            place: Some(Location::caller()),
        }
    }

    /// A closure's, or a session's that its caller has to commit.
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

    /// The function; of a closure also where it is, as that has no name of its own.
    pub(crate) fn in_full(&self) -> String {
        if self.is_closure() {
            self.to_string()
        } else {
            self.function.to_owned()
        }
    }

    /// Not a function's, but a closure's: it has no joining form.
    pub(crate) fn is_closure(&self) -> bool {
        self.module.is_empty()
    }

    /// The module of the function, empty when it is not known.
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
