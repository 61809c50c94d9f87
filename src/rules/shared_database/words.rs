//! Addresses of databases in words: names and values, as ADO.NET, ODBC, PDO and libpq take them, and what Go has for a URL of `MySQL`.
//!
//! Only what cannot be anything else is taken for one: a host that is written out, beside the name of a database.

use super::Hosts;

/// What names the host of a list with semicolons, and of libpq's, with blanks.
const HOSTS: [&str; 7] = ["host", "server", "data source", "datasource", "address", "addr", "network address"];
const LIBPQ: [&str; 2] = ["host", "hostaddr"];

/// What names the database. `Data Source` has it in Oracle's own address, which has a user beside it.
const DATABASES: [&str; 3] = ["database", "initial catalog", "dbname"];
const SOURCES: [&str; 2] = ["data source", "datasource"];
const USERS: [&str; 4] = ["user id", "uid", "user", "username"];

/// What an address of Go's has before its host.
const GO: &str = "@tcp(";

/// How the first such address begins that is not the preview's.
pub(super) fn shared(text: &str, hosts: Hosts<'_>) -> Option<String> {
    if text.contains('=') {
        // A line, or a string of JSON.
        let lists = text.split(['\n', '"']);
        let name = lists
            .filter(|list| list.contains('='))
            .find_map(|list| by_semicolons(list, hosts).or_else(|| by_blanks(list, hosts)));
        if let Some(name) = name {
            return Some(format!("{name}="));
        }
    }
    let mut go = text.match_indices(GO).map(|(at, _)| &text[at + GO.len()..]);
    // One without an end has none before the next begins.
    go.any(|rest| is_elsewhere(rest.split([')', '@']).next().unwrap_or_default(), hosts)).then(|| GO.to_owned())
}

/// `Host=staging;Database=app;Username=app`.
fn by_semicolons(list: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    let (first, rest) = list.split_once(';')?;
    // What stands before the list, such as the variable of a file, belongs to no name of it.
    let first = first.rsplit_once('=').map(|(name, value)| (name, value, true));
    let rest = rest.split(';').filter(|part| !part.trim().is_empty());
    let rest = rest.map(|part| part.split_once('=').map(|(name, value)| (name.trim(), value, false)));
    let (mut elsewhere, mut has_database, mut has_user) = (None, false, false);
    for pair in std::iter::once(first).chain(rest) {
        // Then it is no such list, but code or prose.
        let (name, value, is_first) = pair.filter(|(name, _, is_first)| *is_first || is_name(name))?;
        if let Some(known) = one_of(&HOSTS, name, is_first) {
            elsewhere = elsewhere.or_else(|| is_elsewhere(value, hosts).then_some(known));
        }
        // Of Redis, it is a number.
        has_database |=
            one_of(&DATABASES, name, is_first).is_some() && !value.trim().bytes().all(|b| b.is_ascii_digit());
        has_user |= one_of(&USERS, name, is_first).is_some();
    }
    elsewhere.filter(|name| has_database || has_user && SOURCES.contains(name))
}

/// `host=staging dbname=app user=app`.
fn by_blanks(list: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    if !list.contains("dbname") {
        return None;
    }
    let pairs = || list.split_whitespace().filter_map(|word| word.rsplit_once('='));
    let elsewhere = pairs().find_map(|(name, value)| one_of(&LIBPQ, name, true).filter(|_| is_elsewhere(value, hosts)));
    elsewhere.filter(|_| pairs().any(|(name, _)| one_of(&["dbname"], name, true).is_some()))
}

fn is_name(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_- ".contains(&b))
}

/// The one of these names that this is; `is_last`: it may be the last word of a text.
fn one_of<'n>(names: &[&'n str], name: &str, is_last: bool) -> Option<&'n str> {
    let name = name.trim();
    let is = |known: &&&str| {
        let Some((before, word)) = name.len().checked_sub(known.len()).and_then(|at| name.split_at_checked(at)) else {
            return false;
        };
        let is_apart = !before.ends_with(|c: char| c.is_alphanumeric() || "-_.".contains(c));
        word.eq_ignore_ascii_case(known) && (before.is_empty() || is_last && is_apart)
    };
    names.iter().find(is).copied()
}

/// Whether a value names a host, and one that is not the preview's. Others are local (`.`, `(localdb)`, a socket's path), or filled in
/// by somebody else.
fn is_elsewhere(value: &str, hosts: Hosts<'_>) -> bool {
    let value = value.trim().trim_start_matches('\'').split([' ', '\t', '\'']).next().unwrap_or_default();
    let value = ["tcp:", "admin:"].iter().find_map(|protocol| value.strip_prefix(protocol)).unwrap_or(value);
    // Several, or SQL Server's port.
    value.split(',').any(|host| {
        let name = host.split([':', '\\', '/']).next().unwrap_or_default();
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(is_plain)
            && !(name.bytes().all(|b| b.is_ascii_digit()))
            && !hosts.has(name)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Hosts, shared};

    fn hosts(services: &[String]) -> Hosts<'_> {
        Hosts { services, namespace: "shop-pr-7", variables: &["DB_HOST", "DB_PORT"] }
    }

    #[test]
    fn an_address_in_words_is_one() {
        for (text, how) in [
            // Npgsql, MySQL Connector, SQL Server, Oracle
            ("Host=staging;Port=5432;Database=app;Username=u;Password=p", "host="),
            ("Server=staging;Database=app;Uid=u;Pwd=p;", "server="),
            ("server = staging ; database = app", "server="),
            ("Database=app; Host=staging", "host="),
            ("Host=db,staging:5433;Database=app", "host="),
            ("HOST='staging';DATABASE='app'", "host="),
            ("Server=tcp:acme.database.windows.net,1433;Initial Catalog=app;Encrypt=True", "server="),
            ("Data Source=staging\\SQLEXPRESS;Initial Catalog=app;Integrated Security=true", "data source="),
            ("Data Source=staging:1521/app;User Id=u;Password=p", "data source="),
            ("Address=10.1.2.3;Database=app", "address="),
            ("Driver={ODBC Driver 18 for SQL Server};Server=staging;Database=app;UID=u", "server="),
            // PDO
            ("mysql:host=staging;dbname=app;charset=utf8mb4", "host="),
            ("sqlsrv:Server=staging,1433;Database=app", "server="),
            // within other text
            ("ConnectionStrings__Main=Host=staging;Database=app", "host="),
            ("--connection=Host=staging;Database=app", "host="),
            ("a: 1\nmain: 'Host=staging;Database=app'", "host="),
            (r#"{"a": "x;y", "Main": "Username=u;Database=app;Host=staging"}"#, "host="),
            ("Database=app;Host=staging --verbose", "host="),
            // libpq
            ("host=staging port=5432 dbname=app user=u password=p", "host="),
            ("psql 'dbname=app host=staging'", "host="),
            ("host='staging' dbname='app'", "host="),
            ("hostaddr=10.1.2.3 dbname=app", "hostaddr="),
            ("DSN=host=staging user=u dbname=app", "host="),
            // Go
            ("u:p@tcp(staging:3306)/app?parseTime=true", "@tcp("),
            ("u@tcp(db) u@tcp(staging)/app", "@tcp("),
            // Java
            ("jdbc:sqlserver://staging;databaseName=app;user=u", "sqlserver://"),
            ("jdbc:sqlserver:;serverName=staging;databaseName=app", "jdbc:"),
        ] {
            assert_eq!(shared(text, hosts(&["db".into()])).as_deref(), Some(how), "{text}");
        }
    }

    #[test]
    fn what_names_no_other_host_or_no_database_is_none() {
        for text in [
            // The preview's own, and what is in the same Pod.
            "Host=db;Database=app;Username=u;Password=p",
            "Host=db.shop-pr-7.svc:5432,db-0.db;Database=app",
            "Host=$(DB_HOST);Port=$(DB_PORT);Database=$(DB_NAME);Username=$(DB_USER);Password=$(DB_PASSWORD)",
            "Server=$(DB_HOST),$(DB_PORT);Database=app",
            "Server=tcp:db,1433;Initial Catalog=app",
            "host=db port=5432 dbname=app",
            "host=$(DB_HOST) dbname=app",
            "u:p@tcp(db:3306)/app",
            "u:p@tcp($(DB_HOST):$(DB_PORT))/app",
            "u:p@unix(/run/mysqld.sock)/app",
            "Server=localhost;Database=app",
            "Server=127.0.0.1,1433;Database=app",
            "Server=.;Database=app",
            "Server=.\\SQLEXPRESS;Database=app",
            "Server=(localdb)\\MSSQLLocalDB;Database=app",
            "Host=/run/postgresql;Database=app",
            "host=/run/postgresql dbname=app",
            "Host=;Database=app",
            // Somebody else fills it in.
            "Host={0};Database={1}",
            "Host=${HOST};Database=app",
            "Host=<host>;Database=app",
            // No database of a server's.
            "Host=smtp.acme.dev;Port=25;Username=u;Password=p",
            "host=rabbit;virtualHost=app;username=u;password=p",
            "Host=redis;Database=0",
            "cache:6380,password=p,ssl=True,defaultDatabase=1",
            "Data Source=/data/app.db;Mode=ReadWrite",
            "Data Source=app.db;Cache=Shared;Password=p",
            "Data Source=:memory:",
            "DefaultEndpointsProtocol=https;AccountName=acme;EndpointSuffix=core.windows.net",
            "Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=k;SharedAccessKey=x=",
            "InstrumentationKey=0;IngestionEndpoint=https://acme.dev/",
            "server=ntp1.acme.dev database=off",
            "host=acme.dev port=80",
            "form-data; name=host; filename=database",
            "sid=1; Path=/; Domain=acme.dev",
            "jdbc:h2:mem:test;MODE=PostgreSQL;DATABASE_TO_UPPER=false",
            // Neither a list nor its names.
            "mydumper --host=staging --dbname=app",
            "migrate --server=staging; echo database=app",
            "my.host=staging;Database=app",
            "ProxyHost=staging;Database=app",
            "https://acme.dev/?host=staging&dbname=app",
            "the host=staging; the database is another",
            "let host = 1; connect(); database=x",
            "Host=staging\nDatabase=app",
            r#"{"Host": "staging", "Database": "app"}"#,
            "=;=",
            ";",
            "dbname",
            "@tcp(",
        ] {
            assert_eq!(shared(text, hosts(&["db".into()])), None, "{text}");
        }
    }
}
