//! From live data to a baseline that may be branched, by the recipes of `docs/baselines.md`, and nothing live is left.

use std::{fmt::Write as _, fs, process::Command};

use crate::{
    lab::{Lab, service},
    page::recipe,
    postgres::Server,
    psql::{psql, run_sql, with_database},
};

const PAGE: &str = "baselines.md";

const SCHEMA: &str = "CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL, mail text NOT NULL UNIQUE, phone text, iban text, card text, note text, born date NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint NOT NULL REFERENCES customers, ship_to text);
CREATE TABLE sessions (token text PRIMARY KEY, customer_id bigint REFERENCES customers);
";

const CUSTOMERS: usize = 300;

/// A live database: SQL that fills it, and every text in it that is somebody's.
fn live_data() -> (String, Vec<String>) {
    const FIRST: [&str; 20] = [
        "Adaline",
        "Benedikta",
        "Casimir",
        "Dorothea",
        "Eusebia",
        "Fridolin",
        "Gottlieb",
        "Hedwig",
        "Ignatius",
        "Jadwiga",
        "Korbinian",
        "Leopoldine",
        "Mechthild",
        "Nepomuk",
        "Ottokar",
        "Philomena",
        "Quirin",
        "Rosalinde",
        "Sieglinde",
        "Thaddaeus",
    ];
    const LAST: [&str; 15] = [
        "Quillfeather",
        "Ostrzycka",
        "Bramblewick",
        "Zwetschkenbaum",
        "Hollingbrook",
        "Kaltenegger",
        "Dembinska",
        "Wolkenhauer",
        "Schlagintweit",
        "Przybylski",
        "Vanderbosch",
        "Immergluck",
        "Thistlewood",
        "Najderowa",
        "Oberhuemer",
    ];
    let (mut sql, mut values) = (SCHEMA.to_owned(), Vec::new());
    for id in 1..=CUSTOMERS {
        let (first, last) = (FIRST[id % FIRST.len()], LAST[id / FIRST.len() % LAST.len()]);
        let customer = [
            format!("{first} {last}"),
            format!("{}.{}.{id}@zwetschke-post.de", first.to_lowercase(), last.to_lowercase()),
            format!("+49 30 {}", 5_550_000 + id * 13),
            iban(id),
            card(id),
            format!("{first} rang about parcel {}, wants it left with Frau {last}", 700_000 + id * 7),
        ];
        let (street, token) =
            (format!("{last}gasse {id}, 10{id:03} Berlin"), format!("session-{:08x}", id * 7_654_321));
        writeln!(
            sql,
            "INSERT INTO customers VALUES ({id}, '{}', '19{:02}-03-17');",
            customer.join("', '"),
            id % 90 + 10
        )
        .unwrap();
        writeln!(
            sql,
            "INSERT INTO orders VALUES ({id}, {id}, '{street}'); INSERT INTO sessions VALUES ('{token}', {id});"
        )
        .unwrap();
        values.extend(customer);
        values.extend([street, token]);
    }
    (sql, values)
}

/// With the check digit of ISO/IEC 7812-1.
fn card(id: usize) -> String {
    let body = format!("4556{:011}", id * 97_531);
    let sum: u32 = body
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, u32::from(digit - b'0')) {
            (0, digit) if digit > 4 => digit * 2 - 9,
            (0, digit) => digit * 2,
            (_, digit) => digit,
        })
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// A German one, with the check digits of ISO 13616. `DE00` is `131400` behind the account.
fn iban(id: usize) -> String {
    let account = format!("10070024{:010}", id * 8_642);
    let rest = format!("{account}131400").bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("DE{:02}{account}", 98 - rest)
}

/// A refresh of this test's baseline, as the page has it, with its own name and way of masking.
struct Refresh {
    name: &'static str,
    server: Server,
    lab: Lab,
    public_key: String,
    live: String,
    values: Vec<String>,
}

impl Refresh {
    /// The baseline holds the live data at first, as it would where nobody masks.
    fn new(name: &'static str) -> Self {
        let (sql, values) = live_data();
        let server = Server::new("DAYFLY_TEST_POSTGRES15", name, &sql);
        let live = format!("{name}_live");
        psql(&server.superuser, &format!("DROP DATABASE IF EXISTS {live} WITH (FORCE)")).unwrap();
        psql(&server.superuser, &format!("CREATE DATABASE {live}")).unwrap();
        let live = with_database(&server.superuser, &live);
        run_sql(&live, &sql).unwrap();
        let lab = server.lab(name, "sanitized: {by: masking-job, maxAge: 1h}");
        let key = bash(&lab, &recipe(PAGE, "key"), &[]);
        let public_key = key.out.lines().nth(1).unwrap().to_owned();
        Self { name, server, lab, public_key, live, values }
    }

    /// Runs the script, and puts what it attested into the guardrails. Gives what it said.
    fn refresh(&self, mask: Option<&str>) -> String {
        let own = |text: String| text.replace("storefront_", &format!("{}_", self.name));
        for file in ["subset", "mask"] {
            fs::write(self.lab.path(&format!("{file}.sql")), own(recipe(PAGE, file))).unwrap();
        }
        let mut script = recipe(PAGE, "refresh").replace("prepare-baseline storefront ", "prepare-baseline shop ");
        if let Some(mask) = mask {
            let plain = "psql -qd storefront_raw -v ON_ERROR_STOP=1 -f mask.sql\n";
            assert!(script.contains(plain));
            script = script.replace(plain, mask);
        }
        let admin = &self.server.admin;
        let (login, place) = admin.split_once("//").unwrap().1.split_once('@').unwrap();
        let ((user, password), (host, rest)) = (login.split_once(':').unwrap(), place.split_once(':').unwrap());
        let variables = [
            ("LIVE_URL", self.live.as_str()),
            ("DAYFLY_DATABASE_ADMIN_URL", admin),
            ("PGHOST", host),
            ("PGPORT", rest.split_once('/').unwrap().0),
            ("PGUSER", user),
            ("PGPASSWORD", password),
        ];
        let said = bash(&self.lab, &own(script), &variables).err;
        let envelope = fs::read_to_string(self.lab.path("attestation.json")).unwrap();
        let sanitized = format!("sanitized: {{by: masking-job, maxAge: 1h, attestation: {}}}", envelope.trim());
        let entry = self.server.entry(&sanitized);
        self.lab.guardrails(&entry, &format!("  attestationKeys: [{}]\n", self.public_key));
        said
    }

    /// Everything that a preview can read of its branch: rows, definitions, statistics.
    fn everything(&self, number: u32) -> String {
        let url = self.lab.url(number);
        let dump = Command::new("pg_dump").arg(&url).output().unwrap();
        assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
        String::from_utf8(dump.stdout).unwrap() + &psql(&url, "SELECT * FROM pg_stats").unwrap()
    }

    #[track_caller]
    fn assert_nothing_live(&self, number: u32) {
        let everything = self.everything(number);
        assert!(everything.contains("COPY public.customers"), "{everything}");
        let found: Vec<&String> = self.values.iter().filter(|value| everything.contains(*value)).collect();
        assert!(found.is_empty(), "{} live values are in the branch, such as {:?}", found.len(), found[0]);
    }
}

struct Said {
    out: String,
    err: String,
}

/// A script of the page's, where the test's files are, with `dayfly` on the path.
fn bash(lab: &Lab, script: &str, variables: &[(&str, &str)]) -> Said {
    let programs = lab.path("bin");
    if !programs.exists() {
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_dayfly"), programs.join("dayfly")).unwrap();
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let output = Command::new("bash")
        .args(["-c", script])
        .current_dir(&lab.folder)
        .env("PATH", path)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{err}");
    Said { out, err }
}

#[test]
fn live_data_are_masked_attested_and_refreshed() {
    let it = Refresh::new("masked");
    let unmasked = it.lab.prepare_baseline(&[]).fine();
    for (column, shape) in [("mail", "e-mail"), ("card", "card"), ("iban", "IBAN"), ("phone", "phone")] {
        let warning = format!("public.customers.{column}: {CUSTOMERS} of the sampled values look like {shape}");
        assert!(unmasked.err.contains(&warning), "{warning} is not in {}", unmasked.err);
    }
    assert!(it.values.iter().all(|value| !unmasked.err.contains(value)), "{}", unmasked.err);

    let said = it.refresh(None);
    assert!(!said.contains("look like"), "{said}");
    it.lab.spec(1, "shop", "");
    let run = it.lab.db("provision", 1, &[]).fine();
    assert!(run.err.contains("for personal data: 0 look like it"), "{}", run.err);
    it.assert_nothing_live(1);
    let rows =
        "SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT count(*) FROM sessions)";
    assert_eq!(psql(&it.lab.url(1), rows).unwrap(), "30|30|0");

    // Refreshed: who has a branch keeps it, and new ones wait for the attestation.
    psql(&it.lab.url(1), "INSERT INTO sessions VALUES ('mine', 10)").unwrap();
    it.lab.spec(2, "shop", "");
    it.refresh(None);
    it.lab.db("provision", 2, &[]).refused("is not the one that was attested");
    it.lab.spec(2, "shop", "");
    it.lab.db("provision", 2, &[]).fine();
    let (url, _) = (it.lab.url(1), it.lab.spec(1, "shop", ""));
    it.lab.db("provision", 1, &[]).fine();
    assert_eq!(it.lab.url(1), url);
    assert_eq!(psql(&url, "SELECT token FROM sessions").unwrap(), "mine");

    // A column that nobody masked.
    let (superuser, baseline) = (&it.server.superuser, &it.server.baseline);
    psql(superuser, &format!("ALTER DATABASE {baseline} WITH ALLOW_CONNECTIONS true")).unwrap();
    psql(&with_database(superuser, baseline), "ALTER TABLE customers ADD passport text").unwrap();
    psql(superuser, &format!("ALTER DATABASE {baseline} WITH ALLOW_CONNECTIONS false")).unwrap();
    it.lab.spec(3, "shop", "");
    it.lab.db("provision", 3, &[]).refused("other columns than when it was sanitized");
    for number in 1..=3 {
        it.lab.db("destroy", number, &[]).fine();
    }
    assert_eq!(it.server.left("masked"), "");
}

#[test]
fn pganonymize_masks_as_the_page_says() {
    let it = Refresh::new("faked");
    fs::write(it.lab.path("pganonymize.yaml"), recipe(PAGE, "pganonymize-rules")).unwrap();
    let call = recipe(PAGE, "pganonymize")
        .replace("pganonymize --schema", &format!("{} --schema", service("DAYFLY_TEST_PGANONYMIZE")));
    let said = it.refresh(Some(&call));
    assert!(!said.contains("look like"), "{said}");
    it.lab.spec(1, "shop", "");
    it.lab.db("provision", 1, &[]).fine();
    it.assert_nothing_live(1);
    let masked =
        "SELECT count(*), count(DISTINCT mail), count(phone), count(card), bool_and(name LIKE '% %') FROM customers";
    assert_eq!(psql(&it.lab.url(1), masked).unwrap(), "30|30|0|0|t");
    it.lab.db("destroy", 1, &[]).fine();
    assert_eq!(it.server.left("faked"), "");
}
