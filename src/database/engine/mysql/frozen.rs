//! Whether anybody may write to a baseline.

use anyhow::{Context as _, Result};
use mysql_async::{Conn, prelude::Queryable as _};

use super::{Mysql, PARSE_ERROR};
use crate::database::session::mysql::{code, identifier, plain};

/// What ends MySQL's words for a database that nobody may write to, without their spaces: versions set these differently.
const READ_ONLY: &str = "/*READONLY=1*/";

impl Mysql {
    pub(super) async fn is_read_only(&self, conn: &mut Conn) -> Result<bool> {
        let sql = format!("SHOW CREATE DATABASE {}", identifier(&self.baseline));
        let shown: Option<(String, String)> = conn.query_first(sql).await.map_err(plain)?;
        Ok(shown.is_some_and(|(_, statement)| statement.replace(' ', "").ends_with(READ_ONLY)))
    }

    /// `false`: the server cannot (MariaDB, and MySQL before 8.0.22).
    pub(super) async fn set_read_only(&self, conn: &mut Conn, read_only: bool) -> Result<bool> {
        let sql = format!("ALTER DATABASE {} READ ONLY = {}", identifier(&self.baseline), u8::from(read_only));
        match conn.query_drop(sql).await {
            Ok(()) => Ok(true),
            Err(error) if code(&error) == PARSE_ERROR => Ok(false),
            Err(error) => Err(plain(error)).context("the administrator needs ALTER on the baseline to prepare it"),
        }
    }
}
