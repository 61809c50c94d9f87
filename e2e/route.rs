//! Behind the real controllers, storefront's URL answers through its route, and through no other way; its secret is there.

use std::fs;

use serde_json::Value;

use crate::argo::{CLOSED, Environment, OPEN};
use crate::case::{Case, render};
use crate::kube::{apply, delete, get, kind, kubectl};
use crate::pods::{Inside, service};
use crate::process::{read, repository, run, setting, until};
use crate::world::{self, certificate_files, has_condition};

/// Status and headers of what answers for a URL, with its body behind them.
fn ask(url: &str) -> Result<(String, String), String> {
    let [certificate, _] = certificate_files();
    let gateway = format!("::{}:", setting("DAYFLY_E2E_GATEWAY"));
    let arguments = [
        "--silent",
        "--show-error",
        "--max-time",
        "5",
        "--cacert",
        &certificate,
        "--connect-to",
        &gateway,
        "--dump-header",
        "-",
        "--write-out",
        "%{http_code}",
        url,
    ];
    let done = run("curl", &arguments, "");
    if !done.ok {
        return Err(format!("{url}: {}", done.err));
    }
    let (headers, status) = done.out.split_at(done.out.len() - 3);
    Ok((status.to_owned(), headers.to_lowercase()))
}

/// Waits for an answer with this status.
fn answers(url: &str, status: &str) -> String {
    until(20, || {
        let (seen, headers) = ask(url)?;
        if seen == status { Ok(headers) } else { Err(format!("{url} answers {seen}, not {status}: {headers}")) }
    })
}

fn url(environment: &Environment, path: &str) -> String {
    format!("https://{}{path}", environment.host())
}

#[test]
fn the_external_secret_is_ready_and_reaches_the_workload() {
    let environment = OPEN.get();
    let secret = get("externalsecret", "stripe", &environment.name).expect("the environment has the ExternalSecret");
    assert!(has_condition(&secret, "Ready"), "it is not Ready: {}", secret["status"]);
    answers(&url(&environment, "/set/STRIPE_KEY"), "200");
    // Written by the database's Job with the rights that were rendered for it.
    answers(&url(&environment, "/set/DATABASE_URL"), "200");
    answers(&url(&environment, "/set/NOTHING_OF_THIS_NAME"), "404");
}

#[test]
fn the_url_answers_and_tells_search_engines_to_stay_away() {
    let environment = OPEN.get();
    let headers = answers(&url(&environment, "/healthz"), "200");
    assert!(
        headers.lines().any(|line| line.starts_with("x-robots-tag:") && line.contains("noindex")),
        "no noindex in\n{headers}"
    );
}

#[test]
fn the_workload_answers_in_no_other_way() {
    let environment = OPEN.get();
    let good = environment.host();
    answers(&format!("https://{good}/healthz"), "200");
    answers("https://web-storefront-pr-9999.preview.acme.dev/healthz", "404");
    answers(&format!("https://search-{}.preview.acme.dev/healthz", environment.name), "404");
    let (plain, _) = ask(&format!("http://{good}/healthz")).expect("port 80 answers");
    assert_ne!(plain, "200", "the workload answers without TLS");

    // Past the Gateway there is no way: neither to the Pod nor to its Service.
    let stranger = Inside::existing("mailpit", "stranger");
    stranger.is_kept_from(&format!("{}:8080", Inside::of(&environment.name, "web").address()));
    stranger.is_kept_from(&service(&environment.name, "web"));
}

#[test]
fn who_is_not_on_the_access_list_is_refused() {
    let environment = CLOSED.get();
    answers(&url(&environment, "/healthz"), "403");
}

/// Ingresses that share a host: Traefik's own `Prefix` would give `/publish` to `/pub`.
#[test]
fn behind_traefik_s_ingress_each_path_is_answered_by_its_own_service() {
    const NAMESPACE: &str = "paths-pr-230";
    const SERVICES: [(&str, &str); 4] = [("/", "all"), ("/a", "a"), ("/a/b", "below-a"), ("/pub", "pub")];
    world::prepare();
    delete("namespace", NAMESPACE, "", 120);
    let folder = format!("{}/paths", env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(&folder).expect("a folder");
    let write = |file: &str, text: &str| {
        let path = format!("{folder}/{file}.yaml");
        fs::write(&path, text.replace("ghcr.io/acme/", &setting("DAYFLY_E2E_REGISTRY"))).expect("a file");
        path
    };
    write("preview", &read(&repository("e2e/assets/paths/preview.yaml")));
    let guardrails = write("guardrails", &read(&repository("testdata/ingress-traefik/guardrails.yaml")));
    let parameters = write("parameters", &Value::Object(Case::new("storefront", 230).parameters).to_string());
    let (namespace, objects): (Vec<Value>, Vec<Value>) =
        render(&folder, &guardrails, &parameters).into_iter().partition(|object| kind(object) == "Namespace");
    apply(&namespace);
    apply(&objects);
    // Available they are without a Pod, since each may be without one while it is replaced.
    for (_, name) in SERVICES {
        kubectl(&["rollout", "status", &format!("deployment/{name}"), "-n", NAMESPACE, "--timeout=90s"]);
    }
    files(&Inside::of(NAMESPACE, "all"));
    // A Deployment's Pods have its name and two words of the cluster's.
    let service = |path: &str| {
        let answer = answers(&format!("https://all-{NAMESPACE}.preview.acme.dev{path}"), "200");
        answer.lines().last().and_then(|pod| pod.rsplitn(3, '-').last()).unwrap_or_default().to_owned()
    };
    // Traefik hears of one after the other.
    for (path, own) in SERVICES {
        until(20, || if service(path) == own { Ok(()) } else { Err(format!("{path} is not answered by {own}")) });
    }
    let expected = [
        ("/a/", "a"),
        ("/a/x", "a"),
        ("/ab", "all"),
        ("/a/b/c", "below-a"),
        ("/a/bc", "a"),
        ("/pub/x", "pub"),
        ("/publish", "all"),
        ("/x", "all"),
    ];
    let found = expected.map(|(path, _)| (path, service(path)));
    assert_eq!(found, expected.map(|(path, own)| (path, own.to_owned())));
    delete("namespace", NAMESPACE, "", 120);
}

/// What a service's `files` come to in its Pod, which is user 65532.
fn files(pod: &Inside) {
    let read = |path: &str| pod.tell(&["read", path], "").unwrap_or_else(|error| panic!("{error}"));
    let text = "upstream http://a:8080;\nkeep $host ${VALUE} $(VALUE) ${{ value }};\n";
    assert_eq!(read("/usr/local/bin/settings.conf"), text);
    assert_eq!(read("/usr/local/bin"), "node\nnpm\nnpx\nsettings.conf\n", "what the image has there stays");
    assert_eq!(read("/data/settings.conf"), "paths-pr-230");
    assert_eq!(read("/data/made/settings.conf"), "made\n");
    // The kubelet leaves this one to whoever mounts it.
    assert_eq!(read("/etc/hosts"), "127.0.0.1 localhost own\n");
    for (path, refusal) in [
        ("/data/new", ""),
        ("/data/settings.conf", "read-only file system"),
        ("/usr/local/bin/settings.conf", "read-only file system"),
        // A folder on the way is root's.
        ("/data/made/new", "permission denied"),
    ] {
        let done = pod.tell(&["write", path], "");
        let found = done.as_ref().err().map(String::as_str).unwrap_or_default();
        assert!(found.contains(refusal) && done.is_ok() == refusal.is_empty(), "{path}: {found}");
    }
}
