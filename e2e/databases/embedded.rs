//! A server of the preview's own, as `dayfly db` finds it in a Pod: under its Service's name, with the password that is in its Secret.

use std::{
    fs, io,
    net::{TcpListener, TcpStream},
    process::Stdio,
    thread,
};

use crate::{
    cluster::Cluster,
    lab::{Lab, service},
    psql::{psql, until, with_database},
};

/// Where the Service is: the port is PostgreSQL's own.
const SERVICE: &str = "127.0.54.32:5432";

const BASELINE: &str = "shop: {provider: embedded, image: 'ghcr.io/acme/shop@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', synthetic: {by: seeds}}";

/// Leads whoever connects to the Service to a server.
fn forward(server: &str) {
    let server = server.to_owned();
    let listener = TcpListener::bind(SERVICE).unwrap();
    thread::spawn(move || {
        for here in listener.incoming() {
            let (mut here, mut there) = (here.unwrap(), TcpStream::connect(&server).unwrap());
            let (mut back, mut forth) = (there.try_clone().unwrap(), here.try_clone().unwrap());
            thread::spawn(move || {
                let _ = io::copy(&mut here, &mut there);
                let _ = there.shutdown(std::net::Shutdown::Both);
            });
            thread::spawn(move || {
                let _ = io::copy(&mut back, &mut forth);
                let _ = forth.shutdown(std::net::Shutdown::Both);
            });
        }
    });
}

#[test]
fn services_keep_their_login_when_the_server_was_lost() {
    let superuser = service("DAYFLY_TEST_POSTGRES18");
    let ask = |sql: &str| psql(&superuser, sql).unwrap();
    let at = superuser.rsplit_once('@').unwrap().1.split_once('/').unwrap().0;
    let lab = Lab::new("embedded", BASELINE, &[]);
    lab.guardrails(BASELINE, "    apiServer: {cidrs: [192.0.2.10/32], ports: [6443]}\n");
    let cluster = Cluster::of(&lab);
    let spec: serde_json::Value = serde_json::from_str(&fs::read_to_string(lab.spec_file(1)).unwrap()).unwrap();
    let [server, secret, role, branch] =
        ["server", "serverSecret", "role", "branch"].map(|name| spec["names"][name].as_str().unwrap().to_owned());
    let host = format!("{server}.{}.svc", lab.environment(1));
    let address = SERVICE.split_once(':').unwrap().0;
    fs::write(cluster.folder.join("hosts"), format!("127.0.0.1 localhost\n{address} {host}\n")).unwrap();

    // What a Pod of the server's image begins with, and no more.
    let lost = || {
        for database in [&*branch, "preview"] {
            if ask(&format!("SELECT count(*) FROM pg_database WHERE datname = '{database}'")) == "1" {
                ask(&format!("ALTER DATABASE {database} IS_TEMPLATE false"));
                ask(&format!("DROP DATABASE {database} WITH (FORCE)"));
            }
        }
        ask(&format!("DROP ROLE IF EXISTS {role}"));
        ask("DROP ROLE IF EXISTS preview");
    };
    let filled = || {
        ask(&format!("CREATE ROLE preview SUPERUSER LOGIN PASSWORD '{}'", cluster.value(&secret, "password")));
        ask("CREATE DATABASE preview OWNER preview");
        psql(&with_database(&superuser, "preview"), "SET ROLE preview; CREATE TABLE users (id bigint)").unwrap();
    };
    lost();
    let provision = cluster.call("provision", &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| cluster.secret(&secret).is_some(), "the server gets no password");
    filled();
    // It listens only then.
    forward(at);
    cluster.said(provision.wait_with_output().unwrap()).fine();
    cluster.db("verify", &[]).fine();
    let url = || cluster.url("main").replace(&host, address);
    let published = url();
    psql(&published, "INSERT INTO users VALUES (7)").unwrap();

    lost();
    filled();
    cluster.db("verify", &[]).fine();
    assert_eq!(url(), published);
    assert_eq!(psql(&published, "SELECT count(*) FROM users").unwrap(), "0");

    cluster.db("provision", &["--rotate"]).fine();
    psql(&url(), "SELECT 1").unwrap();
    assert!(psql(&published, "SELECT 1").is_err());
    // What somebody replaced is not given back, also where the Job was killed before it published the other.
    let published = url();
    ask(&format!("ALTER ROLE {role} PASSWORD 'of-the-killed-job'"));
    cluster.db("verify", &[]).fine();
    psql(&url(), "SELECT 1").unwrap();
    assert!(psql(&published, "SELECT 1").is_err());
    lost();
}
