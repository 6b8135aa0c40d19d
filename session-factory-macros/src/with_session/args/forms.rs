//! The form of each option, for messages.

const FORMS: &[(&str, &str)] = &[
    ("isolation", "isolation = \"serializable\""),
    ("read_only", "read_only"),
    ("replica", "replica = \"caught_up\""),
    ("deferrable", "deferrable"),
    ("immediate", "immediate"),
    ("timeout", "timeout = \"5s\""),
    ("retry", "retry = 5"),
    ("savepoint", "savepoint"),
    ("requires_new", "requires_new"),
    ("commit_on", "commit_on = decide"),
    ("detach", "detach"),
    ("joined", "joined = \"name\""),
    ("crate", "crate = ::path"),
];

/// The form of the option of this name; empty if there is no such option.
pub(super) fn form(name: &str) -> &'static str {
    let form = FORMS.iter().find(|(option, _)| *option == name);
    form.map_or("", |(_, form)| form)
}
