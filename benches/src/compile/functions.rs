//! The functions: typical bodies of one or two statements, on their own tables.

/// The number of tables, each with its own module.
pub(super) const TABLES: usize = 20;
/// The columns that the functions use.
pub(super) const COLUMNS: [&str; 5] = ["name", "city", "kind", "label", "note"];

/// One function, in which `COLUMN` and `things` (the table) are placeholders.
pub(super) struct Function {
    pub(super) name: &'static str,
    pub(super) parameters: &'static str,
    pub(super) output: &'static str,
    pub(super) body: &'static str,
    /// The arguments of the test's call.
    pub(super) arguments: &'static str,
}

/// 20 tables with 5 columns give 500 functions.
pub(super) const FUNCTIONS: [Function; 5] = [
    Function {
        name: "find_by_COLUMN",
        parameters: "value: &str",
        output: "Option<Thing>",
        body: "
    let found = things::table
        .filter(things::COLUMN.eq(value))
        .order(things::id)
        .select(Thing::as_select());
    Ok(found.first(db).await.optional()?)",
        arguments: "\"a\"",
    },
    Function {
        name: "list_by_COLUMN",
        parameters: "value: &str, limit: i64",
        output: "Vec<Thing>",
        body: "
    let found = things::table
        .filter(things::COLUMN.eq(value))
        .filter(things::amount.gt(0))
        .select(Thing::as_select())
        .limit(limit);
    Ok(found.load(db).await?)",
        arguments: "\"a\", 10",
    },
    Function {
        name: "change_COLUMN",
        parameters: "id: i32, value: &str",
        output: "Thing",
        body: "
    let thing = things::table.find(id);
    let changed = diesel::update(thing)
        .set(things::COLUMN.eq(value))
        .returning(Thing::as_returning())
        .get_result(db)
        .await?;
    Ok(changed)",
        arguments: "1, \"a\"",
    },
    Function {
        name: "move_by_COLUMN",
        parameters: "from: i32, to: i32, value: &str",
        output: "usize",
        body: "
    let from = things::table.find(from).filter(things::COLUMN.eq(value));
    let taken = diesel::update(from)
        .set(things::amount.eq(things::amount - 1))
        .execute(db)
        .await?;
    if taken == 0 {
        return Ok(0);
    }
    let to = things::table.find(to);
    let given = diesel::update(to)
        .set(things::amount.eq(things::amount + 1))
        .execute(db)
        .await?;
    Ok(taken + given)",
        arguments: "1, 2, \"a\"",
    },
    Function {
        name: "replace_by_COLUMN",
        parameters: "value: &str, amount: i32",
        output: "Thing",
        body: "
    diesel::delete(things::table.filter(things::COLUMN.eq(value)))
        .execute(db)
        .await?;
    let made = diesel::insert_into(things::table)
        .values((things::COLUMN.eq(value), things::amount.eq(amount)))
        .returning(Thing::as_returning())
        .get_result(db)
        .await?;
    Ok(made)",
        arguments: "\"a\", 1",
    },
];
