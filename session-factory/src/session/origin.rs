//! Where a session was asked for.

use std::fmt;
use std::panic::Location;

/// The function that asked for a session: shown in errors, the echo and the reports.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Origin {
    function: &'static str,
    module: &'static str,
    file: &'static str,
    line: u32,
}

impl Origin {
    /// What an expansion knows of its function.
    pub const fn new(
        function: &'static str,
        module: &'static str,
        file: &'static str,
        line: u32,
    ) -> Self {
        Self {
            function,
            module,
            file,
            line,
        }
    }

    pub(crate) fn of_caller(function: &'static str, caller: &'static Location<'static>) -> Self {
        Self::new(function, "", caller.file(), caller.line())
    }

    pub(crate) const fn internal(function: &'static str) -> Self {
        Self::new(function, "session_factory", "", 0)
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
        if self.line > 0 {
            write!(f, " ({}:{})", self.file, self.line)?;
        }
        Ok(())
    }
}
