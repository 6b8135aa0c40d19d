//! The expansions of ten typical functions: a snapshot of each, published in `docs/expansion.md`.
//! After an intended change, run `UPDATE_EXPECT=1 cargo test -p session-factory-macros`.

use std::fmt::Write as _;

use expect_test::expect_file;
use proc_macro2::TokenStream;

/// A function as the user writes it.
struct Example {
    title: &'static str,
    /// What the reader should look at.
    about: &'static str,
    /// The attribute's arguments.
    args: &'static str,
    item: &'static str,
}

const EXAMPLES: &[Example] = &[
    Example {
        title: "A simple function",
        about: "One line opens the session, one runs the body, one ends the session. `f_in` is the function as you wrote it.",
        args: "",
        item: "/// Gives a user a new name.
pub async fn rename(db: &mut Session<AppDb>, id: i32, name: &str) -> Result<User, AppError> {
    let user = users::table.find(id);
    Ok(diesel::update(user).set(users::name.eq(name)).get_result(db).await?)
}",
    },
    Example {
        title: "A method",
        about: "`f` calls its sibling through `Self`. `mut self` concerns the body, so only `f_in` has it.",
        args: "",
        item: "pub async fn rename(&self, db: &mut Session<AppDb>, name: String) -> QueryResult<()> {
    self.rename_all(db, &[name]).await
}",
    },
    Example {
        title: "Patterns and generics",
        about: "Arguments are passed on under plain names, and types explicitly. Lifetimes are inferred.",
        args: "",
        item: "async fn add<'a, T: Row, const N: usize>(
    db: &mut Session<AppDb>,
    (first, mut rest): (T, [T; N]),
    note: &'a str,
) -> QueryResult<&'a str> {
    rest.sort();
    insert(db, first, rest).await.map(|()| note)
}",
    },
    Example {
        title: "Options of the transaction",
        about: "They are a constant. Options that only some backends support are checked first, at the option's place.",
        args: "isolation = \"serializable\", read_only, deferrable, timeout = \"5s\"",
        item: "async fn report(db: &mut Session<AppDb>) -> QueryResult<Report> {
    Report::load(db).await
}",
    },
    Example {
        title: "`retry`",
        about: "`again` takes the ended unit, and returns the result or continues with the next attempt. Each attempt has its own copy of the arguments that are passed by value.",
        args: "retry = 5",
        item: "async fn transfer(db: &mut Session<AppDb>, from: Account, to: &Account) -> QueryResult<()> {
    move_money(db, &from, to).await
}",
    },
    Example {
        title: "`savepoint`",
        about: "Here `f_in` has more to do: the body is inside a block, so that `return` and `?` end the block, and the savepoint is then released.",
        args: "savepoint",
        item: "async fn try_add(mut db: &mut Session<AppDb>, name: &str) -> QueryResult<()> {
    insert(&mut db, name).await?;
    Ok(())
}",
    },
    Example {
        title: "`commit_on`",
        about: "The application's function decides; everything else is the same.",
        args: "commit_on = keep_attempts",
        item: "async fn log_in(db: &mut Session<AppDb>, name: &str) -> Result<User, AppError> {
    note_attempt(db, name).await?;
    find(db, name).await
}",
    },
    Example {
        title: "`detach`",
        about: "The whole call runs in its own task.",
        args: "detach",
        item: "async fn import(db: &mut Session<AppDb>, rows: Vec<Row>) -> QueryResult<usize> {
    insert_all(db, rows).await
}",
    },
    Example {
        title: "A connection of the backend",
        about: "As part of the call, the session begins its transaction and provides the connection.",
        args: "AppDb",
        item: "async fn rename(conn: &mut AsyncPgConnection, id: i32) -> QueryResult<usize> {
    diesel::update(users::table.find(id)).set(users::seen.eq(true)).execute(conn).await
}",
    },
    Example {
        title: "Without a joining function",
        about: "A trait's `impl` has no room for `f_in`, so `f` contains the body as a block.",
        args: "joined = false",
        item: "async fn run(&self, db: &mut Session<AppDb>) -> QueryResult<()> {
    self.clean_up(db).await
}",
    },
];

const HEAD: &str = "\
# What the macros make of your code

Ten functions and the output of `#[with_session]` for them, as formatted code. A test writes this page from the macro
(`UPDATE_EXPECT=1 cargo test -p session-factory-macros`), so it matches the version of the repository.

The expansion contains no behaviour. It names the function, its options and its arguments, and calls the runtime, in
`session-factory/src/__private.rs`. The result of `open` runs the call (`run`) and ends it (`finish`, or `again` with
`retry`). These are three calls instead of one with a closure, because of the compiler: the future of a closure that
borrows the arguments cannot be shown to be `Send` (rust-lang/rust#100013), and errors in the arguments would be
reported inside the closure. `contract` checks that the return type is a `Result` whose error can carry the session's, and
`parameter` checks that the first parameter's type is a session. Each checks once, with errors at the type.

Your code cannot see names that begin with `__session_factory`, and those names cannot see yours: all are hygienic, and
all paths are absolute. A function with errors keeps its two signatures, so that callers still find them.
";

#[test]
fn the_published_expansions_are_those_of_the_macro() {
    let mut page = HEAD.to_owned();
    for example in EXAMPLES {
        let Example {
            title, about, item, ..
        } = example;
        let args = if example.args.is_empty() {
            String::new()
        } else {
            format!("({})", example.args)
        };
        let output = expansion(example);
        write!(
            page,
            "\n## {title}\n{about}\n\n```rust,ignore\n#[with_session{args}]\n{item}\n```\nbecomes\n```rust,ignore\n{output}```\n"
        )
        .expect("a string takes everything");
    }
    expect_file!["../../docs/expansion.md"].assert_eq(&page);
}

#[test]
fn the_expansion_of_a_simple_function_is_short() {
    let output = expansion(&EXAMPLES[0]);
    let lines = output.lines().count();
    assert!(lines < 40, "{lines} lines\n{output}");
    assert_eq!(output.matches(".open(").count(), 1);
}

/// The formatted expansion.
fn expansion(example: &Example) -> String {
    let tokens = |text: &str| text.parse::<TokenStream>().expect("the example is Rust");
    let output = crate::with_session::expand(tokens(example.args), &tokens(example.item));
    assert!(!output.to_string().contains("compile_error"), "{output}");
    let takes_self = example.item.contains("self");
    if !takes_self {
        return prettyplease::unparse(&syn::parse2(output).expect("the expansion is Rust"));
    }
    // Methods are formatted inside an `impl`, which is removed afterwards.
    let file = syn::parse_quote!(impl X { #output });
    let text = prettyplease::unparse(&file);
    let mut unindented = String::new();
    for line in text.lines().skip(1) {
        if line != "}" {
            unindented.push_str(line.strip_prefix("    ").unwrap_or(line));
            unindented.push('\n');
        }
    }
    unindented
}
