//! Addresses of databases in words and values: `Host=db;Database=app` of ADO.NET and ODBC, `host=db dbname=app` of libpq.

use super::Hosts;

/// What names the host. Source: the connection strings of Npgsql, `Microsoft.Data.SqlClient`, `MySqlConnector` and libpq.
const HOSTS: [&str; 8] =
    ["addr", "address", "data source", "datasource", "host", "hostaddr", "network address", "server"];

/// What names the database there. Without one, `server=…` is anybody's word.
const NAMES: [&str; 3] = ["database", "dbname", "initial catalog"];

/// The word that names another host than the preview's, beside one that names a database.
pub(super) fn shared(text: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    if !text.contains('=') {
        return None;
    }
    let separator = |c: char| if text.contains(';') { c == ';' } else { c.is_whitespace() };
    let pairs = || {
        text.split(separator).filter_map(|part| {
            let (word, value) = part.split_once('=')?;
            let word = word.trim().trim_start_matches(['-', '\'', '"']).to_ascii_lowercase();
            Some((word, value.trim().trim_matches(['\'', '"'])))
        })
    };
    if !pairs().any(|(word, _)| NAMES.contains(&&*word)) {
        return None;
    }
    pairs().find_map(|(word, value)| {
        let word = HOSTS.iter().find(|known| **known == word)?;
        (!is_own(value, hosts)).then_some(*word)
    })
}

/// Whether a value names hosts of the preview, or what is in the container: a folder, or a database in the process.
fn is_own(value: &str, hosts: Hosts<'_>) -> bool {
    let value = value.strip_prefix("tcp:").unwrap_or(value);
    if value.starts_with(['/', '.']) || value.starts_with("(local") {
        return true;
    }
    let is_port = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    value.split(',').filter(|part| !is_port(part.trim())).all(|part| {
        let host = part.trim().split([':', '\\']).next().unwrap_or_default();
        hosts.has(host)
    })
}

#[cfg(test)]
mod tests {
    use super::{Hosts, shared};

    #[test]
    fn addresses_in_words_lead_to_the_preview() {
        let services = ["db".to_owned()];
        let hosts = Hosts { services: &services, namespace: "shop-pr-7", variables: &["DB_HOST"] };
        for (text, word) in [
            ("Server=staging.acme.dev;Database=shop;User Id=u;Password=p", Some("server")),
            ("Host=staging;Database=shop", Some("host")),
            ("host=staging dbname=shop user=u", Some("host")),
            ("psql --host=staging --dbname=shop", Some("host")),
            ("Data Source=tcp:staging,1433;Initial Catalog=shop", Some("data source")),
            ("host=db,staging dbname=shop", Some("host")),
            ("Server = db ; Database = shop ; Host = staging", Some("host")),
            ("Server=db,1433;Database=shop", None),
            ("Host=$(DB_HOST);Port=$(DB_PORT);Database=shop", None),
            ("host=db.shop-pr-7.svc port=5432 dbname=shop", None),
            ("host=/var/run/postgresql dbname=shop", None),
            ("Server=(localdb)\\v11.0;Database=shop", None),
            ("Data Source=app.db", None),
            ("server=nginx; listen=80", None),
            ("the database=x of host staging", None),
            ("host=staging", None),
        ] {
            assert_eq!(shared(text, hosts), word, "{text}");
        }
    }
}
