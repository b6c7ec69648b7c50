//! The keys that a Compose file may have, as paths.

use crate::tables::MODEL;
use crate::types::{Shape, Table};

/// Every key that a Compose file may have, as a path such as `services.*.ports.[].target`: `*` is a name that the user
/// chooses, `[]` any member of a list.
pub fn keys() -> Vec<String> {
    let mut keys = Vec::new();
    of_table(&MODEL, "", &mut keys);
    keys.sort();
    keys.dedup();
    keys
}

fn of_table(table: &Table, path: &str, keys: &mut Vec<String>) {
    for field in table.fields {
        let path = if path.is_empty() { field.key.to_owned() } else { format!("{path}.{}", field.key) };
        of_shape(&field.shape, &path, keys);
        keys.push(path);
    }
}

fn of_shape(shape: &Shape, path: &str, keys: &mut Vec<String>) {
    match shape {
        Shape::Table(table) => of_table(table, path, keys),
        Shape::Names(inner) | Shape::Keys(inner) => of_shape(inner, &format!("{path}.*"), keys),
        Shape::List(inner) | Shape::Set(inner) => of_shape(inner, &format!("{path}.[]"), keys),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| of_shape(shape, path, keys)),
        Shape::Any
        | Shape::Null
        | Shape::Text
        | Shape::Flag
        | Shape::Whole
        | Shape::Number
        | Shape::Word(_)
        | Shape::PullPolicy
        | Shape::Period => {}
    }
}
