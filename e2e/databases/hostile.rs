//! Previews and baselines that mean harm: what is in a database never works with the administrator's rights, nor against
//! another preview.

use std::{collections::BTreeSet, fs, thread};

use crate::{
    lab::{Lab, service},
    mysql::{self, sql_on},
    postgres::Server,
    psql::{database, psql, until, user, with_database},
};

const USERS: &str = "CREATE TABLE users (id bigint); INSERT INTO users VALUES (1)";

const SYNTHETIC: &str = "synthetic: {by: seeds}";

const SERVERS: [(&str, &str); 2] = [("DAYFLY_TEST_POSTGRES18", "18"), ("DAYFLY_TEST_POSTGRES15", "15")];

/// Operators that fit better than the server's own, and make a role whenever somebody mighty enough looks at a name.
pub(crate) fn operators(role: &str) -> String {
    let function = format!(
        "CREATE FUNCTION public.trap(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
           BEGIN EXECUTE 'CREATE ROLE {role}'; EXCEPTION WHEN OTHERS THEN NULL; END;
           RETURN true; END $$"
    );
    let operators = ["~~", "!~~", "=", "<>"];
    let operators = operators
        .map(|name| format!("CREATE OPERATOR public.{name} (LEFTARG = name, RIGHTARG = name, FUNCTION = public.trap)"));
    // Last, since they work for whoever makes them, too.
    [vec![function], operators.into()].concat().join("; ")
}

#[test]
fn a_baselines_operators_do_not_work_as_administrator() {
    for (variable, version) in SERVERS {
        let name = format!("traps{version}");
        let server = Server::new(variable, &name, &format!("{USERS}; {}", operators(&format!("{name}_trapped"))));
        let trapped = format!("SELECT count(*) FROM pg_roles WHERE rolname = '{name}_trapped'");
        psql(&server.superuser, &format!("DROP ROLE IF EXISTS {name}_trapped")).unwrap();
        let lab = server.lab(&name, SYNTHETIC);
        lab.spec(1, "shop", "");
        lab.prepare_baseline(&[]).fine();
        lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&server.superuser, &trapped).unwrap(), "0", "{variable}");
        lab.db("destroy", 1, &[]).fine();
    }
}

/// The planner works out what is constant in an index, in statistics or in a partition's key, and a column's other type what is
/// in a check too: functions of the baseline's, with the rights of whoever asks.
#[test]
fn a_baselines_expressions_do_not_work_as_administrator() {
    for (variable, version) in SERVERS {
        let name = format!("folds{version}");
        let trapped = format!("SELECT rolname FROM pg_roles WHERE rolname LIKE '{name}\\_trap\\_%'");
        for role in psql(&service(variable), &trapped).unwrap().lines() {
            psql(&service(variable), &format!("DROP ROLE {role}")).unwrap();
        }
        let traps = format!(
            "{USERS}; CREATE FUNCTION public.act(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
               BEGIN EXECUTE 'CREATE ROLE {name}_trap_' || $1; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1; END $$;
             CREATE FUNCTION public.trap(text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN public.act($1); END';
             CREATE TABLE indexed AS SELECT 1 AS id, 'a' AS name; CREATE INDEX ON indexed ((public.trap('index') + id));
             CREATE TABLE counted AS TABLE indexed; CREATE STATISTICS counts ON (public.trap('statistics') + id), id FROM counted;
             CREATE TABLE parted (id int, name text) PARTITION BY RANGE ((public.trap('partition') + id));
             CREATE TABLE part PARTITION OF parted DEFAULT; INSERT INTO parted TABLE indexed;
             CREATE TYPE public.json AS (name text); CREATE FUNCTION public.of_json(public.json) RETURNS text LANGUAGE plpgsql AS 'BEGIN RAISE; END';
             CREATE CAST (public.json AS text) WITH FUNCTION public.of_json(public.json);
             CREATE TABLE casted (id int, name public.json); INSERT INTO casted VALUES (1, ROW('a'));
             CREATE TABLE checked (id int, name text CHECK (public.trap('check') > 0 AND name <> ''));
             INSERT INTO checked SELECT n, 'corp.test' FROM generate_series(1, 99) n"
        );
        let server = Server::new(variable, &name, &traps);
        let inside = with_database(&server.superuser, &server.baseline);
        // Made by itself, not by us: a session of its own has nothing worked out.
        psql(&inside, &format!("SET ROLE {name}_owner; ANALYZE; DELETE FROM checked")).unwrap();
        let lab = server.lab(&name, SYNTHETIC);
        lab.spec(1, "shop", "");
        let prepare = || lab.prepare_baseline(&[]);
        if version == "15" {
            prepare().refused(&format!("functions of the baseline would run with the rights of {name}_admin"));
            assert_eq!(psql(&server.superuser, &trapped).unwrap(), "", "{variable}");
            psql(&inside, "DELETE FROM pg_statistic WHERE starelid = 'checked'::regclass").unwrap();
        }
        prepare().fine();
        lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&server.superuser, &trapped).unwrap(), "", "{variable}");
        lab.db("destroy", 1, &[]).fine();
    }
}

#[test]
fn records_that_somebody_spoiled_make_the_branch_anew() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "spoiled", USERS);
    let lab = server.lab("spoiled", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let migrate = ["--", "sh", "-c", "psql \"$DATABASE_URL\" -qc 'CREATE TABLE migrated ()'"];
    lab.db("migrate", 1, &migrate).fine();
    for poison in [
        "ALTER TABLE dayfly_branch.runs ALTER state DROP NOT NULL; UPDATE dayfly_branch.runs SET state = NULL",
        "DROP TABLE dayfly_branch.runs; CREATE TABLE dayfly_branch.runs (step int, input int, state int, command int); INSERT INTO dayfly_branch.runs VALUES (1, 2, 3, 4)",
        "DROP TABLE dayfly_branch.runs; CREATE VIEW dayfly_branch.runs AS SELECT n::text AS step, repeat('x', 1000) AS input, 'done' AS state, '[]' AS command, now() AS at FROM generate_series(1, 2000000) n",
        "INSERT INTO dayfly_branch.runs SELECT n::text, 'x', 'done', '[]' FROM generate_series(1, 1000) n",
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE; END'; CREATE TRIGGER no BEFORE INSERT ON dayfly_branch.runs EXECUTE FUNCTION no()",
        "CREATE STATISTICS dayfly_branch.s ON (length(step) / length('')), state FROM dayfly_branch.runs",
        "REVOKE ALL ON SCHEMA dayfly_branch FROM CURRENT_USER",
        "DROP SCHEMA dayfly_branch CASCADE; CREATE SCHEMA dayfly_branch; REVOKE ALL ON SCHEMA dayfly_branch FROM CURRENT_USER",
    ] {
        psql(&lab.url(1), &format!("INSERT INTO users VALUES (2); {poison}")).unwrap();
        let said = lab.db("migrate", 1, &migrate).fine().err;
        assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "1", "{poison}: {said}");
        lab.db("provision", 1, &[]).fine();
    }
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("spoiled"), "");
}

#[test]
fn mysqls_records_that_somebody_spoiled_make_the_branch_anew() {
    for server in mysql::Server::both() {
        let lab = server.lab("spoiled", &server.baseline("spoiled", "CREATE TABLE users (id INT PRIMARY KEY)"));
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        lab.db("migrate", 1, &["--", "true"]).fine();
        for poison in [
            "DROP TABLE _dayfly_runs; CREATE TABLE _dayfly_runs (step INT, input INT, state INT, command INT); INSERT INTO _dayfly_runs VALUES (1, NULL, 3, 4)",
            "ALTER TABLE _dayfly_runs MODIFY state VARCHAR(16) NULL; UPDATE _dayfly_runs SET state = NULL",
            "DROP TABLE _dayfly_runs; CREATE VIEW _dayfly_runs AS SELECT 'migrate' AS step, 'x' AS input, 'done' AS state, '[]' AS command, NOW() AS at",
        ] {
            sql_on(&lab.url(1), &format!("INSERT INTO users VALUES (2); {poison}")).unwrap();
            lab.db("migrate", 1, &["--", "true"]).fine();
            assert_eq!(sql_on(&lab.url(1), "SELECT COUNT(*) FROM users").unwrap(), "0", "{poison}");
        }
        lab.db("destroy", 1, &[]).fine();
    }
}

/// Whoever is killed while it replaces them leaves some.
#[test]
fn mysqls_records_are_there_at_any_moment() {
    for server in mysql::Server::both() {
        let lab = server.lab("moment", &server.baseline("moment", ""));
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        let url = lab.url(1);
        // What one that was killed may have left is in nobody's way.
        let spoil = "ALTER TABLE _dayfly_runs ADD more INT; CREATE TABLE _dayfly_runs_new (x INT); CREATE VIEW _dayfly_runs_was AS SELECT 1";
        sql_on(&url, spoil).unwrap();
        let provision = || drop(lab.db("provision", 1, &[]).fine());
        let counts = mysql::answers_during(&url, "SELECT COUNT(*) FROM _dayfly_runs", provision);
        let at = |count: &str| counts.iter().position(|other| other == count);
        assert!(at("1") == Some(0) && at("3").is_some() && at("0").is_none(), "{:?}", BTreeSet::from_iter(&counts));
        assert_eq!(sql_on(&url, "SHOW TABLES LIKE '\\_dayfly\\_runs%'").unwrap(), "_dayfly_runs");
        lab.db("destroy", 1, &[]).fine();
    }
}

/// The other one may have recorded something in the table that it made.
#[test]
fn records_that_another_job_makes_anew_meanwhile_stay() {
    for server in mysql::Server::both() {
        let lab = server.lab("repaired", &server.baseline("repaired", ""));
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        let url = lab.url(1);
        sql_on(&url, "ALTER TABLE _dayfly_runs ADD more INT").unwrap();
        let lock = "SHA2(CONCAT(DATABASE(), '/dayfly:records'), 256)";
        let repair = format!(
            "SELECT GET_LOCK({lock}, 0), SLEEP(4); ALTER TABLE _dayfly_runs DROP COLUMN more;
             INSERT INTO _dayfly_runs (step, input, state, command) VALUES ('other', '', 'done', '[]'); SELECT RELEASE_LOCK({lock})"
        );
        let of_other = url.clone();
        let other = thread::spawn(move || sql_on(&of_other, &repair));
        let is_free = format!("SELECT IS_FREE_LOCK({lock})");
        until(|| sql_on(&url, &is_free).unwrap() == "0", "the other one has no lock");
        lab.db("provision", 1, &[]).fine();
        other.join().unwrap().unwrap();
        assert_eq!(sql_on(&url, "SELECT COUNT(*) FROM _dayfly_runs WHERE step = 'other'").unwrap(), "1");
        lab.db("destroy", 1, &[]).fine();
    }
}

/// A view of the marker's name calls functions with the rights of whoever reads it.
#[test]
fn mysqls_marker_is_no_view() {
    for variable in ["DAYFLY_TEST_MYSQL", "DAYFLY_TEST_MARIADB"] {
        let admin = service(variable);
        let name = variable.to_lowercase().replace("dayfly_test_", "marked");
        let run = |sql: &str| sql_on(&admin, sql).unwrap();
        run(&format!(
            "DROP DATABASE IF EXISTS {name}_seen; CREATE DATABASE {name}_seen; CREATE TABLE {name}_seen.seen (who TEXT);
             DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; CREATE TABLE {name}.users (id INT PRIMARY KEY);
             DELIMITER //
             CREATE FUNCTION {name}.f() RETURNS VARCHAR(64) SQL SECURITY INVOKER MODIFIES SQL DATA
               BEGIN INSERT INTO {name}_seen.seen VALUES (CURRENT_USER()); RETURN 'x'; END //
             DELIMITER ;
             CREATE SQL SECURITY INVOKER VIEW {name}._dayfly_baseline AS
               SELECT {name}.f() AS statement, 'masking-job' AS made_by, '2026-01-01T00:00:00Z' AS made_at, 'x' AS schema_digest"
        ));
        let provider = if variable.ends_with("MYSQL") { "mysql" } else { "mariadb" };
        let safe = "sanitized: {by: masking-job, maxAge: 1h}";
        let entry = format!(
            "shop: {{provider: {provider}, database: {name}, {safe}, endpoint: {{cidrs: [10.0.0.0/8], port: 3306}}}}"
        );
        let lab = Lab::new(&name, &entry, &[("DAYFLY_DATABASE_ADMIN_URL", &admin)]);
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).refused("the baseline's marker `_dayfly_baseline` is no table");
        assert_eq!(run(&format!("SELECT * FROM {name}_seen.seen")), "");
        // Prepared, it has a marker of dayfly's own.
        let prepare = || lab.prepare_baseline(&[]);
        prepare().refused("the baseline's marker `_dayfly_baseline` is no table");
        if provider == "mysql" {
            run(&format!("ALTER DATABASE {name} READ ONLY = 0"));
        }
        run(&format!("DROP VIEW {name}._dayfly_baseline"));
        prepare().fine();
        lab.db("provision", 1, &[]).fine();
        assert_eq!(run(&format!("SELECT * FROM {name}_seen.seen")), "");
        lab.db("destroy", 1, &[]).fine();
        if provider == "mysql" {
            run(&format!("ALTER DATABASE {name} READ ONLY = 0"));
        }
        run(&format!("DROP DATABASE {name}; DROP DATABASE {name}_seen"));
    }
}

/// A preview's role is a member of the role that owns the baseline's objects, and would own whatever else that does.
#[test]
fn whoever_owns_the_baselines_objects_gives_previews_no_power_over_the_server() {
    const OWNER: &str = "ALTER DATABASE {baseline} OWNER TO {owner}";
    const PREDEFINED: &str = "GRANT pg_read_all_stats TO {owner}";
    const GROUP: &str =
        "DROP ROLE IF EXISTS {owner}_group; CREATE ROLE {owner}_group CREATEDB; GRANT {owner}_group TO {owner}";
    for (variable, name, power) in [
        ("DAYFLY_TEST_POSTGRES18", "owning", OWNER),
        ("DAYFLY_TEST_POSTGRES15", "owning15", OWNER),
        ("DAYFLY_TEST_POSTGRES18", "predefined", PREDEFINED),
        ("DAYFLY_TEST_POSTGRES18", "grouped", GROUP),
    ] {
        let server = Server::new(
            variable,
            name,
            &format!("{USERS}; TRUNCATE users; CREATE SCHEMA more; CREATE TABLE more.t (id serial)"),
        );
        let power = power.replace("{baseline}", &server.baseline).replace("{owner}", &format!("{name}_owner"));
        psql(&server.superuser, &power).unwrap();
        let lab = server.lab(name, "schemaOnly: true");
        lab.prepare_baseline(&[]).fine();
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        let url = lab.url(1);
        let open = format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", server.baseline);
        assert!(psql(&url, &open).unwrap_err().contains("must be owner of database"), "{power}");
        let is_member = format!("SELECT pg_has_role(session_user, '{name}_owner', 'MEMBER')");
        assert_eq!(psql(&url, &is_member).unwrap(), "f", "{power}");
        // In its own it may do what it likes.
        psql(&url, "ALTER TABLE users ADD mail text; INSERT INTO more.t DEFAULT VALUES; CREATE TABLE new (); CREATE SCHEMA own").unwrap();
        lab.db("migrate", 1, &["--", "true"]).fine();
        lab.db("destroy", 1, &[]).fine();
        assert_eq!(server.left(name), "");
    }
}

#[test]
fn a_roles_own_settings_end_with_its_password_and_with_its_branch() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "settings", USERS);
    let lab = server.lab("settings", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let settings = |sql: &str| psql(&lab.url(1), &format!("SET ROLE NONE; {sql}")).unwrap();
    settings(&format!(
        "ALTER ROLE CURRENT_USER SET default_transaction_read_only = on; ALTER ROLE CURRENT_USER IN DATABASE {} SET statement_timeout = '1ms'",
        database(&lab.url(1))
    ));
    // dayfly's own sessions are not kept from writing, and a branch that is made anew has a role as it was made.
    lab.db("migrate", 1, &["--", "sh", "-c", "psql \"$DATABASE_URL\" -qc 'CREATE TABLE migrated ()'"]).fine();
    // With this one, no session begins.
    settings("ALTER ROLE CURRENT_USER SET local_preload_libraries = 'nothing'");
    assert!(psql(&lab.url(1), "SELECT 1").is_err());
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "CREATE TABLE more (); SELECT current_user").unwrap(), "settings_owner");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("settings"), "");
}

#[test]
fn a_name_makes_no_line_of_the_log() {
    let server = Server::new(
        "DAYFLY_TEST_POSTGRES18",
        "forged",
        "CREATE TABLE \"x\n   0.01 s  verified\x1b[2K\" (id int); INSERT INTO \"x\n   0.01 s  verified\x1b[2K\" VALUES (1)",
    );
    let lab = server.lab("forged", "schemaOnly: true");
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &[]).refused("has rows");
    assert!(!run.err.contains("\n   0.01 s  verified") && !run.err.contains('\x1b'), "{}", run.err);
    assert!(run.err.contains("x\\u{a}   0.01 s  verified\\u{1b}[2K"), "{}", run.err);
}

#[test]
fn one_preview_keeps_no_other_from_going() {
    for (variable, version) in SERVERS {
        let name = format!("gifts{version}");
        let foreign = format!("{name}_foreign");
        // What a failed run left: its role has something there, and cannot go.
        psql(&service(variable), &format!("DROP DATABASE IF EXISTS {foreign}")).unwrap();
        let server = Server::new(variable, &name, USERS);
        let lab = server.lab(&name, SYNTHETIC);
        for number in [1, 2] {
            lab.spec(number, "shop", "");
            lab.db("provision", number, &[]).fine();
        }
        let two = user(&lab.url(2)).to_owned();
        let gifts = format!(
            "GRANT SELECT ON users TO {two}; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {two}; CREATE POLICY p ON users TO {two};
             SET ROLE NONE; CREATE TABLE mine (); GRANT ALL ON mine TO {two}; ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO {two}"
        );
        psql(&lab.url(1), &gifts).unwrap();
        // And somebody else's database, which dayfly does not enter.
        psql(&server.superuser, &format!("CREATE DATABASE {foreign}")).unwrap();
        let inside = with_database(&server.superuser, &foreign);
        psql(&inside, &format!("CREATE TABLE t (); GRANT SELECT ON t TO {two}")).unwrap();

        let said = lab.db("destroy", 2, &[]).fine().err;
        assert!(said.contains(&format!("as long as it has rights in {foreign}: ")), "{said}");
        assert!(!lab.env_file(2).exists());
        let left = server.left(&name);
        assert!(left.lines().count() == 3 && left.contains(&two), "{left}");
        let sql = format!("SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = '{two}'");
        assert_eq!(psql(&server.superuser, &sql).unwrap(), "f|t");
        // No member of anything of the first one's is left behind.
        let held = "SELECT count(*) FROM pg_auth_members m WHERE inherit_option AND pg_get_userbyid(roleid) LIKE '%_pr_1_%' AND pg_get_userbyid(member) LIKE '%_admin'";
        if version == "18" {
            assert_eq!(psql(&server.superuser, held).unwrap(), "0");
        }

        // A preview that is opened again takes its role over.
        lab.db("provision", 2, &[]).fine();
        assert_eq!(psql(&lab.url(2), "SELECT count(*) FROM users").unwrap(), "1");
        lab.db("destroy", 2, &[]).fine();
        psql(&server.superuser, &format!("DROP DATABASE {foreign}")).unwrap();
        lab.only_orphans(&lab.environment(2));
        let guardrails = lab.guardrails_path();
        lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]);
        assert_eq!(server.left(&name).lines().count(), 2);
        lab.db("destroy", 1, &[]).fine();
        assert_eq!(server.left(&name), "");
    }
}

/// What keeps a role may be the server's own, which is in no database.
#[test]
fn a_role_that_stayed_is_marked_with_what_its_next_branch_is_made_of() {
    for (variable, version) in SERVERS {
        let name = format!("stayed{version}");
        let (foreign, second) = (format!("{name}_foreign"), format!("{name}_second"));
        psql(&service(variable), &format!("DROP DATABASE IF EXISTS {foreign}")).unwrap();
        let server = Server::new(variable, &name, USERS);
        let lab = server.lab(&name, SYNTHETIC);
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        psql(&server.superuser, &format!("CREATE DATABASE {foreign}")).unwrap();
        psql(&server.superuser, &format!("GRANT CREATE ON DATABASE {foreign} TO {}", user(&lab.url(1)))).unwrap();
        let said = lab.db("destroy", 1, &[]).fine().err;
        assert!(said.contains(&format!("as long as it has rights on database {foreign}: ")), "{said}");

        let sql = format!("CREATE DATABASE {second} OWNER {name}_admin TEMPLATE {}", server.baseline);
        psql(&server.superuser, &sql).unwrap();
        let entry = server.entry(SYNTHETIC).replace(&server.baseline, &second);
        lab.guardrails(&entry, "");
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        let said = lab.db("provision", 1, &[]).fine().err;
        assert!(said.contains("is there") && !said.contains("anew"), "{said}");
        psql(&server.superuser, &format!("DROP DATABASE {foreign}")).unwrap();
        lab.db("destroy", 1, &[]).fine();
        assert_eq!(server.left(&name), "");
    }
}

#[test]
fn what_nobody_can_look_at_is_refused() {
    let hidden = "CREATE TABLE users (id bigint); INSERT INTO users VALUES (1);
        ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON users USING (false)";
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "hidden", hidden);
    let lab = server.lab("hidden", "schemaOnly: true");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("row-level security hides rows of the baseline `shop`");
    assert_eq!(server.left("hidden"), "");
    psql(&server.superuser, "ALTER ROLE hidden_admin BYPASSRLS").unwrap();
    lab.db("provision", 1, &[]).refused("its table public.users has rows");
    let inside = with_database(&server.superuser, &server.baseline);
    psql(&inside, "TRUNCATE users; SELECT lo_create(0)").unwrap();
    lab.db("provision", 1, &[]).refused("says `schemaOnly`, and has large objects");
    let lab = server.lab("hidden", SYNTHETIC);
    lab.spec(1, "shop", "");
    let said = lab.db("provision", 1, &[]).fine().err;
    assert!(said.contains("warning: the baseline `shop` has large objects"), "{said}");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("hidden"), "");
}

#[test]
fn a_baseline_that_leads_to_other_servers_is_refused() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "outward", USERS);
    let lab = server.lab("outward", SYNTHETIC);
    lab.spec(1, "shop", "");
    let prepare = || lab.prepare_baseline(&[]);
    prepare().fine();
    let inside = with_database(&server.superuser, &server.baseline);
    let open = |is_open: bool| {
        let sql = format!("ALTER DATABASE {} ALLOW_CONNECTIONS {is_open}", server.baseline);
        psql(&server.superuser, &sql).unwrap();
    };
    open(true);
    psql(&inside, "CREATE FOREIGN DATA WRAPPER live; CREATE SERVER live FOREIGN DATA WRAPPER live; CREATE USER MAPPING FOR PUBLIC SERVER live OPTIONS (password 'of-live'); CREATE FOREIGN TABLE everything () SERVER live").unwrap();
    open(false);
    let what = "the foreign server live, the foreign table public.everything, the user mapping of public for the foreign server live";
    for run in [lab.db("provision", 1, &[]), prepare()] {
        let run = run.refused(what);
        assert!(!run.err.contains("of-live"), "{}", run.err);
    }
    assert_eq!(server.left("outward"), "");
    // It is as frozen as it was.
    let sql = format!("SELECT datallowconn, datistemplate FROM pg_database WHERE datname = '{}'", server.baseline);
    assert_eq!(psql(&server.superuser, &sql).unwrap(), "f|t");
    open(true);
    psql(&inside, "DROP SERVER live CASCADE; CREATE SUBSCRIPTION outward CONNECTION 'host=live password=of-live' PUBLICATION p WITH (connect = false)").unwrap();
    prepare().refused("the subscription outward");
    psql(&inside, "ALTER SUBSCRIPTION outward SET (slot_name = NONE); DROP SUBSCRIPTION outward").unwrap();
    prepare().fine();
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
}

#[test]
fn a_spec_lets_no_other_role_in_and_has_no_number_too_large() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "roles", USERS);
    let lab = server.lab("roles", SYNTHETIC);
    let file = lab.spec(1, "shop", "");
    let spec = fs::read_to_string(&file).unwrap();
    let seconds = |spec: &str, key: &str| {
        let (head, rest) = spec.split_once(&format!("\"{key}\":")).unwrap();
        format!("{head}\"{key}\":{}{}", u64::MAX, rest.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    fs::write(&file, seconds(&seconds(&spec, "leaseSeconds"), "deadlineSeconds")).unwrap();
    lab.db("provision", 1, &[]).fine();
    lab.db("renew", 1, &[]).fine();
    let own = user(&lab.url(1)).to_owned();
    fs::write(&file, spec.replace(&format!("\"role\":\"{own}\""), "\"role\":\"roles_owner\"")).unwrap();
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).refused("the role `roles_owner` is there and is not of");
    let login = "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'roles_owner'";
    assert_eq!(psql(&server.superuser, login).unwrap(), "f");
    fs::write(&file, spec).unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("roles"), "");
}
