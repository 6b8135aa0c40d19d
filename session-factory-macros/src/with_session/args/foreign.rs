//! Options under the names that other libraries give them. The error for such a name considers the
//! option's value too, and says what to write here. A user who follows the advice never gets code
//! that does the opposite of what the option means in the other library.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::Type;

use super::options::{OPTIONS, row, write};
use super::value::Value;
use super::wrapped::itself;
use crate::diagnostics::{nearest, pretty, same_name};

/// What another library's name stands for.
#[derive(Clone, Copy)]
enum Meaning {
    /// The option of this name, with the user's value.
    Option(&'static str),
    /// Like `Option`, but the option of that name here behaves differently: the second text says how.
    Differs(&'static str, &'static str),
    /// The option `timeout`, from a value in this unit (milliseconds or seconds).
    TimeoutIn(&'static str),
    /// The greatest number of attempts, including the first one.
    Attempts,
    /// The pause between two attempts.
    Pause(&'static str),
    /// An isolation level, written as if it were an option.
    Level(&'static str),
    /// The default here: the advice is to remove `true`, and to write this option instead of `false`.
    Unless(&'static str),
    /// Spring's `propagation`; its value decides the advice.
    Propagation,
    /// The factory.
    Factory,
    /// Advice for anything else.
    Advice(&'static str),
}

use Meaning::{
    Advice, Attempts, Differs, Factory, Level, Option as Other, Pause, Propagation, TimeoutIn,
    Unless,
};

const DECIDES: Meaning = Advice(
    "write `commit_on = decide`, and beside this function `DECIDE`: true commits, false \
     rolls back",
);
const ROLLS_BACK: Meaning = Advice(
    "every `Err` rolls back; remove this, or for some errors that commit write `commit_on = decide` and \
            `DECIDE`",
);
const CONFLICTS: Meaning = Advice(
    "`retry` runs again after a serialization failure, a deadlock or a busy database, and after no other error; write \
     `retry = 5`",
);
const PRIMARY: Meaning = Advice(
    "a function without `read_only` uses the primary; remove this, or write `read_only, replica = \"never\"`",
);
const STANDBY: Meaning =
    Advice("a `read_only` function uses the replica when there is one; write `read_only`");
const COMMITS: Meaning = Advice(
    "`Ok` commits and `Err` rolls back; remove this, or for another rule write `commit_on = decide` and \
     `DECIDE`",
);
const UNDOES: Meaning = Advice(
    "`Ok` commits and `Err` rolls back; to undo everything remove this, and end the body with `db.rollback().await`",
);
const TRANSACTION: Meaning = Advice("every annotated function runs in a transaction; remove this");
const OUTERMOST: Meaning = Advice(
    "the function refuses to run in a task that has a session already, unless it says `requires_new`; remove this",
);
const SENT: Meaning =
    Advice("each statement is sent when it is awaited, and rows are values; remove this");
const NAMED: Meaning = Advice("a session is logged under the name of its function; remove this");

/// Names from Spring, SQLAlchemy, Django, `TypeORM`, Rails and sqlx, and likely guesses. The
/// look-up ignores case and underscores.
const FOREIGN: &[(&[&str], Meaning)] = &[
    (
        &[
            "isolation_level",
            "level",
            "tx_isolation",
            "transaction_isolation",
            "iso",
        ],
        Other("isolation"),
    ),
    (
        &["ro", "read", "query_only", "reads", "reader"],
        Other("read_only"),
    ),
    (
        &[
            "standby",
            "read_replica",
            "secondary",
            "follower",
            "use_replica",
        ],
        STANDBY,
    ),
    (&["primary", "master", "writer", "use_primary"], PRIMARY),
    (&["begin_immediate"], Other("immediate")),
    (
        &["exclusive"],
        Differs(
            "immediate",
            "SQLite's write lock is taken when the transaction begins, and others may still read",
        ),
    ),
    (
        &[
            "deadline",
            "limit",
            "max_time",
            "max_duration",
            "time_limit",
        ],
        Other("timeout"),
    ),
    (
        &["statement_timeout", "query_timeout", "lock_timeout"],
        Differs(
            "timeout",
            "a limit is for the function as a whole, from opening its session to the commit",
        ),
    ),
    (
        &["timeout_ms", "timeout_millis", "timeout_milliseconds"],
        TimeoutIn("ms"),
    ),
    (
        &[
            "timeout_secs",
            "timeout_seconds",
            "timeout_s",
            "timeout_string",
        ],
        TimeoutIn("s"),
    ),
    (
        &["retries", "max_retries", "retry_count", "rerun"],
        Other("retry"),
    ),
    (
        &["attempts", "max_attempts", "tries", "max_tries"],
        Attempts,
    ),
    (
        &[
            "backoff",
            "delay",
            "retry_delay",
            "retry_backoff",
            "pause",
            "retry_base",
            "interval",
            "wait",
        ],
        Pause("base"),
    ),
    (
        &["max_backoff", "max_delay", "retry_cap", "max_pause"],
        Pause("cap"),
    ),
    (
        &[
            "retry_on",
            "retry_for",
            "retry_if",
            "retry_when",
            "retryable",
            "retry_policy",
            "include",
            "on_conflict",
            "retry_errors",
        ],
        CONFLICTS,
    ),
    (
        &[
            "nested",
            "subtransaction",
            "sub_transaction",
            "begin_nested",
            "nest",
        ],
        Differs(
            "savepoint",
            "the function runs in a savepoint where it joins a session: its `Err` undoes its own changes alone",
        ),
    ),
    (
        &[
            "new",
            "independent",
            "autonomous",
            "new_session",
            "new_transaction",
            "separate",
            "require_new",
        ],
        Other("requires_new"),
    ),
    (
        &[
            "commit_if",
            "commit_when",
            "rollback_if",
            "rollback_when",
            "no_rollback_for",
            "no_rollback_on",
            "dont_rollback_on",
            "commit_for",
            "no_rollback_for_class_name",
        ],
        DECIDES,
    ),
    (
        &[
            "rollback_on",
            "rollback_for",
            "rollback_for_class_name",
            "rollback_on_error",
        ],
        ROLLS_BACK,
    ),
    (
        &[
            "autocommit",
            "commit",
            "auto_rollback",
            "commit_on_success",
            "commit_on_exit",
            "autobegin",
        ],
        COMMITS,
    ),
    (
        &["rollback", "always_rollback", "rollback_always", "dry_run"],
        UNDOES,
    ),
    (&["autoflush", "flush", "expire_on_commit"], SENT),
    (
        &["write", "writable", "writes", "read_write", "rw", "mutable"],
        Unless("read_only"),
    ),
    (
        &[
            "background",
            "spawn",
            "fire_and_forget",
            "in_background",
            "spawned",
        ],
        Differs(
            "detach",
            "a call goes on to its end when its caller stops waiting, and who awaits it still waits for its result",
        ),
    ),
    (
        &["detached", "shield", "uncancellable", "uncancelable"],
        Other("detach"),
    ),
    (
        &["join", "joining", "joins", "joined_name"],
        Other("joined"),
    ),
    (&["krate", "crate_path", "runtime"], Other("crate")),
    (&["propagation", "propagate"], Propagation),
    (
        &[
            "required",
            "mandatory",
            "never",
            "supports",
            "not_supported",
        ],
        Propagation,
    ),
    (
        &[
            "transaction",
            "transactional",
            "atomic",
            "tx",
            "begin",
            "in_transaction",
            "unit_of_work",
        ],
        TRANSACTION,
    ),
    (&["durable", "outermost", "ensure_top_level"], OUTERMOST),
    (&["name", "label", "comment", "tag", "description"], NAMED),
    (&["serializable"], Level("serializable")),
    (&["repeatable_read", "snapshot"], Level("repeatable_read")),
    (&["read_committed"], Level("read_committed")),
    (&["read_uncommitted"], Level("read_uncommitted")),
    (
        &[
            "factory",
            "database",
            "db",
            "pool",
            "session",
            "conn",
            "connection",
            "using",
            "engine",
            "bind",
            "transaction_manager",
            "datasource",
            "session_factory",
            "url",
            "dsn",
            "uri",
            "client",
            "connection_name",
            "state",
        ],
        Factory,
    ),
];

/// True if a word in capital letters is another library's option rather than a factory.
pub(super) fn is_a_word_of_others(text: &str) -> bool {
    !text.contains(char::is_lowercase) && matches!(meaning(text), Some(Propagation | Level(_)))
}

fn meaning(name: &str) -> Option<Meaning> {
    let is_it = |names: &[&str]| names.iter().any(|other| same_name(other, name));
    FOREIGN
        .iter()
        .find(|(names, _)| is_it(names))
        .map(|(_, meaning)| *meaning)
}

/// The factory in `db = AppDb`.
pub(super) fn factory(name: &str, value: &Value) -> Option<Type> {
    matches!(meaning(name), Some(Factory)).then_some(())?;
    let ty = value
        .ty()
        .filter(|ty| matches!(ty, Type::Path(_) | Type::Reference(_)))?;
    Some(itself(&ty).unwrap_or(ty))
}

/// In advice, a placeholder for the signature of a `commit_on` function.
const DECIDE: &str = "DECIDE";

/// Replaces the general return type in a message by the annotated function's own.
pub(super) fn with_output(error: syn::Error, item: &TokenStream) -> syn::Error {
    let text = error.to_string();
    if !text.contains(ANY_OUTPUT) {
        return error;
    }
    let output = format!("&{}", output(item));
    syn::Error::new(error.span(), text.replace(ANY_OUTPUT, &output))
}

const ANY_OUTPUT: &str = "&Result<T, E>";

/// The signature of a `commit_on` function for this annotated function.
fn decide(item: &TokenStream) -> String {
    format!("fn decide(result: &{}) -> bool", output(item))
}

/// The function's return type.
fn output(item: &TokenStream) -> String {
    let mut tokens = item.clone().into_iter().peekable();
    let mut output = TokenStream::new();
    while let Some(token) = tokens.next() {
        let is_arrow = matches!(&token, TokenTree::Punct(dash) if dash.as_char() == '-')
            && matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '>');
        if is_arrow {
            let is_end = |token: &TokenTree| match token {
                TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                TokenTree::Ident(word) => word == "where",
                TokenTree::Punct(_) | TokenTree::Literal(_) => false,
            };
            output = tokens.skip(1).take_while(|token| !is_end(token)).collect();
            break;
        }
    }
    if output.is_empty() {
        "Result<T, E>".to_owned()
    } else {
        pretty(output)
    }
}

/// The first type in the function whose name differs from this one only in case or underscores.
fn type_in(item: TokenStream, name: &str) -> Option<String> {
    item.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) => {
            let word = word.to_string();
            (word.starts_with(char::is_uppercase) && same_name(&word, name)).then_some(word)
        }
        TokenTree::Group(group) => type_in(group.stream(), name),
        TokenTree::Punct(_) | TokenTree::Literal(_) => None,
    })
}

/// The name after `fn`.
fn function_name(item: &TokenStream) -> String {
    let mut words = item
        .clone()
        .into_iter()
        .skip_while(|token| !matches!(token, TokenTree::Ident(word) if word == "fn"));
    words
        .nth(1)
        .map_or_else(|| "f".to_owned(), |name| name.to_string())
}

/// The advice for an unknown option of this function.
pub(super) fn answer(name: &str, value: &Value, item: &TokenStream) -> String {
    if let Some(row) = OPTIONS.iter().find(|row| same_name(row.name, name)) {
        return write(row, value);
    }
    if let Some(meaning) = meaning(name) {
        return meaning.answer(name, value, item);
    }
    if let Some(rest) = ["no_", "not_", "without_", "disable_"]
        .iter()
        .find_map(|no| name.strip_prefix(no))
        && let Some(option) = nearest(rest, OPTIONS.iter().map(|row| row.name))
    {
        return match option {
            "joined" => "write `joined = false`".to_owned(),
            option => format!("`{option}` is off unless it is written; remove this"),
        };
    }
    if let Some(row) = nearest(name, OPTIONS.iter().map(|row| row.name)).and_then(row) {
        return write(row, value);
    }
    if let Some(named) = type_in(item.clone(), name) {
        return format!("the factory's name is a type's; write `#[with_session({named})]`");
    }
    let names: Vec<_> = OPTIONS
        .iter()
        .map(|option| format!("`{}`", option.name))
        .collect();
    format!("the options are {}", names.join(", "))
}

impl Meaning {
    fn answer(self, name: &str, value: &Value, item: &TokenStream) -> String {
        match self {
            Other(option) => row(option).map_or_else(String::new, |row| write(row, value)),
            Differs(option, does) => {
                let advice = row(option).map_or_else(String::new, |row| write(row, value));
                format!("{does}: {advice}")
            }
            TimeoutIn(unit) => match value.number() {
                Some(number) => format!("write `timeout = \"{number}{unit}\"`"),
                None => "write `timeout = \"5s\"`".to_owned(),
            },
            Attempts => match value.number() {
                Some(0 | 1) => {
                    "one attempt is what there is without `retry`; remove this".to_owned()
                }
                Some(number) => format!(
                    "`retry` counts the attempts after the first; write `retry = {}`",
                    number - 1
                ),
                None => "write `retry = 5`".to_owned(),
            },
            Pause(part) => {
                let given = format!("{part} = {}", value.text());
                if value.is_text() {
                    format!("it is a part of `retry`; write `retry(max = 5, {given})`")
                } else {
                    "it is a part of `retry`; write `retry(max = 5, base = \"10ms\", cap = \"1s\")`"
                        .to_owned()
                }
            }
            Level(level) => match value.bool() {
                Some(false) => "remove this".to_owned(),
                _ => format!("write `isolation = \"{level}\"`"),
            },
            Unless(option) => match value.bool() {
                Some(false) => format!("write `{option}`"),
                _ => format!("a function may write unless it says `{option}`; remove this"),
            },
            Propagation => {
                let word = value.word().unwrap_or_else(|| name.to_owned());
                propagation(&word, &function_name(item))
            }
            // A parameter's name: `session = db`.
            Factory if value.is_parameter() => {
                "the session is the function's first parameter, under any name; remove this, or name the factory: \
                 `#[with_session(AppDb)]`"
                    .to_owned()
            }
            Factory => {
                let named = factory(name, value).map_or_else(|| "AppDb".to_owned(), pretty);
                format!("the factory is written without a name; write `#[with_session({named})]`")
            }
            Advice(advice) => advice.replace(DECIDE, &decide(item)),
        }
    }
}

/// The equivalent of Spring's propagation of this name.
fn propagation(word: &str, function: &str) -> String {
    let is = |name| same_name(name, word);
    if is("requires_new") {
        "write `requires_new`".to_owned()
    } else if is("nested") {
        "write `savepoint`".to_owned()
    } else if is("mandatory") {
        format!(
            "only `{function}_in` needs a session of its caller: remove this, and call `{function}_in(db, …)`"
        )
    } else if is("never") {
        format!("`{function}` refuses to run in a task that has a session already: remove this")
    } else if is("not_supported") {
        "every annotated function runs in a transaction: remove `#[with_session]` from one that needs none".to_owned()
    } else {
        format!(
            "callers choose: `{function}_in(db, …)` joins the caller's session, and `{function}(…)` opens one; remove this"
        )
    }
}
