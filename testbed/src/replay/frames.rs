//! The protocol's messages, as far as the server needs them.

/// The transaction status of ReadyForQuery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Idle,
    Open,
    Failed,
}

/// The outcome of a statement.
pub(super) enum Answer {
    Done,
    Failed,
    Gone,
}

fn frame(tag: u8, body: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    out.extend(u32::try_from(body.len() + 4).unwrap_or(4).to_be_bytes());
    out.extend(body);
}

/// A message without a body.
pub(super) fn bare(tag: u8, out: &mut Vec<u8>) {
    frame(tag, &[], out);
}

/// Accepts the client without a password, and sends the settings that clients read.
pub(super) fn greeting(process: u32) -> Vec<u8> {
    let mut out = Vec::new();
    frame(b'R', &0_u32.to_be_bytes(), &mut out);
    for (name, value) in [
        ("server_version", "13.0.0"),
        ("client_encoding", "UTF8"),
        ("standard_conforming_strings", "on"),
        ("TimeZone", "UTC"),
    ] {
        frame(b'S', format!("{name}\0{value}\0").as_bytes(), &mut out);
    }
    let key = [process.to_be_bytes(), 1_u32.to_be_bytes()].concat();
    frame(b'K', &key, &mut out);
    ready(Status::Idle, &mut out);
    out
}

pub(super) fn ready(status: Status, out: &mut Vec<u8>) {
    let status = match status {
        Status::Idle => b'I',
        Status::Open => b'T',
        Status::Failed => b'E',
    };
    frame(b'Z', &[status], out);
}

/// The description of a statement without parameters and columns.
pub(super) fn describes_nothing(out: &mut Vec<u8>) {
    frame(b't', &0_u16.to_be_bytes(), out);
    bare(b'n', out);
}

/// The text up to the first zero byte.
pub(super) fn text(body: &[u8]) -> &str {
    let end = body.iter().position(|byte| *byte == 0);
    std::str::from_utf8(&body[..end.unwrap_or(body.len())]).unwrap_or_default()
}

fn first_word(statement: &str) -> String {
    let word = statement.split_whitespace().next().unwrap_or_default();
    word.to_uppercase()
}

/// True for COMMIT or ROLLBACK of the whole transaction.
pub(super) fn ends_transaction(statement: &str) -> bool {
    let is_partial = statement.to_uppercase().contains(" TO ");
    matches!(first_word(statement).as_str(), "COMMIT" | "ROLLBACK") && !is_partial
}

/// Writes the command tag, and updates the transaction's status.
pub(super) fn complete(statement: &str, status: &mut Status, out: &mut Vec<u8>) {
    let word = first_word(statement);
    let tag = match word.as_str() {
        "BEGIN" => {
            *status = Status::Open;
            "BEGIN"
        }
        "COMMIT" if *status == Status::Failed => "ROLLBACK",
        "INSERT" => "INSERT 0 1",
        "UPDATE" => "UPDATE 1",
        "SELECT" => "SELECT 1",
        word => word,
    };
    if ends_transaction(statement) {
        *status = Status::Idle;
    }
    frame(b'C', format!("{tag}\0").as_bytes(), out);
}

pub(super) fn row(columns: &[&str], described: bool, out: &mut Vec<u8>) {
    let count = u16::try_from(columns.len()).unwrap_or(0).to_be_bytes();
    if described {
        let mut description = count.to_vec();
        for _ in columns {
            description.extend(b"column\0");
            // Table, column, type text, its size, its modifier, the text format.
            description.extend([
                0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 255, 255, 255, 255, 255, 255, 0, 0,
            ]);
        }
        frame(b'T', &description, out);
    }
    let mut data = count.to_vec();
    for column in columns {
        data.extend(u32::try_from(column.len()).unwrap_or(0).to_be_bytes());
        data.extend(column.as_bytes());
    }
    frame(b'D', &data, out);
}

pub(super) fn error(severity: &str, state: &str, message: &str, out: &mut Vec<u8>) {
    let body = format!("S{severity}\0V{severity}\0C{state}\0M{message}\0\0");
    frame(b'E', body.as_bytes(), out);
}
