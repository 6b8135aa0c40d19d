//! The part of a case that shows the mistake.

/// What a reader needs of a case: its code without imports, without the factory that most cases declare alike, and
/// without `main`.
pub(crate) fn snippet(source: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut lines = source.lines().peekable();
    while let Some(line) = lines.next() {
        let is_usual_factory = line == "session_factory! {"
            && lines.peek().is_some_and(|next| {
                next.starts_with("    pub struct AppDb(") && next.ends_with(");")
            });
        if is_usual_factory {
            // `AppDb` is the factory of every page; what else is declared with it is shown.
            let _declaration = lines.next();
            let is_all = lines.next_if_eq(&"}").is_some();
            if !is_all {
                kept.push(line);
            }
            continue;
        }
        let is_frame = line.starts_with("use ")
            || line.starts_with("//!")
            || line.starts_with(MISTAKES)
            || line == "fn main() {}"
            || line.starts_with("fn spawned<");
        let after_blank = kept.last().is_none_or(|last| last.is_empty());
        let is_second_blank = line.is_empty() && after_blank;
        if !is_frame && !is_second_blank {
            kept.push(line);
        }
    }
    kept.join("\n").trim_end().to_owned()
}

const MISTAKES: &str = "// mistakes: ";

/// How many mistakes a case has: one, or what a line of it says.
#[must_use]
pub fn mistakes(source: &str) -> usize {
    source
        .lines()
        .find_map(|line| line.strip_prefix(MISTAKES)?.parse().ok())
        .unwrap_or(1)
}

/// What a case says about itself: the `//!` at its top.
pub(crate) fn about(source: &str) -> Option<String> {
    let lines: Vec<_> = source
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .collect();
    (!lines.is_empty()).then(|| lines.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_case_has_is_left_out() {
        let source = "//! Why.\nuse a::b;\n\nsession_factory! {\n    pub struct AppDb(Sqlite);\n}\n\n\
                      #[with_session]\nfn f() {}\n\nfn main() {}\n";
        assert_eq!(snippet(source), "#[with_session]\nfn f() {}");
        assert_eq!(about(source).as_deref(), Some("Why."));
    }

    #[test]
    fn a_factory_that_is_the_point_is_shown() {
        let source = "session_factory! {\n    pub struct AppDb(Sqlite) {\n        pool_size = 0,\n    }\n}\n";
        assert!(snippet(source).contains("pool_size = 0"));
        let two =
            "session_factory! {\n    pub struct AppDb(Sqlite);\n    pub struct B(Mysql);\n}\n";
        assert_eq!(
            snippet(two),
            "session_factory! {\n    pub struct B(Mysql);\n}"
        );
    }
}
