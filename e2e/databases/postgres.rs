//! A PostgreSQL server of one's own: the real one, with a file system that clones.

use crate::{
    lab::{Lab, service},
    psql::{psql, with_database},
};

/// A server's administrator, and a baseline of its own there.
fn baseline(server: &str, name: &str, sql: &str) -> String {
    psql(server, &format!("ALTER DATABASE {name} WITH IS_TEMPLATE false")).ok();
    psql(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).unwrap();
    psql(server, &format!("CREATE DATABASE {name}")).unwrap();
    psql(&with_database(server, name), sql).unwrap();
    format!(
        "shop: {{provider: postgres, database: {name}, synthetic: {{by: seeds}}, endpoint: {{cidrs: [10.0.0.0/8], port: 5432}}}}"
    )
}

#[test]
fn a_branch_has_the_baselines_data_and_its_own_role_alone_may_use_it() {
    let server = service("DAYFLY_TEST_POSTGRES18");
    let baselines =
        baseline(&server, "pg_alone", "CREATE TABLE users (id bigint, name text); INSERT INTO users VALUES (1, 'ada')");
    let lab = Lab::new("alone", &baselines, &[("DAYFLY_DATABASE_ADMIN_URL", &server)]);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
        lab.db("provision", number, &[]).fine();
    }
    let (one, two) = (lab.url(1), lab.url(2));
    psql(&one, "INSERT INTO users VALUES (2, 'grace'); ALTER TABLE users ADD mail text").unwrap();
    assert_eq!(psql(&one, "SELECT count(*) FROM users").unwrap(), "2");
    assert_eq!(psql(&two, "SELECT count(*) FROM users").unwrap(), "1");
    let database_of_two = two.rsplit_once('/').unwrap().1;
    let error = psql(&with_database(&one, database_of_two), "SELECT 1").unwrap_err();
    assert!(error.contains("permission denied"), "{error}");
    for number in [1, 2] {
        lab.db("destroy", number, &[]).fine();
    }
    let left = psql(
        &server,
        "SELECT datname FROM pg_database WHERE datname LIKE 'alone%' UNION SELECT rolname FROM pg_roles WHERE rolname LIKE 'alone%'",
    );
    assert_eq!(left.unwrap(), "");
}
