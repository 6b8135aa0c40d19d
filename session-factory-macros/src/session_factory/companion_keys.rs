//! A setting's companion keys: the file that holds a secret, and the parts of a URL.

use super::model::CompanionKey;

/// The key of the file that may hold a secret's value.
pub(super) fn file(key: &str) -> CompanionKey {
    CompanionKey {
        key: format!("{key}_FILE"),
        part: "File",
        ty: "path",
        secret: false,
        doc: format!(
            "Instead of `{key}`: a file that holds its value, as containers mount secrets."
        ),
    }
}

/// The keys of a URL's parts. They are read if the URL's own key is unset.
pub(super) fn parts(url: &str, prefix: &str) -> Vec<CompanionKey> {
    let part = |name: &str, part, ty, doc: String| CompanionKey {
        key: format!("{prefix}{name}"),
        part,
        ty,
        secret: part == "Password",
        doc,
    };
    let password = format!("{prefix}DB_PASSWORD");
    vec![
        part(
            "DB_HOST",
            "Host",
            "host",
            format!(
                "Instead of `{url}`, which is put together from this and the next ones: the host."
            ),
        ),
        part(
            "DB_PORT",
            "Port",
            "port",
            "The port. Not set: the usual one.".to_owned(),
        ),
        part("DB_USER", "User", "text", "Who connects.".to_owned()),
        part(
            "DB_PASSWORD",
            "Password",
            "secret text",
            "The password, as it is: nothing in it is to be escaped.".to_owned(),
        ),
        part(
            "DB_PASSWORD_FILE",
            "PasswordFile",
            "path",
            format!("Instead of `{password}`: a file that holds it, as containers mount secrets."),
        ),
        part(
            "DB_NAME",
            "Database",
            "text",
            "The name of the database.".to_owned(),
        ),
    ]
}
