//! `trace_text`: what spans show of a statement's text.

use super::ConfigValue;

/// What the span of a statement shows of its text. No choice shows a value: a bind is a placeholder, and a literal in
/// the text is `?`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TraceText {
    /// Nothing.
    Off,
    /// The text of queries; of scripts that `batch_execute` runs, the summary.
    #[default]
    Parameterized,
    /// The text of queries and scripts.
    All,
}

impl ConfigValue for TraceText {
    fn expected() -> String {
        "`off`, `parameterized` or `all`".to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "off" | "none" => Some(Self::Off),
            "parameterized" => Some(Self::Parameterized),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}
