//! Previews do not share a database.

use crate::finding::{Rule, Severity};

pub static SHARED_DATABASE: Rule = Rule {
    code: "shared-database",
    severity: Severity::Error,
    summary: "no database is named by a constant",
    explanation: "A database's address in `env` is the same for every pull request: one preview's migration breaks all others, and \
                  its password stands in a file. `databases` gives each preview a branch of its own, and `uses` its address.",
};

const SCHEMES: [&str; 9] = [
    "postgres://",
    "postgresql://",
    "mysql://",
    "mariadb://",
    "mongodb://",
    "mongodb+srv://",
    "sqlserver://",
    "jdbc:",
    "oracle://",
];

/// Whether an environment variable's value is the address of a database.
pub(crate) fn not_a_database(name: &str, value: &str) -> Result<(), String> {
    let lower = value.trim_start().to_ascii_lowercase();
    match SCHEMES.iter().find(|scheme| lower.starts_with(**scheme)) {
        // The value may hold a password, so it is not shown.
        Some(scheme) => Err(format!(
            "the variable `{name}` is the address of a database (`{scheme}…`) that all previews would share"
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::not_a_database;

    #[test]
    fn addresses_of_databases_are_refused_without_being_shown() {
        let message = not_a_database("DATABASE_URL", "postgres://admin:hunter2@staging/app").expect_err("an address");
        assert!(!message.contains("hunter2"));
        assert!(not_a_database("URL", "https://example.com").is_ok());
    }
}
