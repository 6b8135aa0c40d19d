//! Creates database URLs of every form, and adds mistakes.

use fastrand::Rng;

/// The forms. The secret replaces `{}`.
const FORMS: &[&str] = &[
    "postgres://ada:{}@db.internal:5432/app?sslmode=require&connect_timeout=3",
    "postgresql+psycopg2://ada:{}@db.internal/app",
    "postgres://ada:{}@a:1,b:2,[::1]:3/app?target_session_attrs=primary",
    "postgres://db/app?user=ada&password={}",
    "postgres:///app?host=/var/run/postgresql&user=ada&password={}&port=6",
    "postgres://ada:{}@%2Fvar%2Frun/app?application_name=x%20y",
    "postgres://ada@db/app?sslmode=verify-full&sslcert=/c.pem&sslkey=/k.pem&sslpassword={}",
    "postgres://ada@db/app?passfile=/home/ada/{}&options=-c%20a=b",
    "host=db port=5432 user=ada password={} dbname=app",
    "host=db user=ada password='{}' dbname=app sslmode=require",
    "host = db password = {} connect_timeout=3",
    "service=app password={}",
    "hostaddr=10.0.0.1 user=ada passfile=/{} keepalives_idle=9",
    "user='ada' password='it\\'s {}' host=a,b port=1,2",
    "mysql://ada:{}@db.internal:3306/app?charset=utf8mb4",
    "mysql+pymysql://ada:{}@db/app?ssl-mode=DISABLED",
    "mariadb://ada:{}@a:1,b:2/app",
    "mysql://ada:{}@localhost/app?socket=/run/mysqld/mysqld.sock",
    "mysql://db/app?user=ada&password={}",
    "sqlite:app.db?key={}",
    "sqlite://app.db?mode=ro&hexkey={}",
    "sqlite:///nowhere/app.db?vfs={}",
    "sqlite+pysqlcipher://:{}@/app.db?cipher=aes-256-cfb&kdf_iter=64000",
    "file:app.db?mode=memory&cache=shared&key={}",
    "file://{}@host/app.db",
    "{}.db",
    "jdbc:postgresql://db/app?user=ada&password={}",
    "Server=db;Database=app;User Id=ada;Password={};",
    "oracle://ada:{}@db:1521/app",
    "ada:{}@db.internal/app",
    "{}://ada@db/app",
    "{}",
];

const SEPARATORS: &[char] = &[
    ':', '/', '@', '?', '&', '=', ',', '+', '#', '%', '\'', '"', '[', ']', ' ', ';', '\\', '.',
];
const INSERTS: &[&str] = &[
    "'",
    "\"",
    "[",
    "]",
    "['",
    "{",
    "(",
    "\\",
    "@",
    ":",
    "://",
    "/",
    "?",
    "&",
    "=",
    "%",
    "%2",
    "%zz",
    "%00",
    "%ff",
    "#",
    ",",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "\0",
    "\u{1b}[2J",
    "\u{7f}",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{202e}",
    "\u{feff}",
    "ü",
    "é",
    "İ",
    "ß",
    "数",
    "🔑",
    "-",
    "_",
    "+",
    ";",
    "&password=",
    "?sslmode=",
    "@db/app",
    "user=",
    "postgres://",
    "file:",
    "::",
    "[::1]",
    "5432",
];

/// A URL that contains the secret, with at most four mistakes.
pub(crate) fn url(rng: &mut Rng, secret: &str) -> String {
    let form = rng.choice(FORMS).copied().unwrap_or("{}");
    let secret = if rng.u8(..4) == 0 {
        encoded(rng, secret)
    } else {
        secret.to_owned()
    };
    let mut text: Vec<char> = form.replace("{}", &secret).chars().collect();
    for _ in 0..rng.usize(0..5) {
        mistake(rng, &mut text, &secret);
    }
    text.into_iter().collect()
}

fn mistake(rng: &mut Rng, text: &mut Vec<char>, secret: &str) {
    if text.is_empty() {
        return;
    }
    let at = rng.usize(..text.len());
    let end = (at + rng.usize(1..12)).min(text.len());
    match rng.u8(..16) {
        // Remove a character, a range, or an important separator.
        0 => drop(text.remove(at)),
        1 => drop(text.drain(at..end)),
        2 | 3 => {
            if let Some(at) = separator(rng, text) {
                text.remove(at);
            }
        }
        // Replace one separator by another.
        4 | 5 => {
            if let (Some(at), Some(other)) = (separator(rng, text), rng.choice(SEPARATORS)) {
                text[at] = *other;
            }
        }
        6 => {
            if let (Some(one), Some(other)) = (separator(rng, text), separator(rng, text)) {
                text.swap(one, other);
            }
        }
        // Repeat a range.
        7 => {
            let range: Vec<_> = text[at..end].to_vec();
            text.splice(at..at, range);
        }
        // Insert a text.
        8..=10 => {
            let insert = rng.choice(INSERTS).copied().unwrap_or("'");
            text.splice(at..at, insert.chars());
        }
        // Cut the end or the beginning off.
        11 => text.truncate(at),
        12 => drop(text.drain(..at)),
        // Encode a range, or change its case.
        13 => {
            let range: String = text[at..end].iter().collect();
            let encoded: Vec<_> = encoded(rng, &range).chars().collect();
            text.splice(at..end, encoded);
        }
        14 => {
            for c in &mut text[at..end] {
                *c = if rng.bool() {
                    c.to_ascii_uppercase()
                } else {
                    c.to_ascii_lowercase()
                };
            }
        }
        // Insert the secret in a random place.
        _ => drop(text.splice(at..at, secret.chars())),
    }
}

fn separator(rng: &mut Rng, text: &[char]) -> Option<usize> {
    let places: Vec<_> = (0..text.len())
        .filter(|at| SEPARATORS.contains(&text[*at]))
        .collect();
    rng.choice(places)
}

/// Percent-encodes some bytes, or all of them.
fn encoded(rng: &mut Rng, text: &str) -> String {
    use std::fmt::Write as _;

    let all = rng.bool();
    let mut encoded = String::with_capacity(text.len() * 3);
    for byte in text.bytes() {
        if all || !byte.is_ascii() || rng.bool() {
            // Writing to a `String` cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        } else {
            encoded.push(char::from(byte));
        }
    }
    encoded
}
