//! The shape of a database, as one digest: a column that nobody masked is a column that the digest does not know.

use ring::digest::{SHA256, digest as hash};

use super::session::Column;

/// SHA-256, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(hash(&SHA256, bytes).as_ref())
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// The digest of all columns: schema, table, name and type of each, whatever their order.
pub fn digest(columns: &[Column]) -> String {
    let mut lines: Vec<String> = columns
        .iter()
        .map(|column| format!("{}\t{}\t{}\t{}\n", column.schema, column.table, column.name, column.kind))
        .collect();
    lines.sort();
    sha256(lines.concat().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(table: &str, name: &str, kind: &str) -> Column {
        Column {
            schema: "public".into(),
            table: table.into(),
            name: name.into(),
            kind: kind.into(),
            is_text: true,
            is_plain: false,
        }
    }

    #[test]
    fn order_does_not_count_and_everything_else_does() {
        let (a, b) = (column("users", "id", "bigint"), column("users", "email", "text"));
        let of = |columns: &[&Column]| digest(&columns.iter().copied().cloned().collect::<Vec<_>>());
        assert_eq!(of(&[&a, &b]), of(&[&b, &a]));
        assert_ne!(of(&[&a]), of(&[&a, &b]));
        assert_ne!(of(&[&a, &b]), of(&[&a, &column("users", "email", "character varying(20)")]));
    }
}
