//! What the compiler says, without what it says about the crate's own insides.

use std::fmt;

/// One error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    /// `error[E0277]: …`
    headline: String,
    /// The code that is underlined, when it is on one line.
    at: Option<String>,
    /// What stands beside the underlining.
    label: Option<String>,
    /// `note: …` and `help: …`
    notes: Vec<String>,
}

/// The errors of a `.stderr`, each once. Warnings are about the case, not about the mistake.
pub(crate) fn messages(stderr: &str) -> Vec<Message> {
    let mut blocks: Vec<Vec<&str>> = Vec::new();
    for line in stderr.lines() {
        if line.starts_with("error") || line.starts_with("warning") {
            blocks.push(Vec::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push(line);
        }
    }
    let mut messages: Vec<Message> = Vec::new();
    for block in blocks {
        let is_error = block[0].starts_with("error");
        let message = read(&block);
        let known = |other: &Message| {
            other.headline == message.headline && (other.at == message.at || message.at_macro())
        };
        if is_error && !messages.iter().any(known) {
            messages.push(message);
        }
    }
    messages
}

fn read(block: &[&str]) -> Message {
    let (at, label) = underlined(block).map_or((None, None), |(at, label)| (Some(at), label));
    let mut notes: Vec<String> = Vec::new();
    // Whether the line belongs to a note that is kept.
    let mut keeping = false;
    for line in &block[1..] {
        let text = line.trim_start();
        let own = text.strip_prefix("= ").unwrap_or(text);
        if own.starts_with("note: ") || own.starts_with("help: ") {
            keeping = !is_about_the_inside(own);
            if keeping {
                notes.push(own.to_owned());
            }
        } else if line.starts_with(' ') && is_continued(text) && keeping {
            if let Some(last) = notes.last_mut() {
                last.push_str("\n    ");
                last.push_str(text);
            }
        } else {
            keeping = false;
        }
    }
    Message {
        headline: block[0].to_owned(),
        at,
        label,
        notes,
    }
}

/// A note's second line: no source, no underlining, no place.
fn is_continued(text: &str) -> bool {
    let is_source = text.starts_with(|c: char| c.is_ascii_digit());
    !(text.is_empty() || is_source || text.starts_with(['|', '.']) || text.starts_with("-->"))
}

/// Nobody who reads the page has these.
fn is_about_the_inside(note: &str) -> bool {
    [
        "note: required by a bound in",
        "note: required by this bound",
        "note: required because",
        "note: this error originates in",
        "note: method defined here",
        "note: function defined here",
        "note: tuple variant defined here",
        "note: the trait ",
        "note: the following trait bounds",
        "help: the trait ",
        "help: for that trait implementation",
        "help: within ",
        "help: consider restricting opaque type",
        "help: the type constructed contains",
        "note: `#[warn",
    ]
    .iter()
    .any(|inside| note.starts_with(inside))
        || note.contains("__private")
}

/// The code above the first `^^^`, and what is said beside it.
fn underlined(block: &[&str]) -> Option<(String, Option<String>)> {
    let (number, line) = block
        .iter()
        .enumerate()
        .skip(1)
        .find(|(_, line)| line.contains('^'))?;
    let (gutter, marks) = line.split_once('|')?;
    let source = block[..number]
        .iter()
        .rev()
        .filter_map(|line| line.split_once('|'))
        .find(|(gutter, _)| gutter.trim().parse::<u32>().is_ok())?;
    if source.0.len() != gutter.len() {
        return None;
    }
    let start = marks.find('^')?;
    let width = marks[start..].chars().take_while(|c| *c == '^').count();
    let at: String = source.1.chars().skip(start).take(width).collect();
    let label = marks[start..]
        .trim_start_matches(['^', '-', ' '])
        .trim_end()
        .to_owned();
    let label = if label.is_empty() {
        label_below(&block[number + 1..])
    } else {
        Some(label)
    };
    Some((at.trim().to_owned(), label))
}

/// Where the line has no room for it, the label hangs below.
fn label_below(lines: &[&str]) -> Option<String> {
    lines
        .iter()
        .map_while(|line| line.trim_start().strip_prefix('|'))
        .map(|text| text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '|' | '_' | '^')))
        .find(|text| !text.is_empty())
        .map(str::to_owned)
}

impl Message {
    /// It is about the attribute as a whole.
    fn at_macro(&self) -> bool {
        self.at.as_deref().is_some_and(|at| {
            at.starts_with("#[with_session") || at.starts_with("#[session_factory::test")
        })
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline)?;
        match (&self.at, &self.label) {
            (Some(at), Some(label)) if at.is_empty() => writeln!(f, "  {label}")?,
            (Some(at), Some(label)) => writeln!(f, "  at `{at}`: {label}")?,
            (Some(at), None) => writeln!(f, "  at `{at}`")?,
            (None, _) => {}
        }
        for note in &self.notes {
            writeln!(f, "  {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STDERR: &str = "\
error[E0277]: `Ticket` can be given to it only once
  --> tests/x.rs:11:12
   |
10 | #[with_session(retry = 5)]
   | -------------------------- in this attribute macro expansion
11 | async fn f(ticket: Ticket) {
   |            ^^^^^^^^^^^^^^ `Ticket` is not `Clone`
   |
   = note: derive `Clone` for it
note: required by a bound in `session_factory::__private::again`
  --> $WORKSPACE/session-factory/src/__private/supports.rs
   |
   | pub fn again<A: RetryArgument>(argument: &A) -> A {
   |                 ^^^^^^^^^^^^^ required by this bound in `again`

warning: unused import: `Session`
 --> tests/x.rs:2:23
";

    #[test]
    fn what_helps_is_kept_and_the_rest_is_not() {
        let messages = messages(STDERR);
        let text: String = messages.iter().map(ToString::to_string).collect();
        assert_eq!(
            text,
            "error[E0277]: `Ticket` can be given to it only once\n  \
             at `ticket: Ticket`: `Ticket` is not `Clone`\n  note: derive `Clone` for it\n"
        );
    }

    #[test]
    fn the_same_error_is_told_once() {
        let twice = format!("{STDERR}\n{STDERR}");
        assert_eq!(messages(&twice).len(), 1);
    }
}
