//! Finds two factories of one name that two invocations declare in one module. Without this check,
//! the compiler would report every generated item twice (27 errors). A macro sees only its own
//! invocation, so this module reads the source file.
//!
//! Where the source is uncertain, this module leaves the errors to the compiler: in generated code,
//! in text that an editor has not saved, and for invocations with a `cfg`.

use proc_macro2::Ident;

use super::source::{Words, source};

/// True if an earlier invocation in the same scope of the same file declares this name.
pub(super) fn is_declared_before(name: &Ident) -> bool {
    earlier(name).unwrap_or(false)
}

fn earlier(name: &Ident) -> Option<bool> {
    let (text, at) = source(name.span())?;
    declares(&text, at, &name.to_string())
}

/// One pair of braces, or the whole file.
#[derive(Default)]
struct Scope {
    /// True for the block of `session_factory!`.
    is_factories: bool,
    /// True if an attribute, possibly a `cfg`, precedes it.
    has_attribute: bool,
    /// True if the scope contains an invocation that declares the name and is certainly compiled.
    declares: bool,
}

/// True if the file declares the name before this place. `None` if the name is not at this place,
/// or if its invocation may not be compiled.
fn declares(text: &str, at: usize, name: &str) -> Option<bool> {
    if !text.get(at..)?.starts_with(name) || !text.get(..at)?.contains(&format!("struct {name}")) {
        return None;
    }
    let mut scopes = vec![Scope::default()];
    // The last two words, and the word before the current path.
    let (mut last, mut before_last, mut before_path) = ("", "", "");
    for (place, word) in Words::of(text) {
        if place == at {
            let [.., outer, inner] = scopes.as_slice() else {
                return None;
            };
            let is_certain = inner.is_factories && !inner.has_attribute;
            return is_certain.then_some(outer.declares);
        }
        match word {
            "{" | "(" | "[" => scopes.push(Scope {
                is_factories: last == "!" && before_last == "session_factory",
                has_attribute: before_path == "]",
                declares: false,
            }),
            "}" | ")" | "]" => {
                scopes.pop();
            }
            word if word == name && last == "struct" => {
                if let [.., outer, inner] = scopes.as_mut_slice() {
                    outer.declares |= inner.is_factories && !inner.has_attribute;
                }
            }
            _ => {}
        }
        let in_path = last == ":" || word == ":" || word == "!";
        if !in_path {
            before_path = last;
        }
        (before_last, last) = (last, word);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `declares` for the last `AppDb` that follows `struct`.
    fn second(text: &str) -> Option<bool> {
        let at = text.rfind("struct AppDb").expect("there is one") + "struct ".len();
        declares(text, at, "AppDb")
    }

    const FIRST: &str = "session_factory! {\n    /// Mine.\n    pub struct AppDb(Postgres);\n}\n";
    const SECOND: &str = "session_factory::session_factory! { struct AppDb(Sqlite) {} }";

    #[test]
    fn the_second_of_one_scope_is_found() {
        for between in [
            "",
            "fn f() { '{'; \"}\\\"}\"; r#\"}\"}\"#; } /* } /* } */ */ // }\n",
            "impl<'a> X<'a> { const C: char = '\\''; const B: u8 = b'}'; }",
            "#[cfg(test)] mod tests { }",
        ] {
            assert_eq!(
                second(&format!("{FIRST}{between}{SECOND}")),
                Some(true),
                "{between}"
            );
        }
        assert_eq!(second(&format!("mod a {{ {FIRST} {SECOND} }}")), Some(true));
    }

    #[test]
    fn another_scope_and_a_condition_are_not() {
        for text in [
            format!("mod a {{ {FIRST} }} {SECOND}"),
            format!("{FIRST} mod a {{ {SECOND} }}"),
            format!("fn f() {{ {FIRST} }} fn g() {{ {SECOND} }}"),
            format!("#[cfg(a)] {FIRST} {SECOND}"),
            format!("/* {FIRST} */ {SECOND}"),
            format!("session_factory! {{ pub struct AppDbs(Postgres); }} {SECOND}"),
        ] {
            assert_ne!(second(&text), Some(true), "{text}");
        }
        assert_eq!(second(&format!("{FIRST} #[cfg(a)] {SECOND}")), None);
        assert_eq!(second(&format!("{FIRST} macro!(struct AppDb);")), None);
    }
}
