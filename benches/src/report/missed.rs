//! For each missed promise: the reason, what was tried, and the limit. The report prints it.

/// For `storm`.
pub(super) const STORM: &str = "\
    A request to cancel is a connection and a process of the server's, and a call's slot stays taken until its statement has \
    ended. Tried: two requests at a time, and one statement of a connection that is free again for all the others (decision 17); \
    a statement that has run for a millisecond is cancelled at once, and the ROLLBACKs travel together. The limit is what the \
    server needs to end a statement and to begin the next. Who gives the slot up at once is served sooner, with more \
    backends than the pool may have.";

/// For one UPDATE over a line.
pub(super) const UPDATE: &str = "\
    Two round trips, of which BEGIN takes none: COMMIT has to follow the UPDATE's answer, or what the body makes of that \
    answer could not prevent it. SQLAlchemy takes three by default, so two thirds of its time on the line is what is left: half of it would be \
    less than two round trips. Who need not look at the last answer before COMMIT has `commit_with`, which takes one.";

/// For a session with one statement.
pub(super) const INSTRUCTIONS: &str = "\
    The protocol's answers are read twice, by tokio-postgres and by us: that tells the truth about COMMIT (decision 2). \
    Tried: connections stay on threads that have a runtime each, queries are sent by code that knows no types, and the text of a \
    query is built once (decision 16); together a third less than it was. The limit is that second reading, as long as the protocol is tokio-postgres's.";

/// For a changed body.
pub(super) const CHANGED: &str = "\
    What was expanded is parsed, resolved and lowered again with every change of the crate. Tried: what is around a body does not \
    know its type, a query loses its type at the session, and an expansion has no items but for options (decision 6). \
    The limit is that two functions stand where one was written.";

/// For the expansion.
pub(super) const EXPANSION: &str = "\
    An annotated function becomes two, the second for callers that have a session, and both are parsed for the one that \
    was written; by hand there is no macro to expand but diesel's. Tried: the macro leaves bodies to the compiler \
    without reading them, and makes no items but for options. The limit is about a quarter of a millisecond for each function, and \
    a check of all is shorter nevertheless.";
