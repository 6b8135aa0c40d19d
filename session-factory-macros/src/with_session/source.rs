//! The source in front of the attribute, when the compiler says where that is: not in an editor's own
//! expansion, nor in a function that another macro has made.

use proc_macro2::Span;

/// All of the file that comes before the attribute. To be asked once for each function: it reads the file.
pub(super) fn before_attribute() -> Option<String> {
    if !proc_macro::is_available() {
        return None;
    }
    let span = Span::call_site().unwrap();
    let mut text = std::fs::read_to_string(span.local_file()?).ok()?;
    let line_start = match span.line() {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2)?.0 + 1,
    };
    let line = text.get(line_start..)?;
    let column = line.char_indices().nth(span.column().checked_sub(1)?)?.0;
    let at = line_start + column;
    // Only where the attribute really stands there in the source.
    if !text.get(at..)?.starts_with('#') {
        return None;
    }
    text.truncate(at);
    Some(text)
}

/// The name of the attribute among these that stands directly above, each on a line of its own.
pub(super) fn above(before: &str, names: &[&'static str]) -> Option<&'static str> {
    before
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.is_empty() || line.starts_with("#[") || line.starts_with("//"))
        .find_map(|line| {
            let path = line.strip_prefix("#[")?;
            let end = path.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':')))?;
            let name = path[..end].rsplit("::").next()?;
            names.iter().copied().find(|other| *other == name)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &["debug_handler", "debug_middleware"];

    #[test]
    fn an_attribute_directly_above_is_found() {
        for before in [
            "#[debug_handler]\n",
            "fn f() {}\n\n    #[axum::debug_handler(state = S)]\n    // Why.\n    #[must_use]\n    ",
            "#[::axum::debug_handler] ",
        ] {
            assert_eq!(above(before, NAMES), Some("debug_handler"), "{before}");
        }
    }

    #[test]
    fn one_above_something_else_is_not() {
        for before in [
            "",
            "#[debug_handler]\nasync fn f() {}\n\n",
            "#[debug_handlers]\n",
            "// #[debug_handler]\n",
            "#[",
        ] {
            assert_eq!(above(before, NAMES), None, "{before}");
        }
    }
}
