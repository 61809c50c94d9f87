//! The tables of a PostgreSQL database: their columns, and what is in them.

use anyhow::Result;
use tokio_postgres::Client;

use super::{Column, SOMEBODYS, identifier, look, plain};

/// Every column of every table that is not the server's or dayfly's.
pub(super) async fn columns(client: &Client) -> Result<Vec<Column>> {
    // Extensions bring tables of their own, which differ between servers and hold nobody's data.
    let sql = format!(
        "SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), t.typcategory = 'S' OR t.oid IN ('json'::regtype, 'jsonb'::regtype),
           t.typcategory IN ('N', 'B', 'D', 'T', 'E') OR 'uuid'::regtype IN (t.oid, t.typbasetype)
         FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
         JOIN pg_type t ON t.oid = a.atttypid
         WHERE c.relkind IN ('r', 'p', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped AND {SOMEBODYS}
           AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
    );
    let rows = client.query(&sql, &[]).await.map_err(plain)?;
    Ok(rows
        .iter()
        .map(|row| Column {
            schema: row.get(0),
            table: row.get(1),
            name: row.get(2),
            kind: row.get(3),
            is_text: row.get(4),
            is_plain: row.get(5),
        })
        .collect())
}

/// Whether a table, as statements name it, has a row. `only`: `ONLY `, or nothing, for its parts' rows too. A materialized view
/// that nobody filled (`WITH NO DATA`, as a dump without data leaves it) has none, and may not be asked.
pub(super) async fn has_rows(client: &Client, only: &str, table: &str) -> Result<bool> {
    let filled = "SELECT relispopulated FROM pg_class WHERE oid = $1::text::regclass";
    if !client.query_one(filled, &[&table]).await.map_err(plain)?.get::<_, bool>(0) {
        return Ok(false);
    }
    let rows = look(client, &format!("SELECT EXISTS (SELECT FROM {only}{table})"), &[]).await?;
    Ok(rows.first().is_some_and(|row| row.get(0)))
}

/// Values of some columns of one table, from at most `rows` of its rows.
pub(super) async fn sample(client: &Client, columns: &[&Column], rows: u32) -> Result<Vec<Vec<Option<String>>>> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    let table = format!("{}.{}", identifier(&first.schema), identifier(&first.table));
    // Bytes: of a database in SQL_ASCII a text may be in any encoding, or cut off inside a letter, and what is looked for is ASCII.
    let value =
        |column: &&Column| format!("convert_to(left({}::text, 400), getdatabaseencoding())", identifier(&column.name));
    let values: Vec<String> = columns.iter().map(value).collect();
    let estimate = client
        .query_one(
            "SELECT reltuples::float8, relkind IN ('r', 'm'), relispopulated FROM pg_class WHERE oid = $1::text::regclass",
            &[&table],
        )
        .await
        .map_err(plain)?;
    let (estimate, can_sample, is_filled): (f64, bool, bool) = (estimate.get(0), estimate.get(1), estimate.get(2));
    if !is_filled {
        return Ok(Vec::new());
    }
    // Whole pages are taken at random; of a small table, all of it.
    let percent = (f64::from(rows) * 200.0 / estimate.max(1.0)).min(100.0);
    let sampled =
        if can_sample && percent < 100.0 { format!("TABLESAMPLE SYSTEM ({percent:.6})") } else { String::new() };
    let sql = format!("SELECT {} FROM {table} {sampled} LIMIT {rows}", values.join(", "));
    let rows = look(client, &sql, &[]).await?;
    let text = |bytes: Option<&[u8]>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    Ok(rows.iter().map(|row| (0..columns.len()).map(|index| text(row.get(index))).collect()).collect())
}
