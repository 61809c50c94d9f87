//! A copy of a database beside it, inside the server: `SHOW CREATE …` and `INSERT … SELECT`. Nothing is sent to and fro, and
//! no client program is needed.
//!
//! It is of one moment: a second session holds every table of the baseline for reading while rows are copied, so that nobody
//! writes, and any number of copies are made at once.

use std::time::Instant;

use anyhow::{Context as _, Result};
use mysql_async::{Conn, Row, prelude::Queryable as _};
use serde_json::json;

use super::{
    awake,
    definition::{moved, trigger_body, with_definer},
    patiently,
    registry::Entry,
};
use crate::database::{
    failure::refuse,
    log::Log,
    session::mysql::{identifier, plain, texts},
};

/// What reading all of a database takes. Without one of them the server shows less, and doesn't say so.
const PRIVILEGES: [&str; 6] = ["SELECT", "LOCK TABLES", "SHOW VIEW", "TRIGGER", "EVENT", "EXECUTE"];

/// Engines that keep their rows in the server. Another one's may be anywhere, and live.
const ENGINES: [&str; 7] = ["InnoDB", "Aria", "MyISAM", "ROCKSDB", "MEMORY", "ARCHIVE", "CSV"];

/// How definitions are read, and rows copied: zero is a value like others.
const SQL_MODE: &str = "NO_AUTO_VALUE_ON_ZERO";

struct Copy<'a> {
    conn: &'a mut Conn,
    source: &'a str,
    target: &'a str,
    definer: String,
    log: &'a Log,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Table {
    name: String,
    kind: String,
    engine: String,
}

impl Table {
    fn is_view(&self) -> bool {
        self.kind == "VIEW"
    }

    fn is_sequence(&self) -> bool {
        self.kind == "SEQUENCE"
    }
}

/// A statement, and the settings that its object was made under.
struct Program {
    what: String,
    sql: String,
    settings: Vec<(&'static str, String)>,
}

/// Copies everything in `source` into the empty database of `entry`. `guard` is a session that nobody needs any longer.
pub(super) async fn copy(conn: &mut Conn, guard: Conn, source: &str, entry: &Entry, log: &Log) -> Result<()> {
    let definer = format!("'{}'@'%'", entry.user);
    let mut copy = Copy { conn, source, target: &entry.database, definer, log };
    let started = Instant::now();
    let tables = copy.all(guard).await.with_context(|| format!("the baseline `{source}` cannot be copied"))?;
    let elapsed = started.elapsed();
    log.facts(
        format!("copied the baseline `{source}`, {tables} tables, in {:.2} s", elapsed.as_secs_f64()),
        &[("method", json!("copied")), ("copyMs", json!(elapsed.as_millis()))],
    );
    Ok(())
}

impl Copy<'_> {
    async fn all(&mut self, mut guard: Conn) -> Result<usize> {
        self.may_read_all().await?;
        self.run(&format!(
            "SET SESSION sql_mode = '{SQL_MODE}', foreign_key_checks = 0, sql_quote_show_create = 1, time_zone = '+00:00'"
        ))
        .await?;
        // Rows are read as they are, without locks of their own.
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        let tables = self.held(&mut guard).await?;
        self.enter(self.source).await?;
        let mut shown = Vec::with_capacity(tables.len());
        for table in &tables {
            let kind = match table {
                table if table.is_view() => "VIEW",
                table if table.is_sequence() => "SEQUENCE",
                _ => "TABLE",
            };
            shown.push(self.show(kind, &table.name).await?);
        }
        let functions = self.routines().await?;
        let triggers = self.triggers().await?;
        let events = self.events().await?;
        self.enter(self.target).await?;
        let mut views = Vec::new();
        let mut made = Vec::new();
        // A column's default may be of a sequence.
        let order = |table: &Table| (!table.is_sequence(), table.name.clone());
        let mut all: Vec<(&Table, Vec<Option<String>>)> = tables.iter().zip(shown).collect();
        all.sort_by_key(|(table, _)| order(table));
        for (table, row) in all {
            let statement =
                row.get(1).cloned().flatten().with_context(|| format!("`{}` cannot be read", table.name))?;
            let statement = moved(&statement, self.source, self.target);
            if table.is_view() {
                views.push(self.view(&table.name, &statement, &row));
                continue;
            }
            self.run(&statement).await.with_context(|| format!("the table `{}` cannot be made", table.name))?;
            made.push(table);
        }
        for (index, table) in made.iter().enumerate() {
            self.log.doing(format!("copying `{}` ({} of {})", table.name, index + 1, made.len()));
            let copied = awake(&mut guard, self.rows(table)).await;
            copied.with_context(|| format!("the rows of `{}` cannot be copied", table.name))?;
        }
        guard.ping().await.map_err(plain).context(
            "the session that held the baseline's tables ended while they were copied, and somebody may have written to them: call this again",
        )?;
        drop(guard);
        for program in functions {
            self.make(&program).await?;
        }
        self.views(views).await?;
        // Rows were there before, and events would change them.
        for program in triggers.into_iter().chain(events) {
            self.make(&program).await?;
        }
        Ok(made.len())
    }

    async fn may_read_all(&mut self) -> Result<()> {
        let grantee = "CONCAT('''', SUBSTRING_INDEX(CURRENT_USER(), '@', 1), '''@''', SUBSTRING_INDEX(CURRENT_USER(), '@', -1), '''')";
        let sql = format!(
            "SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {grantee}
             UNION SELECT privilege_type FROM information_schema.schema_privileges WHERE grantee = {grantee} AND ? LIKE table_schema"
        );
        let has: Vec<String> = self.conn.exec(sql, (self.source,)).await.map_err(plain)?;
        let missing: Vec<&str> =
            PRIVILEGES.into_iter().filter(|needed| !has.iter().any(|privilege| privilege == needed)).collect();
        if !missing.is_empty() {
            refuse!(
                "the administrator would not see all of it: GRANT {} ON {}.* to that user itself, not to a role",
                missing.join(", "),
                identifier(self.source)
            );
        }
        Ok(())
    }

    async fn tables(&mut self) -> Result<Vec<Table>> {
        let sql = "SELECT table_name, table_type, COALESCE(engine, '') FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name";
        let rows: Vec<(String, String, String)> = self.conn.exec(sql, (self.source,)).await.map_err(plain)?;
        Ok(rows.into_iter().map(|(name, kind, engine)| Table { name, kind, engine }).collect())
    }

    /// The tables, which nobody writes to as long as `guard` lives.
    async fn held(&mut self, guard: &mut Conn) -> Result<Vec<Table>> {
        let mut tables = self.tables().await?;
        loop {
            let mut names = Vec::with_capacity(tables.len());
            for table in tables.iter().filter(|table| !table.is_view()) {
                if !ENGINES.iter().any(|engine| engine.eq_ignore_ascii_case(&table.engine)) {
                    refuse!(
                        "its table `{}` is of the engine {}, whose rows may be elsewhere: a baseline has tables of {}",
                        table.name,
                        table.engine,
                        ENGINES.join(", ")
                    );
                }
                if !table.is_sequence() {
                    names.push(format!("{}.{} READ", identifier(self.source), identifier(&table.name)));
                }
            }
            if !names.is_empty() {
                let sql = format!("LOCK TABLES {}", names.join(", "));
                let whom = format!("those who write to the baseline `{}`", self.source);
                awake(self.conn, patiently(guard, &sql, &whom, self.log)).await?;
            }
            // One may have come before all were held.
            let now = self.tables().await?;
            if now == tables {
                return Ok(tables);
            }
            tables = now;
        }
    }

    async fn rows(&mut self, table: &Table) -> Result<()> {
        let sql = "SELECT column_name FROM information_schema.columns
                   WHERE table_schema = ? AND table_name = ? AND COALESCE(generation_expression, '') = '' ORDER BY ordinal_position";
        let columns: Vec<String> = self.conn.exec(sql, (self.source, &table.name)).await.map_err(plain)?;
        let columns = columns.iter().map(|name| identifier(name)).collect::<Vec<_>>().join(", ");
        let name = identifier(&table.name);
        let (source, target) = (identifier(self.source), identifier(self.target));
        self.run(&format!("INSERT INTO {target}.{name} ({columns}) SELECT {columns} FROM {source}.{name}")).await
    }

    /// Functions and procedures.
    async fn routines(&mut self) -> Result<Vec<Program>> {
        let sql = "SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = ?
                   ORDER BY routine_type, routine_name";
        let names: Vec<(String, String)> = self.conn.exec(sql, (self.source,)).await.map_err(plain)?;
        let mut programs = Vec::with_capacity(names.len());
        for (kind, name) in names {
            let row = self.show(&kind, &name).await?;
            let Some(sql) = row.get(2).cloned().flatten() else {
                refuse!(
                    "the administrator may not read the {} `{name}`: GRANT SHOW_ROUTINE ON *.* (MariaDB: SHOW CREATE ROUTINE, before 11.3 SELECT ON mysql.proc)",
                    kind.to_lowercase()
                );
            };
            programs.push(self.program(format!("{} `{name}`", kind.to_lowercase()), &sql, &row, &[1, 4]));
        }
        Ok(programs)
    }

    async fn triggers(&mut self) -> Result<Vec<Program>> {
        let sql = "SELECT trigger_name, action_timing, event_manipulation, event_object_table, action_statement
                   FROM information_schema.triggers WHERE trigger_schema = ? ORDER BY event_object_table, action_order";
        let rows: Vec<(String, String, String, String, String)> =
            self.conn.exec(sql, (self.source,)).await.map_err(plain)?;
        let mut programs = Vec::with_capacity(rows.len());
        for (name, timing, event, table, catalogued) in rows {
            let row = self.show("TRIGGER", &name).await?;
            let original = row.get(2).cloned().flatten().unwrap_or_default();
            let Some(body) = trigger_body(&original, &catalogued) else {
                refuse!("its trigger `{name}` cannot be read from `SHOW CREATE TRIGGER`");
            };
            let sql = format!(
                "CREATE DEFINER=`` TRIGGER {} {timing} {event} ON {} FOR EACH ROW {body}",
                identifier(&name),
                identifier(&table)
            );
            programs.push(self.program(format!("trigger `{name}`"), &sql, &row, &[1, 4]));
        }
        Ok(programs)
    }

    async fn events(&mut self) -> Result<Vec<Program>> {
        let sql = "SELECT event_name FROM information_schema.events WHERE event_schema = ? ORDER BY event_name";
        let names: Vec<String> = self.conn.exec(sql, (self.source,)).await.map_err(plain)?;
        let mut programs = Vec::with_capacity(names.len());
        for name in names {
            let row = self.show("EVENT", &name).await?;
            let sql = row.get(3).cloned().flatten().unwrap_or_default();
            programs.push(self.program(format!("event `{name}`"), &sql, &row, &[1, 5, 2]));
        }
        Ok(programs)
    }

    /// `settings`: the columns with the SQL mode, the collation and the time zone.
    fn program(&self, what: String, sql: &str, row: &[Option<String>], settings: &[usize]) -> Program {
        let names = ["sql_mode", "collation_connection", "time_zone"].into_iter().zip(settings);
        let settings = names.filter_map(|(name, column)| Some((name, row.get(*column)?.clone()?))).collect();
        Program { what, sql: with_definer(sql, &self.definer), settings }
    }

    /// A view is kept as the server writes it, whatever the mode was that it was made under.
    fn view(&self, name: &str, statement: &str, row: &[Option<String>]) -> Program {
        let collation = row.get(3).cloned().flatten().map(|collation| ("collation_connection", collation));
        let settings = [("sql_mode", SQL_MODE.to_owned())].into_iter().chain(collation).collect();
        Program { what: format!("view `{name}`"), sql: with_definer(statement, &self.definer), settings }
    }

    async fn make(&mut self, program: &Program) -> Result<()> {
        for (name, value) in &program.settings {
            self.conn.exec_drop(format!("SET SESSION {name} = ?"), (value,)).await.map_err(plain)?;
        }
        self.run(&program.sql).await.with_context(|| {
            format!("the {} cannot be made (docs/databases/mysql.md has what the administrator needs)", program.what)
        })
    }

    /// Views of views come after these, whatever they are called.
    async fn views(&mut self, mut views: Vec<Program>) -> Result<()> {
        while !views.is_empty() {
            let (before, mut left, mut last) = (views.len(), Vec::new(), None);
            for view in views {
                if let Err(error) = self.make(&view).await {
                    last = Some(error);
                    left.push(view);
                }
            }
            if let (Some(error), true) = (last, left.len() == before) {
                return Err(error);
            }
            views = left;
        }
        Ok(())
    }

    async fn show(&mut self, kind: &str, name: &str) -> Result<Vec<Option<String>>> {
        let row: Option<Row> = self
            .conn
            .query_first(format!("SHOW CREATE {kind} {}", identifier(name)))
            .await
            .map_err(plain)
            .with_context(|| format!("the {} `{name}` cannot be read", kind.to_lowercase()))?;
        Ok(row.map(texts).unwrap_or_default())
    }

    async fn enter(&mut self, database: &str) -> Result<()> {
        self.run(&format!("USE {}", identifier(database))).await
    }

    async fn run(&mut self, sql: &str) -> Result<()> {
        self.conn.query_drop(sql).await.map_err(plain)
    }
}
