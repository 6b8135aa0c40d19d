//! Checks the session among the parameters.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::{FnArg, GenericArgument, GenericParam, Pat, PatType, PathArguments, Type, TypeReference};

use super::args::{Args, itself};
use super::input::Function;
use super::source::Source;
use super::types::{
    behind_references, has_impl_trait, is_blocking_connection, is_connection, is_session,
    last_name, mentions, plain,
};
use crate::diagnostics::{Errors, pretty};

/// The parameters after `self`, and their positions.
pub(super) fn parameters(function: &Function) -> impl Iterator<Item = (usize, &PatType)> {
    function
        .sig
        .inputs
        .iter()
        .enumerate()
        .filter_map(|(at, input)| match input {
            FnArg::Typed(parameter) => Some((at, parameter)),
            FnArg::Receiver(_) => None,
        })
}

pub(super) fn has_one_session<'a>(
    args: &Args,
    function: &'a Function,
    source: Option<&Source>,
    errors: &mut Errors,
) -> Option<(usize, &'a TypeReference)> {
    let sig = &function.sig;
    let factory = factory_name(args);
    let write = format!("`db: &mut Session<{factory}>`");
    let (place, front) = match sig.receiver() {
        Some(_) => ("first parameter after `self`", "directly behind `self`"),
        None => ("first parameter", "as the first parameter"),
    };
    let Some((at, first)) = parameters(function).next() else {
        let message = format!("`#[with_session]` needs the session as the {place}; write {write}");
        errors.at(sig.paren_token.span.close(), message);
        return None;
    };
    let looks_right = |ty: &Type| is_session(ty) || is_connection(ty);
    let later = parameters(function)
        .skip(1)
        .find(|(_, other)| looks_right(behind_references(&other.ty)));
    if !looks_right(behind_references(&first.ty))
        && let Some((_, later)) = later
    {
        let moved = format!(
            "{}: &mut {}",
            name(&later.pat),
            pretty(behind_references(&later.ty))
        );
        let message =
            format!("the session must be the {place}; remove this, and write `{moved}` {front}");
        errors.on(later, message);
        return None;
    }
    let Type::Reference(reference) = plain(&first.ty) else {
        if looks_right(&first.ty) {
            let message = format!(
                "take the session by `&mut`, as whoever opened it has to end it; write `{}: &mut {}`",
                name(&first.pat),
                pretty(&first.ty)
            );
            errors.on(&first.ty, message);
        } else if mentions(first.ty.to_token_stream(), "Session") {
            let message = format!(
                "the {place} must be the session itself, with nothing around it; write {write}"
            );
            errors.on(&first.ty, message);
        } else {
            no_session(function, first, place, &factory, errors);
        }
        return None;
    };
    if reference.mutability.is_none() {
        if looks_right(&reference.elem) || args.factory.is_some() {
            let message = format!(
                "queries need the session by `&mut`; write `{}: &mut {}`",
                pretty(&first.pat),
                behind_reference(&reference.elem)
            );
            errors.on(&first.ty, message);
        } else {
            no_session(function, first, place, &factory, errors);
        }
        return None;
    }
    // Such a name may be an alias for a session; the file would then declare or import that alias.
    let is_alias = |name: &str| source.is_none_or(|source| source.has_a_type_of(name));
    if args.factory.is_none()
        && !looks_right(&reference.elem)
        && mentions_database(reference.elem.to_token_stream())
        && last_name(&reference.elem).is_some_and(|name| !is_alias(&name))
    {
        no_session(function, first, place, &factory, errors);
        return None;
    }
    session_type(args, function, &first.pat, &reference.elem, source, errors);
    if let Some((_, second)) = later.filter(|(_, second)| same(&second.ty, &first.ty)) {
        let message = format!(
            "`#[with_session]` opens one session for a function; remove `{}`",
            pretty(second)
        );
        errors.on(second, message);
    }
    Some((at, reference))
}

/// The error for a missing session. It says where to write the session: in place of a parameter that looks like a
/// database, otherwise before the first parameter.
fn no_session(
    function: &Function,
    first: &PatType,
    place: &str,
    factory: &str,
    errors: &mut Errors,
) {
    let replaced = parameters(function)
        .map(|(_, parameter)| parameter)
        .find(|parameter| is_database(parameter));
    let Some(replaced) = replaced else {
        let message = format!(
            "the {place} is not a session; write `db: &mut Session<{factory}>` in front of it, or in its place if it \
             is the database"
        );
        errors.on(first, message);
        return;
    };
    let session = format!("`{}: &mut Session<{factory}>`", name(&replaced.pat));
    let message = if std::ptr::eq(replaced, first) {
        format!(
            "the session stands for the database; write {session} in place of `{}`",
            pretty(replaced)
        )
    } else {
        format!(
            "the session stands for the database; write {session} as the {place}, and remove `{}`",
            pretty(replaced)
        )
    };
    errors.on(replaced, message);
}

/// The parameter's name in the body.
fn name(pat: &Pat) -> String {
    match pat {
        Pat::Ident(pat) => pat.ident.to_string(),
        Pat::TupleStruct(pat) => match pat.elems.first() {
            Some(pat) if pat_names_a_database(pat) => name(pat),
            _ => "db".to_owned(),
        },
        _ => "db".to_owned(),
    }
}

/// True if the parameter's name suggests the database.
fn pat_names_a_database(pat: &Pat) -> bool {
    const NAMES: [&str; 7] = [
        "conn", "database", "db", "db_pool", "dbc", "pg_pool", "pool",
    ];
    match pat {
        Pat::Ident(pat) => {
            let name = pat.ident.to_string();
            NAMES.contains(&name.trim_start_matches('_'))
        }
        Pat::TupleStruct(pat) => pat.elems.iter().any(pat_names_a_database),
        _ => false,
    }
}

/// True if the parameter's name, or the name of its type, suggests another library's database.
fn is_database(parameter: &PatType) -> bool {
    pat_names_a_database(&parameter.pat) || mentions_database(parameter.ty.to_token_stream())
}

/// Names of databases in sqlx, `SeaORM`, diesel and diesel's pools. Names with other common
/// meanings are left out.
const OF_OTHERS: [&str; 23] = [
    "AnyPool",
    "AsyncConnection",
    "ConnectionTrait",
    "DatabaseConnection",
    "DatabaseTransaction",
    "DbConn",
    "DbPool",
    "MySqlConnection",
    "MySqlExecutor",
    "MySqlPool",
    "PgConnection",
    "PgExecutor",
    "PgPool",
    "PgTransaction",
    "Pool",
    "PoolConnection",
    "PooledConnection",
    "SqliteConnection",
    "SqliteExecutor",
    "SqlitePool",
    "SqliteTransaction",
    "Factory",
    "TransactionTrait",
];

fn mentions_database(ty: TokenStream) -> bool {
    let mut tokens = ty.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let is_it = match token {
            // An application may have a `Transaction` of its own (a bank's); one with type arguments is a database's.
            TokenTree::Ident(word) if word == "Transaction" => {
                matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == '<')
            }
            TokenTree::Ident(word) => OF_OTHERS.iter().any(|name| word == name),
            TokenTree::Group(group) => mentions_database(group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => false,
        };
        if is_it {
            return true;
        }
    }
    false
}

/// Checks that `f` can name and create the type after `&mut`.
fn session_type(
    args: &Args,
    function: &Function,
    pat: &Pat,
    ty: &Type,
    source: Option<&Source>,
    errors: &mut Errors,
) {
    let (name, pat) = (&function.sig.ident, name(pat));
    let factory = factory_name(args);
    let write = format!("`{pat}: &mut Session<{factory}>`");
    if is_blocking_connection(ty) {
        let message = format!(
            "`{}` is not a connection that `#[with_session]` opens; write {write} in its place",
            pretty(ty)
        );
        errors.on(ty, message);
        return;
    }
    if is_connection(ty) && args.factory.is_none() {
        let message = format!(
            "`#[with_session]` does not know whose connection this is; \
             write `#[with_session(AppDb)]` with the name of your factory, or {write}"
        );
        errors.on(ty, message);
        return;
    }
    if is_the_trait(ty, source) {
        let message = format!(
            "`SessionFactory` is the trait of all factories; {}",
            write_in_place(&write)
        );
        errors.on(ty, message);
        return;
    }
    if let Some(unknown) = unknown_session(ty, source) {
        let message = format!(
            "there is no type `{unknown}` here; {}",
            write_in_place(&write)
        );
        errors.on(ty, message);
        return;
    }
    match plain(ty) {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            let message =
                format!("`{name}` opens the session, so its type needs a name; write {write}");
            errors.on(ty, message);
        }
        Type::Path(path) if is_type_parameter(function, &path.path) => {
            let message = format!(
                "`{name}` opens the session, and its callers cannot tell it what `{}` is; write {write}",
                pretty(ty)
            );
            errors.on(ty, message);
        }
        Type::Reference(_) => {
            errors.on(ty, format!("remove this second reference; write {write}"));
        }
        Type::Path(path) if is_session(ty) => {
            factory_of_session(function, &path.path, &pat, &factory, source, errors);
        }
        _ => {}
    }
}

fn write_in_place(write: &str) -> String {
    format!("write {write} in its place")
}

/// True if the user wrote this crate's trait `SessionFactory` where a type belongs.
fn is_the_trait(ty: &Type, source: Option<&Source>) -> bool {
    last_name(ty).is_some_and(|name| name == "SessionFactory")
        && source.is_some_and(|source| !source.has_a_type_of("SessionFactory"))
}

/// The name of a session that the file neither declares nor imports: `AsyncSession`, `AppDbSession`.
fn unknown_session(ty: &Type, source: Option<&Source>) -> Option<String> {
    let Type::Path(path) = plain(ty) else {
        return None;
    };
    let [segment] = &path.path.segments.iter().collect::<Vec<_>>()[..] else {
        return None;
    };
    let name = segment.ident.to_string();
    let is_unknown = path.qself.is_none()
        && name != "Session"
        && name.ends_with("Session")
        && source.is_some_and(|source| source.lacks(&name));
    is_unknown.then_some(name)
}

/// Checks that callers can name `F` of `Session<F>`, and that it is a factory.
fn factory_of_session(
    function: &Function,
    path: &syn::Path,
    pat: &str,
    factory: &str,
    source: Option<&Source>,
    errors: &mut Errors,
) {
    let Some(PathArguments::AngleBracketed(arguments)) =
        path.segments.last().map(|segment| &segment.arguments)
    else {
        return;
    };
    let write = |factory: &str| format!("write `{pat}: &mut Session<{factory}>`");
    for argument in &arguments.args {
        let name = &function.sig.ident;
        let what = match argument {
            GenericArgument::Type(ty) if has_impl_trait(ty) => Some(Mistaken::Unnamed),
            argument => mistaken(argument, source),
        };
        let Some(what) = what else { continue };
        let text = pretty(argument);
        let message = match what {
            Mistaken::Unnamed => format!(
                "`{name}` opens the session, so its factory needs a name; {}, or for any \
                 factory `async fn {name}<F: SessionFactory>({pat}: &mut Session<F>)`",
                write(factory)
            ),
            Mistaken::Around(itself) => {
                format!(
                    "`Session` takes the factory's name; {}",
                    write(&pretty(itself))
                )
            }
            Mistaken::Connection => format!(
                "`{text}` is a connection, and `Session` takes the factory's name; {}",
                write(factory)
            ),
            Mistaken::Backend => format!(
                "`{text}` is a backend, and `Session` takes the factory's name: the `{factory}` of \
                 `session_factory! {{ pub struct {factory}({text}); }}`; {}",
                write(factory)
            ),
            Mistaken::NoName => {
                format!("`Session` takes the factory's name; {}", write(factory))
            }
        };
        errors.on(argument, message);
    }
}

/// What is in `Session<…>` instead of a factory.
enum Mistaken {
    Unnamed,
    /// A type that contains the factory.
    Around(Box<Type>),
    Connection,
    Backend,
    NoName,
}

fn mistaken(argument: &GenericArgument, source: Option<&Source>) -> Option<Mistaken> {
    let ty = match argument {
        GenericArgument::Type(ty) => ty,
        GenericArgument::Const(_) => return Some(Mistaken::NoName),
        _ => return None,
    };
    match plain(ty) {
        Type::TraitObject(_) => Some(Mistaken::Unnamed),
        Type::Tuple(_) | Type::Array(_) | Type::Slice(_) => Some(Mistaken::NoName),
        ty => match itself(ty) {
            Some(itself) => Some(Mistaken::Around(Box::new(itself))),
            None if is_connection(ty) => Some(Mistaken::Connection),
            None if is_backend(ty, source) => Some(Mistaken::Backend),
            None => None,
        },
    }
}

/// True for a `Session` of a type that is certainly no factory. The macro has reported this
/// mistake, and the compiler would report it again.
pub(super) fn is_of_no_factory(ty: &Type, source: Option<&Source>) -> bool {
    let path = match behind_references(ty) {
        Type::Path(path) => path,
        // diesel-async's traits have no trait objects, so the compiler would report this type as well.
        Type::TraitObject(_) => return true,
        _ => return false,
    };
    if is_the_trait(behind_references(ty), source)
        || unknown_session(behind_references(ty), source).is_some()
    {
        return true;
    }
    match path.path.segments.last().map(|last| &last.arguments) {
        Some(PathArguments::AngleBracketed(arguments)) if is_session(behind_references(ty)) => {
            arguments
                .args
                .iter()
                .any(|argument| mistaken(argument, source).is_some())
        }
        _ => false,
    }
}

/// True for a backend's name, unless the file defines a type with that name.
fn is_backend(ty: &Type, source: Option<&Source>) -> bool {
    const NAMES: [&str; 8] = [
        "Postgres",
        "PostgreSQL",
        "PostgreSql",
        "Pg",
        "Sqlite",
        "SQLite",
        "Mysql",
        "MySql",
    ];
    let (Some(name), Some(source)) = (last_name(ty), source) else {
        return false;
    };
    NAMES.contains(&name.as_str()) && !source.has_a_type_of(&name)
}

fn is_type_parameter(function: &Function, path: &syn::Path) -> bool {
    path.get_ident().is_some_and(|name| {
        function
            .sig
            .generics
            .params
            .iter()
            .any(|param| matches!(param, GenericParam::Type(param) if param.ident == *name))
    })
}

/// The factory's name for the advice in messages.
fn factory_name(args: &Args) -> String {
    args.factory
        .as_ref()
        .map_or_else(|| "AppDb".to_owned(), pretty)
}

fn same(one: &Type, other: &Type) -> bool {
    one.to_token_stream().to_string() == other.to_token_stream().to_string()
}

/// The type in a form that can follow `&` or `&mut`.
pub(super) fn behind_reference(ty: &Type) -> String {
    let several = match ty {
        Type::ImplTrait(ty) => ty.bounds.len() > 1,
        Type::TraitObject(ty) => ty.bounds.len() > 1,
        _ => false,
    };
    let text = pretty(ty);
    if several { format!("({text})") } else { text }
}
