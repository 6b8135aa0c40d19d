//! Examines the code around an invocation. A macro sees only its own tokens, so this module reads the source
//! file. Where the source is uncertain, this module reports nothing and leaves the errors to the compiler.

use proc_macro2::{Ident, Span};

use super::source::{Words, source};

/// The words that declare a type.
const TYPES: [&str; 4] = ["struct", "enum", "type", "union"];

/// True if the invocation is written where a value is expected: `let db = session_factory! { … }`.
pub(super) fn is_a_value() -> bool {
    let is_value = |(text, at): (String, usize)| stands_as_a_value(&text, at);
    source(Span::call_site()).is_some_and(is_value)
}

fn stands_as_a_value(text: &str, at: usize) -> bool {
    if !text.get(at..).is_some_and(|text| text.contains('!')) {
        return false;
    }
    let words = Words::of(text).take_while(|(place, _)| *place < at);
    let last = words.last().map(|(_, word)| word);
    matches!(last, Some("=" | "(" | "[" | "," | "return" | "&" | ">"))
}

/// True if the module that declares the factory also declares this type, in another item.
pub(super) fn has_type(factory: &Ident, name: &str) -> bool {
    let has_type = |(text, at): (String, usize)| declares_beside(&text, at, name);
    source(factory.span()).is_some_and(has_type)
}

/// True if the file declares a factory of this name.
pub(super) fn is_factory(name: &Ident) -> bool {
    let text = name.to_string();
    let is_factory = |(source, _): (String, usize)| {
        let mut is_factory = false;
        declarations(&source, usize::MAX, |declaration| {
            is_factory |= declaration.by_macro && declaration.name == text;
        });
        is_factory
    };
    source(name.span()).is_some_and(is_factory)
}

/// A type that the file declares.
struct Declaration<'a> {
    name: &'a str,
    /// The number of the pair of braces around the type; for a factory, of the pair around its invocation.
    scope: usize,
    by_macro: bool,
    /// True if a `cfg` may remove it.
    is_conditional: bool,
}

fn declares_beside(text: &str, at: usize, name: &str) -> bool {
    if !text.contains(name) {
        return false;
    }
    let mut scopes = Vec::new();
    let here = declarations(text, at, |declaration| {
        let is_certain = !declaration.by_macro && !declaration.is_conditional;
        if is_certain && declaration.name == name {
            scopes.push(declaration.scope);
        }
    });
    here.is_some_and(|here| scopes.contains(&here))
}

/// Reports each type that the file declares. Returns the scope of the factory at this place.
fn declarations<'a>(
    text: &'a str,
    at: usize,
    mut report: impl FnMut(Declaration<'a>),
) -> Option<usize> {
    // The number of each open pair of braces, and whether it is the block of `session_factory!`.
    let mut open = vec![(0, false)];
    let mut count = 0;
    let mut here = None;
    let mut has_cfg = false;
    let (mut last, mut before_last) = ("", "");
    for (place, word) in Words::of(text) {
        let (inner, by_macro) = open.last().copied()?;
        let outer = open.iter().rev().nth(1).map_or(0, |(number, _)| *number);
        let scope = if by_macro { outer } else { inner };
        if place == at {
            here = by_macro.then_some(scope);
        }
        match word {
            "{" | "(" | "[" => {
                count += 1;
                let is_macro = last == "!" && before_last == "session_factory";
                open.push((count, is_macro));
            }
            "}" | ")" | "]" if open.len() > 1 => {
                open.pop();
                has_cfg &= word == "]" || word == ")";
            }
            ";" => has_cfg = false,
            "cfg" => has_cfg = true,
            name if TYPES.contains(&last) => report(Declaration {
                name,
                scope,
                by_macro,
                is_conditional: has_cfg,
            }),
            _ => {}
        }
        (before_last, last) = (last, word);
    }
    here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_config(text: &str) -> bool {
        let at = text.find("struct AppDb(").expect("there is one") + "struct ".len();
        declares_beside(text, at, "AppDbConfig")
    }

    const FACTORY: &str = "session_factory! { pub struct AppDb(Postgres); }";

    #[test]
    fn a_type_beside_the_factory_is_found() {
        for text in [
            format!("#[derive(Debug)]\nstruct AppDbConfig {{ url: String }}\n{FACTORY}"),
            format!("{FACTORY} pub enum AppDbConfig {{}}"),
            format!("mod a {{ type AppDbConfig = u32; {FACTORY} }}"),
            format!("#[cfg(test)] mod tests {{}} {FACTORY} struct AppDbConfig;"),
        ] {
            assert!(has_config(&text), "{text}");
        }
    }

    #[test]
    fn one_elsewhere_or_with_a_condition_is_not() {
        for text in [
            format!("mod a {{ struct AppDbConfig; }} {FACTORY}"),
            format!("struct AppDbConfig; mod a {{ {FACTORY} }}"),
            format!("#[cfg(test)] struct AppDbConfig; {FACTORY}"),
            format!("// struct AppDbConfig;\n{FACTORY}"),
            format!("impl A for B {{ type AppDbConfig = u32; }} {FACTORY}"),
            format!("struct AppDbConfigs; {FACTORY}"),
        ] {
            assert!(!has_config(&text), "{text}");
        }
    }

    #[test]
    fn an_invocation_behind_an_equals_sign_is_a_value() {
        let is_value = |text: &str| {
            let at = text.find("session_factory!").expect("there is one");
            stands_as_a_value(text, at)
        };
        for text in [
            "let db = ",
            "start(",
            "return ",
            "static DB: AppDb =",
            "db => ",
        ] {
            assert!(is_value(&format!("{text}session_factory! {{}}")), "{text}");
        }
        for text in [
            "",
            "use a;\n",
            "fn f() { ",
            "#[cfg(a)] ",
            "mod a {} ",
            "// =\n",
        ] {
            assert!(!is_value(&format!("{text}session_factory! {{}}")), "{text}");
        }
    }
}
