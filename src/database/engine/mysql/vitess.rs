//! Vitess, which speaks MySQL's protocol and makes no users by SQL: a branch would have no login of its own.

use anyhow::{Context as _, Result};
use mysql_async::{Conn, prelude::Queryable as _};

use crate::database::{failure::refuse, session::mysql::plain};

/// What a server says of itself: its version, and who built it.
const ITSELF: &str = "SELECT VERSION(), @@version_comment";

/// Refuses a server that is Vitess. Nothing was changed there so far.
pub(super) async fn refuse_it(conn: &mut Conn, baseline: &str) -> Result<()> {
    let itself: Option<(Option<String>, Option<String>)> =
        conn.query_first(ITSELF).await.map_err(plain).context("the server does not say which version it is")?;
    let (version, comment) = itself.unwrap_or_default();
    let (version, comment) = (version.unwrap_or_default(), comment.unwrap_or_default());
    if is_vitess(&version, &comment) {
        refuse!(
            "the server of the baseline `{baseline}` is Vitess (version {version}): SQL makes no users there, so that a branch would have no login of its own, and keyspaces only with a plugin. Nothing was changed. Use `provider: planetscale` if PlanetScale runs it, or else a MySQL server of your own (docs/databases/mysql.md)"
        );
    }
    Ok(())
}

/// The version has the name, unless vtgate's operator sets another one (`--mysql-server-version`). The comment is how vtgate was
/// built, and nobody sets it.
fn is_vitess(version: &str, comment: &str) -> bool {
    version.to_ascii_lowercase().contains("vitess")
        || (comment.starts_with("Version: ") && comment.contains("(Git revision "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vitess_is_known_by_what_it_says_of_itself() {
        let comment = "Version: 24.0.4 (Git revision  branch '') built on  by @ using go1.26.8 linux/amd64";
        assert!(is_vitess("8.4.6-Vitess", comment));
        assert!(is_vitess("8.4.6-Vitess", ""));
        // `--mysql-server-version 8.0.40`.
        assert!(is_vitess("8.0.40", comment));
    }

    #[test]
    fn servers_of_ones_own_are_not_vitess() {
        for (version, comment) in [("9.7.4-2", "(Debian)"), ("10.11.19-MariaDB-0+deb12u1", "Debian 12"), ("", "")] {
            assert!(!is_vitess(version, comment), "{version} {comment}");
        }
    }
}
