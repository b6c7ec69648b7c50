//! What two databases have, asked of them, and in what that differs.

use std::collections::{BTreeMap, BTreeSet};

use backlot_engine::EngineError;
use backlot_postgres::Connection;
use serde_json::Value;

/// How many keys are shown of each kind.
const EXAMPLES: usize = 10;

/// All tables, with their columns and the names in their primary keys.
const TABLES: &str = r"
SELECT coalesce(json_agg(json_build_object(
  'name', CASE WHEN n.nspname = 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END,
  'sql', format('%I.%I', n.nspname, c.relname),
  'columns', (SELECT json_agg(json_build_object('name', a.attname, 'sql', format('%I', a.attname), 'type',
      format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
        || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')) ORDER BY a.attnum)
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'key', (SELECT json_agg(format('%I', a.attname) ORDER BY k.place)
    FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place), pg_attribute a
    WHERE i.indrelid = c.oid AND i.indisprimary AND a.attrelid = c.oid AND a.attnum = k.number)
)), '[]')::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'";

/// A table of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table {
    name: String,
    /// As SQL names it.
    sql: String,
    columns: Vec<Column>,
    /// The columns of its primary key, as SQL names them; none where it has none.
    key: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Column {
    name: String,
    sql: String,
    /// With whether it may be NULL, and its default.
    kind: String,
}

/// Whether a table is in one database alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Added,
    Removed,
    Changed,
}

/// Some rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) count: usize,
    /// The keys of some of them; none where there are no keys.
    pub(super) examples: Vec<String>,
}

impl Rows {
    fn of<'k>(keys: impl Iterator<Item = &'k String>) -> Self {
        let mut rows = Self::default();
        for key in keys {
            rows.count += 1;
            if rows.examples.len() < EXAMPLES {
                rows.examples.push(key.clone());
            }
        }
        rows
    }
}

/// In what a table differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// How many rows there are in the first and in the second database.
    pub(super) rows: (u64, u64),
    pub(super) added: Rows,
    pub(super) removed: Rows,
    pub(super) changed: Rows,
    /// `+email text`, `-name`, `~id integer -> bigint`.
    pub(super) columns: Vec<String>,
}

impl Table {
    /// All of a database.
    pub(super) fn all(connection: &mut Connection) -> Result<Vec<Self>, EngineError> {
        let told = asked(connection, TABLES)?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let column = |value: &Value| Column {
            name: text(&value["name"]),
            sql: text(&value["sql"]),
            kind: text(&value["type"]),
        };
        let table = |value: &Value| Self {
            name: text(&value["name"]),
            sql: text(&value["sql"]),
            columns: value["columns"].as_array().into_iter().flatten().map(column).collect(),
            key: value["key"].as_array().into_iter().flatten().map(text).collect(),
        };
        Ok(told.as_array().into_iter().flatten().map(table).collect())
    }

    fn count(&self, connection: &mut Connection) -> Result<u64, EngineError> {
        let counted = asked(connection, &format!("SELECT count(*)::text FROM {}", self.sql))?;
        Ok(counted.as_u64().unwrap_or_default())
    }
}

/// The tables of both, by their names.
pub(super) fn pairs(
    first: Vec<Table>,
    second: Vec<Table>,
) -> BTreeMap<String, (Option<Table>, Option<Table>)> {
    let mut pairs: BTreeMap<String, (Option<Table>, Option<Table>)> = BTreeMap::new();
    for table in first {
        let name = table.name.clone();
        pairs.entry(name).or_default().0 = Some(table);
    }
    for table in second {
        let name = table.name.clone();
        pairs.entry(name).or_default().1 = Some(table);
    }
    pairs
}

/// In what a table of two databases differs; none where it does not.
pub(super) fn compare(
    name: &str,
    pair: (Option<Table>, Option<Table>),
    first: &mut Connection,
    second: &mut Connection,
) -> Result<Option<Difference>, EngineError> {
    let one_sided = |kind, rows: (u64, u64)| Difference {
        name: name.to_owned(),
        kind,
        rows,
        added: Rows::default(),
        removed: Rows::default(),
        changed: Rows::default(),
        columns: Vec::new(),
    };
    let (one, other) = match pair {
        (Some(one), Some(other)) => (one, other),
        (Some(one), None) => return Ok(Some(one_sided(Kind::Removed, (one.count(first)?, 0)))),
        (None, Some(other)) => return Ok(Some(one_sided(Kind::Added, (0, other.count(second)?)))),
        (None, None) => return Ok(None),
    };
    let columns = columns(&one, &other);
    let shared: Vec<&str> = one
        .columns
        .iter()
        .filter(|column| other.columns.iter().any(|also| also.name == column.name))
        .map(|column| column.sql.as_str())
        .collect();
    let sum = |table: &Table| {
        let row = row(&shared);
        format!(
            "SELECT json_build_array(count(*), md5(string_agg({row}, '' ORDER BY {row})))::text FROM {}",
            table.sql
        )
    };
    let (told, also) = (asked(first, &sum(&one))?, asked(second, &sum(&other))?);
    let rows = (told[0].as_u64().unwrap_or_default(), also[0].as_u64().unwrap_or_default());
    if told == also {
        let found = Difference { rows, columns, ..one_sided(Kind::Changed, rows) };
        return Ok((!found.columns.is_empty()).then_some(found));
    }
    let has_key = !one.key.is_empty() && one.key == other.key;
    let hashes = |table: &Table| {
        let (key, row) = if has_key {
            (format!("ROW({})::text", one.key.join(", ")), row(&shared))
        } else {
            (row(&shared), "count(*)".into())
        };
        let group = if has_key { "" } else { " GROUP BY 1" };
        format!(
            "SELECT coalesce(json_object_agg(k, h), '{{}}')::text FROM (SELECT {key} AS k, {row} AS h FROM {}{group}) AS all_rows",
            table.sql
        )
    };
    let (told, also) = (asked(first, &hashes(&one))?, asked(second, &hashes(&other))?);
    let (added, removed, changed) = if has_key { by_key(&told, &also) } else { by_count(&told, &also) };
    Ok(Some(Difference { added, removed, changed, columns, ..one_sided(Kind::Changed, rows) }))
}

/// The hash of a row, by these columns of it.
fn row(columns: &[&str]) -> String {
    format!("md5(ROW({})::text)", columns.join(", "))
}

/// Rows of two databases that have keys: each key with the hash of its row.
fn by_key(one: &Value, other: &Value) -> (Rows, Rows, Rows) {
    let empty = serde_json::Map::new();
    let (one, other) = (one.as_object().unwrap_or(&empty), other.as_object().unwrap_or(&empty));
    let added = other.keys().filter(|key| !one.contains_key(*key));
    let removed = one.keys().filter(|key| !other.contains_key(*key));
    let changed = one.iter().filter(|(key, hash)| other.get(*key).is_some_and(|also| also != *hash));
    (Rows::of(added), Rows::of(removed), Rows::of(changed.map(|(key, _)| key)))
}

/// The same of rows that have none: each hash with the number of rows that are so.
fn by_count(one: &Value, other: &Value) -> (Rows, Rows, Rows) {
    let empty = serde_json::Map::new();
    let (one, other) = (one.as_object().unwrap_or(&empty), other.as_object().unwrap_or(&empty));
    let more = |one: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
        let count = |map: &serde_json::Map<String, Value>, hash: &String| {
            map.get(hash).and_then(Value::as_u64).unwrap_or_default()
        };
        let sum: u64 = one.keys().map(|hash| count(one, hash).saturating_sub(count(other, hash))).sum();
        Rows { count: usize::try_from(sum).unwrap_or(usize::MAX), examples: Vec::new() }
    };
    (more(other, one), more(one, other), Rows::default())
}

fn columns(one: &Table, other: &Table) -> Vec<String> {
    let names: BTreeSet<&str> =
        one.columns.iter().chain(&other.columns).map(|column| column.name.as_str()).collect();
    let kind = |table: &Table, name: &str| {
        table.columns.iter().find(|column| column.name == name).map(|column| column.kind.clone())
    };
    let told = names.into_iter().filter_map(|name| match (kind(one, name), kind(other, name)) {
        (None, Some(kind)) => Some(format!("+{name} {kind}")),
        (Some(_), None) => Some(format!("-{name}")),
        (Some(kind), Some(also)) if kind != also => Some(format!("~{name} {kind} -> {also}")),
        (Some(_) | None, _) => None,
    });
    told.collect()
}

/// What a statement answers with, which is one JSON text.
fn asked(connection: &mut Connection, sql: &str) -> Result<Value, EngineError> {
    let text = connection.query_one_text(sql)?.unwrap_or_default();
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Column, Table, by_count, by_key, columns};

    fn table(columns: &[(&str, &str)]) -> Table {
        let column = |(name, kind): &(&str, &str)| Column {
            name: (*name).into(),
            sql: (*name).into(),
            kind: (*kind).into(),
        };
        Table {
            name: "t".into(),
            sql: "t".into(),
            columns: columns.iter().map(column).collect(),
            key: Vec::new(),
        }
    }

    #[test]
    fn columns_and_rows_are_told_apart() {
        let (one, other) =
            (table(&[("id", "integer"), ("name", "text")]), table(&[("id", "bigint"), ("email", "text")]));
        assert_eq!(columns(&one, &other), ["+email text", "~id integer -> bigint", "-name"]);
        let (added, removed, changed) = by_key(
            &json!({"(1)": "a", "(2)": "b", "(3)": "c"}),
            &json!({"(1)": "a", "(2)": "x", "(4)": "d"}),
        );
        assert_eq!(
            (added.examples, removed.examples, changed.examples),
            (vec!["(4)".to_owned()], vec!["(3)".into()], vec!["(2)".into()])
        );
        let (added, removed, changed) = by_count(&json!({"a": 2, "b": 1}), &json!({"a": 5, "c": 1}));
        assert_eq!((added.count, removed.count, changed.count), (4, 1, 0));
    }
}
