//! Addresses of databases in words: names and values, as ADO.NET, ODBC, PDO, libpq and Oracle take them, and what Go has for a URL of
//! `MySQL`.
//!
//! Only what cannot be anything else is taken for one: a host that is written out, beside the name of a database.

use std::net::Ipv6Addr;

use super::Hosts;

/// What names the host of a list with semicolons, and of libpq's, with blanks.
const HOSTS: [&str; 12] = [
    "host",
    "server",
    "data source",
    "datasource",
    "address",
    "addr",
    "network address",
    "servername",
    "hostname",
    "failover partner",
    "failoverpartner",
    "failover_partner",
];
const LIBPQ: [&str; 2] = ["host", "hostaddr"];

/// What names the database. `Data Source` has it in Oracle's own address, which has a user beside it.
const DATABASES: [&str; 4] = ["database", "initial catalog", "dbname", "db"];
const SOURCES: [&str; 2] = ["data source", "datasource"];
const USERS: [&str; 4] = ["user id", "uid", "user", "username"];

/// What PDO has before a host and the name of a database, both in one value.
const PDO: [&str; 2] = ["oci:dbname=", "firebird:dbname="];

/// What an address of Go's has before its host.
const GO: [&str; 3] = ["@tcp(", "@tcp4(", "@tcp6("];

/// The largest port: as a host, no such number is any.
const LARGEST_PORT: u64 = 65_535;

/// How the first such address begins that is not the preview's.
pub(super) fn shared(text: &str, hosts: Hosts<'_>) -> Option<String> {
    if text.contains('=')
        && let Some(name) = text.split('\n').filter(|line| line.contains('=')).find_map(|line| in_line(line, hosts))
    {
        return Some(format!("{name}="));
    }
    let mut go = text.match_indices("@tcp").filter_map(|(at, _)| {
        let begins = GO.into_iter().find(|begins| text[at..].starts_with(begins))?;
        // One without an end has none before the next begins.
        let host = text[at + begins.len()..].split([')', '@']).next().unwrap_or_default();
        is_elsewhere(host, hosts).then_some(begins)
    });
    go.next().map(str::to_owned)
}

/// A line may be a list, or hold one in quotes: YAML's or a shell's, or a string of JSON.
fn in_line(line: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    let of_list = |list: &str| by_semicolons(list, hosts).or_else(|| by_blanks(list, hosts));
    let within = |quote: char| {
        let parts = if line.contains(quote) { line.split(quote) } else { "".split(quote) };
        parts.filter(|part| part.contains('=')).find_map(of_list)
    };
    of_list(line)
        .or_else(|| within('"'))
        .or_else(|| within('\''))
        .or_else(|| by_pdo(line, hosts))
        .or_else(|| by_oracle(line, hosts))
}

/// `Host=staging;Database=app;Username=app`, up to what is no name and value: then comes a comment, or code.
fn by_semicolons(list: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    if !list.contains(';') {
        return None;
    }
    let (mut elsewhere, mut has_database, mut has_user) = (None, false, false);
    for (index, part) in Parts::of(list).filter(|part| !part.text.trim().is_empty()).enumerate() {
        // What stands before the list, such as the variable of a file, belongs to no name of it.
        let is_first = index == 0;
        let Some(sign) = (if is_first { part.last_sign } else { part.text.find('=') }) else { break };
        let (name, value) = (part.text[..sign].trim(), part.text[sign + 1..].trim());
        if !is_first && !is_name(name) {
            break;
        }
        if let Some(known) = one_of(&HOSTS, name, is_first) {
            elsewhere = elsewhere.or_else(|| is_elsewhere(value, hosts).then_some(known));
        }
        // Of Redis, it is a number.
        has_database |= one_of(&DATABASES, name, is_first).is_some() && !value.bytes().all(|b| b.is_ascii_digit());
        has_user |= one_of(&USERS, name, is_first).is_some();
    }
    elsewhere.filter(|name| has_database || has_user && SOURCES.contains(name))
}

/// The parts of a list, with semicolons between, of which none is in quotes.
struct Parts<'l> {
    rest: Option<&'l str>,
    /// What closes no value from here on: each is looked for in vain once.
    missing: Vec<char>,
}

/// A part, and where its last `=` outside of quotes is.
struct Part<'l> {
    text: &'l str,
    last_sign: Option<usize>,
}

impl<'l> Parts<'l> {
    fn of(list: &'l str) -> Self {
        Self { rest: Some(list), missing: Vec::new() }
    }

    /// Behind the quote that closes a value which begins with one; `{` is ODBC's, and one that is doubled stands for itself.
    fn behind_quotes(&mut self, value: &str) -> Option<usize> {
        let begin = value.len() - value.trim_start_matches([' ', '\t', '\\']).len();
        let close = match value.as_bytes().get(begin)? {
            b'{' => '}',
            b'"' => '"',
            b'\'' => '\'',
            _ => return None,
        };
        if self.missing.contains(&close) {
            return None;
        }
        let mut at = begin + 1;
        while let Some(found) = value[at..].find(close) {
            at += found + 1;
            if !value[at..].starts_with(close) {
                return Some(at);
            }
            at += 1;
        }
        self.missing.push(close);
        None
    }
}

impl<'l> Iterator for Parts<'l> {
    type Item = Part<'l>;

    fn next(&mut self) -> Option<Part<'l>> {
        let rest = self.rest?;
        let (mut at, mut last_sign) = (0, None);
        while let Some(found) = rest[at..].find(['=', ';']) {
            let sign = at + found;
            if rest[sign..].starts_with(';') {
                self.rest = Some(&rest[sign + 1..]);
                return Some(Part { text: &rest[..sign], last_sign });
            }
            last_sign = Some(sign);
            at = sign + 1;
            at += self.behind_quotes(&rest[at..]).unwrap_or(0);
        }
        self.rest = None;
        Some(Part { text: rest, last_sign })
    }
}

/// `host=staging dbname=app user=app`, with blanks around `=` or without.
fn by_blanks(list: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    if !list.contains("dbname") {
        return None;
    }
    let pairs = || {
        list.match_indices('=').filter_map(|(sign, _)| {
            let value = list[sign + 1..].trim_start();
            let value = &value[..value.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(value.len())];
            // Of several in a word, the last.
            let is_last = !list[sign + 1..].trim_start()[value.len()..].starts_with('=');
            let name = list[..sign].trim_end();
            is_last.then(|| (name.rsplit(char::is_whitespace).next().unwrap_or_default(), value))
        })
    };
    let elsewhere = pairs().find_map(|(name, value)| one_of(&LIBPQ, name, true).filter(|_| is_elsewhere(value, hosts)));
    elsewhere.filter(|_| pairs().any(|(name, _)| one_of(&["dbname"], name, true).is_some()))
}

/// `oci:dbname=//staging:1521/app`, `firebird:dbname=staging:/app.fdb`. Without a host, it is an alias or a path.
fn by_pdo(line: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    let values = PDO.iter().flat_map(|begins| line.match_indices(begins).map(|(at, _)| &line[at + begins.len()..]));
    let mut values = values.map(|value| value.strip_prefix("//").unwrap_or(value));
    values
        .any(|value| {
            let host = &value[..value.find([':', '/', ';', '"', '\'', ' ']).unwrap_or(value.len())];
            // Of Windows, a single letter is a drive.
            host.len() > 1 && value[host.len()..].starts_with([':', '/']) && is_elsewhere(host, hosts)
        })
        .then_some("dbname")
}

/// `(DESCRIPTION=(ADDRESS=(HOST=staging)…`.
fn by_oracle(line: &str, hosts: Hosts<'_>) -> Option<&'static str> {
    let mut is_address = false;
    let mut entries = line.match_indices('(').filter_map(|(at, _)| {
        let entry = &line[at + 1..];
        let sign = entry.find(['=', '(']).filter(|sign| entry[*sign..].starts_with('='))?;
        Some((entry[..sign].trim(), &entry[sign + 1..]))
    });
    entries
        .any(|(name, value)| {
            is_address |= name.eq_ignore_ascii_case("address");
            let host = || value.split([')', '(']).next().unwrap_or_default();
            is_address && name.eq_ignore_ascii_case("host") && is_elsewhere(host(), hosts)
        })
        .then_some("(host")
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
    let quotes = ['\'', '"', '\\'];
    let value = value.trim().trim_start_matches(quotes).split([' ', '\t', '\'', '"']).next().unwrap_or_default();
    let value = ["tcp:", "admin:"].iter().find_map(|protocol| value.strip_prefix(protocol)).unwrap_or(value);
    // Several, or SQL Server's port.
    value.split(',').any(|host| {
        if let Some(address) = ipv6(host) {
            return !address.is_loopback() && !address.is_unspecified();
        }
        let name = host.split([':', '\\', '/']).next().unwrap_or_default();
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) {
            // An IPv4 address may be written as one number.
            return name.parse().map_or(true, |number: u64| number > LARGEST_PORT);
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.bytes().all(is_plain) && !hosts.has(name)
    })
}

/// `[2001:db8::5]:5432`, and without brackets.
fn ipv6(host: &str) -> Option<Ipv6Addr> {
    let bare = host.strip_prefix('[').map_or(Some(host), |host| host.split(']').next())?;
    bare.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests;
