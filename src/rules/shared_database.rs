//! Previews do not share a database.

mod words;

use super::{
    Bounds,
    common::{Place, Told, containers_of, finding, items, told_by_config_map, variable},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::Object,
    value::Value,
};

/// About an address in whatever a Pod is told: words of a command, variables, a ConfigMap.
pub static SHARED_DATABASE: Rule = Rule {
    code: "shared-database",
    severity: Severity::Error,
    summary: "no database is named by a constant",
    explanation: "A database's address in `env`, a flag, a command or an argument, in `files`, or in a manifest's ConfigMap, as a URL or \
                  in words (`Host=…;Database=…`), is the same for every pull request: one preview's migration breaks all others, \
                  and its password stands in a file. `databases` gives each preview a branch of its own, and `uses` its address. The \
                  address of a Service of the preview itself is its own, unless it has more than 2048 bytes; a Service of a child Application is \
                  known by the namespace, `NAME.${{ preview.namespace }}`. A database in the \
                  process, such as `jdbc:h2:mem:test`, is nobody else's. Not seen are a host and a database's name in variables or lines of \
                  their own, names that another file explains (`DSN=`, `service=`, an alias of Oracle's), and a host in braces.",
};

/// Most bytes of an address that is looked at, up to a blank or a quote: one with thousands of others in its query would be
/// searched once for each of them.
const LONGEST: usize = 2048;

/// Most bytes that the names of drivers come to, for the same reason: no driver has a longer one.
const LONGEST_NAMES: usize = 256;

/// What addresses of databases begin with, whatever driver or product stands beside a `+`.
const SCHEMES: [&str; 22] = [
    "cockroach",
    "cockroachdb",
    "db2",
    "mariadb",
    "mongodb",
    "mssql",
    "mysql",
    "mysql2",
    "mysqlx",
    "oracle",
    "pgsql",
    "pgx",
    "postgis",
    "postgres",
    "postgresql",
    "psql",
    "redshift",
    "singlestore",
    "sqlserver",
    "tidb",
    "trilogy",
    "yugabytedb",
];

/// What follows `jdbc:` in addresses that lead into a network without two slashes, as `jdbc:oracle:thin:@…`, beside [`SCHEMES`]. Of any
/// other driver, as of H2 and `SQLite` that run in the process, only `://` does.
const DRIVERS: [&str; 16] = [
    "as400",
    "avatica",
    "cloudspanner",
    "cubrid",
    "dremio",
    "drill",
    "exa",
    "firebird",
    "firebirdsql",
    "informix-sqli",
    "odbc",
    "phoenix",
    "sqlanywhere",
    "sybase",
    "tibero",
    "weblogic",
];

/// Parameters that sound as if they named a host, and do not.
const HARMLESS: [&str; 13] = [
    "cacheserverconfiguration",
    "hostnameincertificate",
    "hostrecheckseconds",
    "load_balance_hosts",
    "loadbalancehosts",
    "retrievemessagesfromserverongetmessage",
    "servermonitoringmode",
    "serverselectiontimeoutms",
    "servertimezone",
    "targetservertype",
    "tlsallowinvalidhostnames",
    "trustservercertificate",
    "useserverprepstmts",
];

/// The hosts of a preview: its Services.
#[derive(Clone, Copy, Default)]
pub(crate) struct Hosts<'a> {
    pub(crate) services: &'a [String],
    pub(crate) namespace: &'a str,
    /// Variables that hold such a host, or what a Secret says: `$(NAME)` stands for each, and in a shell `$NAME` and `${NAME}`.
    pub(crate) variables: &'a [&'a str],
}

impl Hosts<'_> {
    fn has(&self, host: &str) -> bool {
        self.fills_in(host) || self.has_name(&host.to_ascii_lowercase())
    }

    /// Whether a text in lower case is the name of such a host.
    pub(crate) fn has_name(&self, host: &str) -> bool {
        let service = |host: &str| {
            let (name, rest) = host.split_once('.').unwrap_or((host, ""));
            let domain = rest.strip_suffix(".cluster.local").unwrap_or(rest);
            // With the namespace, it is no other's, whoever makes that Service: a child Application's are not known.
            let here = !rest.is_empty() && domain.strip_suffix(".svc").unwrap_or(rest) == self.namespace;
            here || rest.is_empty() && self.services.iter().any(|known| known == name)
        };
        // A StatefulSet's Pods have names of their own, below their Service's.
        let pod = || host.split_once('.').is_some_and(|(_, below)| service(below));
        matches!(host, "localhost" | "127.0.0.1") || service(host) || pod()
    }

    /// Whether a text is such a variable and nothing else: `$(name)` is another than `$(NAME)`.
    fn fills_in(&self, text: &str) -> bool {
        let Some(text) = text.strip_prefix('$') else { return false };
        let within = |open, close| text.strip_prefix(open).and_then(|text: &str| text.strip_suffix(close));
        self.variables.contains(&within('(', ')').or_else(|| within('{', '}')).unwrap_or(text))
    }
}

/// What is wrong with a text that holds such an address: it may hold a password, so that only how that begins is shown.
pub(crate) fn would_share(what: impl FnOnce() -> String, begins: &str) -> String {
    format!("{} is the address of a database (`{begins}…`) that all previews would share", what())
}

/// How the first address of a database that is not the preview's begins.
pub(crate) fn shared(written: &str, hosts: Hosts<'_>) -> Option<String> {
    shared_url(written, hosts).or_else(|| words::shared(written, hosts))
}

fn shared_url(written: &str, hosts: Hosts<'_>) -> Option<String> {
    if !written.contains(':') {
        return None;
    }
    let text = written.to_ascii_lowercase();
    for (at, _) in text.match_indices("://") {
        let word = text[..at].rsplit(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c))).next()?;
        let mut names = word.split('+').filter_map(|part| part.rsplit(['-', '.']).next());
        if let Some(name) = names.find(|name| SCHEMES.contains(name))
            && !is_own(&written[at + "://".len()..], hosts)
        {
            return Some(format!("{}://", visible(&word[word.find(name)?..])));
        }
    }
    let mut java = text.match_indices("jdbc:");
    java.find(|(at, word)| {
        let address = at + word.len();
        !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric())
            && is_remote(&text[address..], &written[address..], hosts)
    })
    .map(|(_, word)| word.to_owned())
}

/// Whether what follows `jdbc:`, in lower case and as it is written, leads to a database that is not the preview's. A driver may wrap
/// another, as in `p6spy:oracle:thin:@…`; what stands before `://` was seen if it is one of [`SCHEMES`].
fn is_remote(text: &str, written: &str, hosts: Hosts<'_>) -> bool {
    let mut names = text.char_indices().take(LONGEST_NAMES + 1);
    let end =
        names.find(|(_, c)| !(c.is_ascii_alphanumeric() || "+-._:".contains(*c))).map_or(text.len(), |(at, _)| at);
    if end > LONGEST_NAMES {
        return true;
    }
    // Of `h2:mem:mysql`, the last is the database's name.
    let Some((drivers, last)) = text[..end].rsplit_once(':') else { return false };
    let is_scheme = |driver: &str| driver.split('+').next().is_some_and(|driver| SCHEMES.contains(&driver));
    let is_known = |drivers: &str| drivers.split(':').any(|driver| is_scheme(driver) || DRIVERS.contains(&driver));
    let Some(host) = text[end..].strip_prefix("//").filter(|_| last.is_empty()) else { return is_known(drivers) };
    let (around, driver) = drivers.rsplit_once(':').unwrap_or(("", drivers));
    let is_path = driver == "file" || host.starts_with('/');
    is_known(around) || !is_path && !is_scheme(driver) && !is_own(&written[end + "//".len()..], hosts)
}

/// Whether what follows a scheme leads to a host of the preview, as every client would read it.
fn is_own(address: &str, hosts: Hosts<'_>) -> bool {
    let looked_at = &address[..address.floor_char_boundary(LONGEST)];
    let ends = |c: char| c.is_whitespace() || "\"'`".contains(c);
    if looked_at.len() < address.len() && !looked_at.contains(ends) {
        return false;
    }
    let (authority, rest) = looked_at.split_once('/').unwrap_or((looked_at, ""));
    // SQL Server's `db:1433;databaseName=app`. With `@` or `,` behind it, what stands before `;` need not be the host.
    let (authority, rest) = match authority.split_once(';') {
        Some((host, properties)) if !properties.contains(['@', ',']) => (host, &looked_at[host.len()..]),
        _ => (authority, rest),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~:@,$(){}%!*+;=&".contains(c);
    let host = |host: &str| {
        let (name, port) = host.split_once(':').unwrap_or((host, "0"));
        (port.bytes().all(|b| b.is_ascii_digit()) || hosts.fills_in(port)) && hosts.has(name)
    };
    let (user, names) = authority.rsplit_once('@').unwrap_or(("", authority));
    // Some clients take a host from the query, or what Java has for one (DB2's begins with a colon), or from a second `@`.
    let query = rest.split(ends).next().and_then(|rest| rest.split_once(['?', ';', ':']));
    let names_host = |query: &str| {
        let mut parameters = query
            .split(['&', ';'])
            .filter(|parameter| !HARMLESS.contains(&parameter.split('=').next().unwrap_or_default()));
        parameters.any(|parameter| ["host", "serv", "%"].iter().any(|word| parameter.contains(word)))
    };
    authority.chars().all(plain)
        && !user.contains('@')
        && names.split(',').all(host)
        && query.is_none_or(|(_, query)| !names_host(&query.to_ascii_lowercase()))
}

/// The firewall's part: what a manifest's containers are told, and its `ConfigMap`s.
pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let mut judge = |variables: &[&str], told: &Told<'_>| {
        let what = || match told.place {
            Place::Data(key) => format!("what the ConfigMap has at `{}`", visible(key)),
            Place::Word(_, list, _) => format!("a word of `{list}`"),
            Place::Variable(_, _, item) => variable(item),
        };
        let hosts = Hosts { services: bounds.services, namespace: bounds.namespace, variables };
        if let Some(begins) = told.value.as_str().and_then(|text| shared(text, hosts)) {
            findings.push(finding(&SHARED_DATABASE, object, told.pointer(), would_share(what, &begins)));
        }
    };
    told_by_config_map(object).for_each(|told| judge(&[], &told));
    for container in containers_of(object) {
        let hosts = Hosts { services: bounds.services, namespace: bounds.namespace, variables: &[] };
        let is_own = |item: &&Value| {
            item.at(&["valueFrom", "secretKeyRef"]).is_some()
                || item.str_at(&["value"]).is_some_and(|value| hosts.has_name(value))
        };
        let own = items(container.value, "env").map(|(_, item)| item).filter(is_own);
        let variables: Vec<&str> = own.filter_map(|item| item.str_at(&["name"])).collect();
        container.told().for_each(|told| judge(&variables, &told));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Hosts, shared, would_share};
    use crate::rules::common::test::{below, found, manifest, places};

    fn hosts(services: &[String]) -> Hosts<'_> {
        Hosts { services, namespace: "shop-pr-7", variables: &["DB_HOST", "DB_PORT"] }
    }

    #[test]
    fn addresses_of_databases_are_refused_without_being_shown() {
        let text = "postgres://admin:hunter2@staging/app";
        let message = would_share(|| "the variable `X`".into(), &shared(text, hosts(&[])).expect("an address"));
        assert!(!message.contains("hunter2") && message.contains("`postgres://…`"), "{message}");
        for (text, scheme) in [
            ("postgresql+psycopg2://u:p@staging/app", "postgresql+psycopg2://"),
            ("mongodb+srv://staging", "mongodb+srv://"),
            ("CockroachDB://staging", "cockroachdb://"),
            ("prisma+postgres://staging/app", "postgres://"),
            ("--dsn=mysql2://staging", "mysql2://"),
            ("psql 'postgres://staging/app' -c x", "postgres://"),
            ("spring.datasource.url=jdbc:postgresql://staging/app", "postgresql://"),
            ("jdbc:oracle:thin:@staging:1521/app", "jdbc:"),
            ("jdbc:mysql:loadbalance://staging/app", "jdbc:"),
            ("jdbc:mysql:loadbalance://db,staging/app", "jdbc:"),
            ("JDBC:Oracle:thin:u/p@staging", "jdbc:"),
            ("a: jdbc:oracle:thin:@//staging/app", "jdbc:"),
            ("jdbc:oracle:thin:@db:1521/app", "jdbc:"),
            ("jdbc:p6spy:oracle:thin:@staging", "jdbc:"),
            ("jdbc:sqlserver:;serverName=staging", "jdbc:"),
            ("jdbc:sqlserver://db/;serverName=staging", "sqlserver://"),
            ("jdbc:postgresql:app?PGHOST=staging", "jdbc:"),
            ("jdbc:sybase:Tds:staging:5000/app", "jdbc:"),
            ("jdbc:h2:tcp://staging/app", "jdbc:"),
            ("jdbc:derby://staging:1527/app", "jdbc:"),
            ("jdbc:Snowflake://acme.snowflakecomputing.com/", "jdbc:"),
            ("jdbc:h2:mem:test jdbc:exa:staging:8563", "jdbc:"),
            ("postgres://db/app postgres://staging/app", "postgres://"),
        ] {
            assert_eq!(shared(text, hosts(&["db".into()])).as_deref(), Some(scheme), "{text}");
        }
        for text in [
            "https://example.com",
            "see postgres: //x",
            "notpostgres://x",
            "a://b",
            "redis://cache",
            "jdbc",
            ":",
            "set jdbc: off",
            "jdbc:",
            "for jdbc:oracle, see below",
            "jdbc:h2:mem:test",
            "jdbc:h2:mem:postgres;MODE=PostgreSQL;DB_CLOSE_DELAY=-1",
            "jdbc:h2:file:///data/x",
            "jdbc:H2:~/x",
            "jdbc:sqlite:/tmp/x.db",
            "jdbc:sqlite:file:x?mode=memory",
            "jdbc:sqlite::memory:",
            "jdbc:hsqldb:mem:x",
            "jdbc:derby:memory:x;create=true",
            "jdbc:duckdb:",
            "jdbc:ucanaccess:///data/x.mdb",
        ] {
            assert_eq!(shared(text, hosts(&[])), None, "{text}");
        }
    }

    #[test]
    fn a_previews_own_service_is_no_shared_database() {
        let own = ["db".to_owned(), "database-main".to_owned()];
        for host in [
            "db",
            "u:p@db:5432",
            "u:$(PASSWORD)@database-main",
            "db.shop-pr-7",
            "db.shop-pr-7.svc",
            "db.shop-pr-7.svc.cluster.local:5432",
            "other.shop-pr-7",
            "db:1,database-main:2",
            "db-0.db,db-1.db.shop-pr-7.svc",
            "localhost:5432",
            "$(DB_HOST)",
            "u:$(PASSWORD)@$(DB_HOST):$(DB_PORT)",
            "$U:$PASSWORD@$DB_HOST:$DB_PORT",
            "${U}:${PASSWORD}@${DB_HOST}:${DB_PORT}",
        ] {
            for text in [
                format!("postgres://{host}"),
                format!("jdbc:mysql://{host}/app?ssl=1"),
                format!("jdbc:p6spy:mysql://{host}/app"),
                format!("jdbc:clickhouse://{host}/app"),
                format!("x mysql://{host}/a b"),
                format!("jdbc:mysql://{host}/app?useSSL=false&serverTimezone=UTC"),
                format!("jdbc:sqlserver://{host};databaseName=app;trustServerCertificate=true"),
                format!("jdbc:db2://{host}/app:user=u;retrieveMessagesFromServerOnGetMessage=true;"),
                format!("jdbc:mysql://{host}/app?cacheServerConfiguration=true&useServerPrepStmts=true"),
                format!("jdbc:postgresql://{host}/app?targetServerType=primary&loadBalanceHosts=true"),
                format!("mongodb://{host}/app?serverSelectionTimeoutMS=9"),
            ] {
                assert_eq!(shared(&text, hosts(&own)), None, "{text}");
            }
        }
        for host in [
            "",
            "/app",
            "db2",
            "db.shop-pr-8.svc",
            "db.svc",
            "db.acme.dev",
            "db,staging",
            "db@staging",
            "u@staging/@db",
            "u@staging@db",
            "db?x@staging/app",
            "db#@staging/app",
            "staging\\@db",
            "db @staging/app",
            "$(HOST)",
            "$(DB_HOST",
            "$HOST",
            "${DB_HOST",
            "${DB_HOST:-staging}",
            "$DB_HOST.acme.dev",
            "$(db_host)",
            "$(DB_HOST).acme.dev",
            "$(DB_HOST),staging",
            "db:$(PORT)",
            "db/app?host=staging",
            "db/app?ho%73t=staging",
            "db/app?a=b://c&host=staging",
            "db/app?serverTimezone=UTC&host=staging",
            "db;@staging/app",
            "db;,staging/app",
            "db:1433;serverName=staging",
            "db:50000/app:clientRerouteAlternateServerName=staging;user=u;",
        ] {
            let text = format!("postgres://{host}");
            assert_eq!(shared(&text, hosts(&own)).as_deref(), Some("postgres://"), "{text}");
        }
    }

    #[test]
    fn an_address_has_an_end() {
        let own = ["db".to_owned()];
        let text = |length: usize, after: &str| format!("postgres://db/{}{after}", "ä".repeat((length - 3) / 2));
        for after in ["", " more", "\" ?host=", " postgres://db/", "'x"] {
            assert_eq!(shared(&text(super::LONGEST, after), hosts(&own)), None, "{after}");
        }
        for after in ["", "?host=staging", " more"] {
            let text = text(super::LONGEST + 2, after);
            assert_eq!(shared(&text, hosts(&own)).as_deref(), Some("postgres://"), "{after}");
        }
    }

    fn check(json: &Json) -> Vec<String> {
        places(&found(super::check, &manifest(json)))
    }

    #[test]
    fn manifests() {
        let pod = json!({
            "initContainers": [{"env": [{"name": "A", "value": "mysql://staging"}, {"name": "B", "value": "mysql://db"}]}],
            "containers": [{"command": ["migrate", "mysql://staging"], "args": ["--dsn=mysql://staging", "x"]}],
        });
        let expected = ["/initContainers/0/env/0/value", "/containers/0/command/1", "/containers/0/args/0"];
        for (version, kind, spec, base) in [
            ("apps/v1", "Deployment", json!({"template": {"spec": pod}}), "/spec/template/spec"),
            (
                "batch/v1",
                "CronJob",
                json!({"jobTemplate": {"spec": {"template": {"spec": pod}}}}),
                "/spec/jobTemplate/spec/template/spec",
            ),
        ] {
            assert_eq!(
                check(&json!({"apiVersion": version, "kind": kind, "spec": spec})),
                below(&format!("shared-database {base}"), &expected)
            );
        }
        let host = json!({"name": "DB_HOST", "valueFrom": {"secretKeyRef": {"name": "main", "key": "host"}}});
        let urls =
            |host: &Json| json!({"containers": [{"env": [host, {"name": "A", "value": "jdbc:mysql://$(DB_HOST)/a"}]}]});
        let pod = |host: &Json| check(&json!({"apiVersion": "v1", "kind": "Pod", "spec": urls(host)}));
        assert_eq!(pod(&host), Vec::<String>::new());
        let constant = json!({"name": "DB_HOST", "value": "staging"});
        assert_eq!(pod(&constant), ["shared-database /spec/containers/0/env/1/value"]);
        let own = json!({"name": "DB_HOST", "value": "db"});
        assert_eq!(pod(&own), Vec::<String>::new());
        let data = json!({"a/b": "x = \"postgres://staging\"", "c": "postgres://db/app"});
        assert_eq!(check(&json!({"kind": "ConfigMap", "data": data})), ["shared-database /data/a~1b"]);
    }
}
