//! The file around the attribute, if the compiler provides the attribute's place. The compiler
//! provides none in an editor's own expansion, or for a function that another macro made.

use std::cell::RefCell;
use std::collections::HashSet;

use proc_macro2::Span;
use syn::visit::Visit;

thread_local! {
    /// The names in the current file. All functions of the file use them: the compiler expands one file after another.
    static NAMES: RefCell<Names> = RefCell::default();
}

/// Names in a file, found in one pass over its text: a search for each function would take quadratic time.
#[derive(Default)]
struct Names {
    text: String,
    /// The names after `fn `.
    functions: HashSet<String>,
    /// The names before `(&mut `.
    called_with_a_borrow: HashSet<String>,
}

impl Names {
    fn of(text: &str) -> Self {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        let first = |(at, word): (usize, &str)| {
            let rest = &text[at + word.len()..];
            rest.split(|c| !is_name(c)).next().map(str::to_owned)
        };
        let last =
            |(at, _): (usize, &str)| text[..at].rsplit(|c| !is_name(c)).next().map(str::to_owned);
        Self {
            text: text.to_owned(),
            functions: text.match_indices("fn ").filter_map(first).collect(),
            called_with_a_borrow: text.match_indices("(&mut ").filter_map(last).collect(),
        }
    }
}

/// A file, and the attribute's place in it.
pub(super) struct Source {
    text: String,
    at: usize,
}

impl Source {
    /// The file of the current attribute. Reads the file: call it once for each function.
    pub(super) fn of_attribute() -> Option<Self> {
        if !proc_macro::is_available() {
            return None;
        }
        let span = Span::call_site().unwrap();
        let text = std::fs::read_to_string(span.local_file()?).ok()?;
        let line_start = match span.line() {
            0 | 1 => 0,
            line => text.match_indices('\n').nth(line - 2)?.0 + 1,
        };
        let line = text.get(line_start..)?;
        let column = line.char_indices().nth(span.column().checked_sub(1)?)?.0;
        let at = line_start + column;
        // Checks that the attribute really is at this place of the source.
        text.get(at..)?
            .starts_with('#')
            .then_some(Self { text, at })
    }

    fn names<T>(&self, look: impl FnOnce(&Names) -> T) -> T {
        NAMES.with_borrow_mut(|names| {
            if names.text != self.text {
                *names = Names::of(&self.text);
            }
            look(names)
        })
    }

    /// True if the file has a function of this name, as far as its text shows.
    pub(super) fn has_function(&self, name: &str) -> bool {
        self.names(|names| names.functions.contains(name))
    }

    /// The text before the attribute.
    pub(super) fn before(&self) -> &str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// The text from the attribute to the end of the function that ends at this brace.
    pub(super) fn until(&self, end: Span) -> Option<&str> {
        let end = end.unwrap().end();
        let rest = self.text.get(self.at..)?;
        let first = Span::call_site().unwrap().line();
        let lines = end.line().checked_sub(first)? + 1;
        let length = rest.split_inclusive('\n').take(lines).map(str::len).sum();
        rest.get(..length)
    }

    /// True if the file contains this text.
    pub(super) fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    /// True if the application may have its own type of this name here: the file declares one, or
    /// imports names from the application's other modules.
    pub(super) fn has_a_type_of(&self, name: &str) -> bool {
        let declares = ["struct ", "enum ", "type "]
            .iter()
            .any(|word| self.contains(&format!("{word}{name}")));
        let own = ["crate::", "super::", "self::"];
        declares
            || self.text.lines().any(|line| {
                let line = line.trim_start();
                line.starts_with("use ")
                    && own.iter().any(|path| line.contains(path))
                    && (line.contains('*') || line.contains(name))
            })
    }

    /// True if the file certainly has no type of this name: its imports are by name, or globs of
    /// known crates; no import has this name; and no item or type parameter has it. Parses the file.
    pub(super) fn lacks(&self, name: &str) -> bool {
        // The paths whose glob imports certainly contain no such type.
        const KNOWN: [&str; 3] = ["diesel::prelude", "diesel_async", "session_factory"];
        let is_known = |at: usize| KNOWN.iter().any(|path| self.text[..at].ends_with(path));
        let by_name = self.text.match_indices("::*").all(|(at, _)| is_known(at))
            && !self.contains("include!");
        let is_declared = [
            "struct ",
            "enum ",
            "type ",
            "union ",
            "trait ",
            "macro_rules",
        ]
        .iter()
        .any(|word| self.contains(&format!("{word}{name}")))
            || self.contains("macro_rules!");
        let is_parameter =
            self.contains(&format!("<{name}")) || self.contains(&format!(", {name}"));
        by_name && !is_declared && !is_parameter && self.items().is_some() && !self.imports(name)
    }

    /// True if a `use` in the file imports this name. Parses the file.
    pub(super) fn imports(&self, name: &str) -> bool {
        struct Finder<'a>(&'a str, bool);
        impl<'ast> Visit<'ast> for Finder<'_> {
            fn visit_use_name(&mut self, leaf: &'ast syn::UseName) {
                self.1 |= leaf.ident == self.0;
            }

            fn visit_use_rename(&mut self, leaf: &'ast syn::UseRename) {
                self.1 |= leaf.rename == self.0;
            }
        }
        let mut finder = Finder(name, false);
        for item in self.items().iter().flatten() {
            finder.visit_item(item);
        }
        finder.1
    }

    /// How many functions of this name the file has, as far as its text shows.
    pub(super) fn declarations(&self, name: &syn::Ident) -> usize {
        if !self.has_function(&name.to_string()) {
            return 0;
        }
        let declared = format!("fn {name}");
        let is_it =
            |(at, _): &(usize, &str)| self.text[at + declared.len()..].starts_with(['(', '<']);
        self.text.match_indices(&declared).filter(is_it).count()
    }

    /// True if the file calls a function of this name with a `&mut` borrow as the first argument.
    pub(super) fn calls_with_a_session(&self, name: &str) -> bool {
        self.names(|names| names.called_with_a_borrow.contains(name))
    }

    /// True if the file has a function of this name below `#[with_session]`.
    pub(super) fn annotates(&self, name: &str) -> bool {
        if !self.has_function(name) {
            return false;
        }
        let declared = format!("fn {name}");
        self.text.match_indices(&declared).any(|(at, _)| {
            let line = self.text[..at].rfind('\n').map_or(0, |end| end + 1);
            self.text[at + declared.len()..].starts_with(['(', '<'])
                && above(&self.text[..line], &["with_session"]).is_some()
        })
    }

    /// The file's items. Parses the file: call it only to build a message.
    pub(super) fn items(&self) -> Option<Vec<syn::Item>> {
        syn::parse_file(&self.text).ok().map(|file| file.items)
    }
}

/// The trait whose `impl` contains the end of this source.
pub(super) fn implemented_trait(before: &str) -> Option<&str> {
    let header = before
        .rmatch_indices("impl")
        .map(|(at, _)| &before[at + "impl".len()..])
        .find_map(|rest| {
            let header = &rest[..rest.find('{')?];
            header.contains(" for ").then_some(header)
        })?;
    let name = header.split(" for ").next()?.trim();
    // Generics may precede the trait's path, and follow it.
    let name = match name.strip_prefix('<') {
        Some(generics) => generics.rsplit_once("> ").map_or(name, |(_, path)| path),
        None => name,
    };
    let path = name.split('<').next()?.trim();
    path.rsplit("::").next()
}

/// The attribute among `names` that is directly above the end of `before`, if each attribute is on its own line.
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
    fn the_trait_of_an_implementation_is_found() {
        for before in [
            "impl Repository for Users {\n    ",
            "impl a::Repository<T> for Users<T> { fn f(x: impl Into<T>) {} #[x]",
            "impl<T: X<Y>> Repository for Users<T> {",
            "impl A for B {} impl Repository for Users {",
        ] {
            assert_eq!(implemented_trait(before), Some("Repository"), "{before}");
        }
        assert_eq!(implemented_trait("impl Users {"), None);
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
