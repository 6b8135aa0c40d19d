//! Builds annotated functions from valid parts.

use fastrand::Rng;
use proc_macro2::TokenStream;

use crate::arbitrary::pick;

const OPTIONS: [&str; 25] = [
    "isolation = \"serializable\"",
    "isolation = \"read_committed\"",
    "read_only",
    "deferrable",
    "immediate",
    "timeout = \"5s\"",
    "timeout = \"1m 1ns\"",
    "retry = 5",
    "retry(max = 1, base = \"1ms\", cap = \"2s\")",
    "savepoint",
    "savepoint",
    "requires_new",
    "commit_on = keep",
    "commit_on = <A as B<C>>::keep::<D>",
    "detach",
    "joined = \"other\"",
    "joined = \"r#type\"",
    "joined = false",
    "joined = false",
    "crate = ::path",
    "crate = self::other",
    "AppDb",
    "crate::db::AppDb",
    "<X as Y>::Db",
    "(AppDb)",
];
const ATTRS: [&str; 16] = [
    "/// Text.\n",
    "/// Text.\n///\n/// # Errors\n/// None.\n",
    "#[doc(hidden)]",
    "#[doc = concat!(\"a\", \"b\")]",
    "#[must_use]",
    "#[deprecated]",
    "#[cfg_attr(x, deprecated)]",
    "#[cfg(any())]",
    "#[expect(unused)]",
    "#[expect(unused, reason = \"x\")]",
    "#[allow(clippy::all)]",
    "#[inline]",
    "#[tokio::test]",
    "#[tracing::instrument(skip(db))]",
    "#[axum::debug_handler]",
    "#[unsafe(no_mangle)]",
];
const VISIBILITIES: [&str; 6] = [
    "",
    "",
    "pub",
    "pub(crate)",
    "pub(in crate::a)",
    "pub(super)",
];
const QUALIFIERS: [&str; 8] = [
    "async",
    "async",
    "async",
    "async",
    "async",
    "async",
    "",
    "const async unsafe extern \"C\"",
];
const NAMES: [&str; 5] = ["f", "rename", "r#type", "session", "unit"];
const GENERICS: [&str; 8] = [
    "",
    "",
    "",
    "<T>",
    "<'a, T: Clone + 'a, const N: usize>",
    "<'a: 'b, 'b>",
    "<F: SessionFactory, E>",
    "<#[cfg(x)] T, U = u8>",
];
const RECEIVERS: [&str; 10] = [
    "",
    "",
    "",
    "self, ",
    "mut self, ",
    "&self, ",
    "&'a mut self, ",
    "self: Arc<Self>, ",
    "self: Pin<&mut Self>, ",
    "#[cfg(x)] &self, ",
];
const SESSIONS: [&str; 14] = [
    "db: &mut Session<AppDb>",
    "db: &mut Session<AppDb>",
    "_: &mut session_factory::Session<F>",
    "mut db: &'a mut Session<AppDb>",
    "db: &'_ mut Db",
    "db: &mut Session<<X as Y>::Db>",
    "conn: &mut AsyncPgConnection",
    "conn: &mut SyncConnectionWrapper<SqliteConnection>",
    "db: &mut (Session<AppDb>)",
    "#[allow(unused)] db: &mut Session<AppDb>",
    "db: Session<AppDb>",
    "db: &Session<AppDb>",
    "db: &mut impl AsyncConnection",
    "db @ _: &mut Session<AppDb>",
];
const PATTERNS: [&str; 14] = [
    "id",
    "mut id",
    "_",
    "_id",
    "(a, b)",
    "[first, .., last]",
    "Page { from, .. }",
    "ref x",
    "x @ 1..=2",
    "r#match",
    "result",
    "&y",
    "_unit",
    "#[cfg(any())] gone",
];
const TYPES: [&str; 18] = [
    "i32",
    "String",
    "&str",
    "&'a mut [T]",
    "&mut dyn Fn(&str) -> u8",
    "impl Into<String> + Send",
    "[u8; N]",
    "[u8; { 1 + 1 }]",
    "fn(&str) -> &str",
    "Option<&'static str>",
    "(i32, &T)",
    "Box<dyn FnOnce() + '_>",
    "*const u8",
    "<T as Iterator>::Item",
    "Self",
    "!",
    "for<'x> fn(&'x u8)",
    "m!(x)",
];
const OUTPUTS: [&str; 16] = [
    "-> QueryResult<()>",
    "-> QueryResult<()>",
    "-> Result<i32, AppError>",
    "-> Result<&'a str, E>",
    "-> Result<&str, E>",
    "-> QueryResult<impl Iterator<Item = impl Sized> + use<>>",
    "-> anyhow::Result<Self>",
    "-> Done",
    "-> (Done)",
    "",
    "-> ()",
    "-> Option<u8>",
    "-> impl Future<Output = ()>",
    "-> Result<[u8; { N }], !>",
    "-> m!(x)",
    "-> Pin<Box<dyn Future<Output = QueryResult<()>> + Send + 'async_trait>>",
];
const CLAUSES: [&str; 5] = [
    "",
    "",
    "",
    "where T: Send, for<'x> &'x T: Into<u8>",
    "where",
];
const BODIES: [&str; 10] = [
    "{}",
    "{ Ok(()) }",
    "{ let x = f(db).await?; return Ok(x); }",
    ";",
    "{ #![allow(unused)] loop {} }",
    "{ Self::g() }",
    "{ impl X { fn f(self) {} } Ok(1) }",
    "{ Box::pin(async move { Ok(()) }) }",
    "{ macro_rules! m { ($x:tt) => { $x } } m!(1) }",
    "{ async move |x| x }",
];

/// Returns the attribute's arguments and the function. Both are valid Rust, and usually fit
/// together, because the lists begin with the common parts.
pub(crate) fn function(rng: &mut Rng) -> (TokenStream, TokenStream) {
    let options = many(rng, &OPTIONS, 2).join(", ");
    let attrs = many(rng, &ATTRS, 3).join("\n");
    let mut parameters = vec![format!(
        "{}{}",
        usual(rng, &RECEIVERS),
        usual(rng, &SESSIONS)
    )];
    for _ in 0..rng.usize(..4) {
        parameters.push(format!("{}: {}", usual(rng, &PATTERNS), usual(rng, &TYPES)));
    }
    let item = format!(
        "{attrs} {} {} fn {}{}({}) {} {} {}",
        usual(rng, &VISIBILITIES),
        usual(rng, &QUALIFIERS),
        usual(rng, &NAMES),
        usual(rng, &GENERICS),
        parameters.join(", "),
        usual(rng, &OUTPUTS),
        usual(rng, &CLAUSES),
        usual(rng, &BODIES),
    );
    let parse = |text: &str| text.parse().unwrap_or_default();
    (parse(&options), parse(&item))
}

fn usual<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    let most = rng.usize(1..=from.len());
    let most = rng.usize(1..=most);
    from[rng.usize(..most)]
}

fn many<'a>(rng: &mut Rng, from: &[&'a str], most: usize) -> Vec<&'a str> {
    (0..rng.usize(..=most)).map(|_| *pick(rng, from)).collect()
}
