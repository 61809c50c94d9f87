//! A service's `files`: what becomes of them, and how many there may be.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case, parameters, renderer, storefront},
    support::{dayfly_on, named, text},
};
use crate::{
    cli::ExitCode,
    emit::{self, Format},
    input::policy::MOST_FILES,
    resolve::files::MOST_BYTES,
};

const HEALTH: &str = "      health: /healthz\n";

/// The storefront, whose `web` has files.
fn with(files: &str) -> Scratch {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, HEALTH, &format!("{HEALTH}      files:\n{files}"));
    scratch
}

/// The annotations by which Pods of `web` and `worker` start anew.
fn hashes(scratch: &Scratch) -> [Option<String>; 2] {
    let objects = scratch.objects();
    ["web", "worker"].map(|name| {
        let hash = &named(&objects, "Deployment", name)["spec"]["template"]["metadata"]["annotations"];
        hash["dayfly.dev/files-hash"].as_str().map(str::to_owned)
    })
}

/// The code, the owner and the message of each finding.
fn told(scratch: &Scratch) -> Vec<String> {
    let found = scratch.findings();
    found.iter().map(|one| ["/code", "/owner", "/message"].map(|field| text(one, field)).join(" ")).collect()
}

#[test]
fn each_file_is_mounted_by_itself_from_the_services_config_map() {
    let scratch =
        with("        /etc/app/a.yml: \"n: ${{ pr.number }}\"\n        /b_c: |\n          $host ${X} $${{ y }}\n");
    let objects = scratch.objects();
    let config_map = named(&objects, "ConfigMap", "web-files");
    assert_eq!(
        config_map["data"],
        json!({"etc__app__a.yml": "n: 128", "b_5fc": "$host ${X} ${{ y }}\n"}),
        "what is no expression stays"
    );
    let labels = &config_map["metadata"]["labels"];
    assert_eq!((&labels["dayfly.dev/service"], &labels["dayfly.dev/team"]), (&json!("web"), &json!("payments")));
    let wave = |object: &Json| -> i64 {
        let wave = &object["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"];
        wave.as_str().and_then(|wave| wave.parse().ok()).expect("a wave")
    };
    let web = named(&objects, "Deployment", "web");
    assert!(wave(config_map) < wave(web), "a Pod waits for none");
    let pod = &web["spec"]["template"]["spec"];
    let mount = |path: &str, key: &str| json!({"name": "files", "mountPath": path, "subPath": key, "readOnly": true});
    let mounts = pod["containers"][0]["volumeMounts"].as_array().expect("mounts");
    assert_eq!(mounts[1..], [mount("/etc/app/a.yml", "etc__app__a.yml"), mount("/b_c", "b_5fc")]);
    assert_eq!(pod["volumes"][1], json!({"name": "files", "configMap": {"name": "web-files", "defaultMode": 420}}));
    let worker = &named(&objects, "Deployment", "worker")["spec"]["template"];
    assert!(!worker.to_string().contains("files"), "it has none");
}

/// A Pod does not see that a file which is mounted by itself changes.
#[test]
fn pods_start_anew_with_another_file() {
    let scratch = with("        /a: \"${{ pr.branchSlug }}\"\n        /b: x\n");
    let before = hashes(&scratch);
    assert!(before[0].is_some() && before[1].is_none(), "{before:?}");
    for (file, from, to, is_same) in [
        (POLICY, "/b: x", "/b: \"y\"", false),
        (POLICY, "/b: \"y\"", "/c: \"y\"", false),
        (PARAMETERS, "branch_slug: feature-keep-cart", "branch_slug: other", false),
        (PARAMETERS, "title: \"Cart", "title: \"Other", true),
        (POLICY, "PUBLIC_URL:", "OTHER_URL:", true),
    ] {
        let before = hashes(&scratch);
        scratch.replace(file, from, to);
        let after = hashes(&scratch);
        assert_eq!(before == after, is_same, "{to}: {before:?} {after:?}");
        assert_eq!(after[1], None, "{to}");
    }
}

/// Whoever wrote what is in a file.
#[test]
fn a_patch_of_a_services_files_starts_its_pods_anew() {
    let hash = |patches: &str| {
        let scratch = with("        /a: x\n");
        scratch.replace(GUARDRAILS, "  patches:\n", &format!("  patches:\n{patches}"));
        hashes(&scratch)
    };
    let patch = |name: &str, text: &str| {
        format!("    - target: {{kind: ConfigMap, name: {name}}}\n      merge: {{data: {{a: {text}}}}}\n")
    };
    let before = hash("");
    assert_eq!(hash(&patch("preview", "z")), before, "another one");
    assert_eq!(hash("    - target: {kind: ConfigMap}\n      merge: {metadata: {labels: {a: b}}}\n"), before, "a label");
    assert_ne!(hash(&patch("web-files", "z")), before);
    assert_ne!(hash(&patch("\"*-files\"", "z")), hash(&patch("\"*-files\"", "zz")));
}

/// Whatever the container has as a variable, and nothing else.
#[test]
fn variables_that_nothing_is_put_for_are_told() {
    let scratch = with(
        "        /a: $(STRIPE_KEY) $(DATABASE_URL) $(PGHOST) $(BANNER) $(FLAG_NEW_CART) $(HOME) $(worker) $$(BANNER)\n",
    );
    scratch.replace(POLICY, "baseline: storefront\n", "baseline: storefront\n      keys: {PGHOST: host}\n");
    let why = "stays as it is: Kubernetes puts variables into `env`, `command` and `args`, not into files";
    let expected = ["STRIPE_KEY", "DATABASE_URL", "PGHOST", "BANNER", "FLAG_NEW_CART"];
    assert_eq!(told(&scratch), expected.map(|name| format!("not-an-expression team `$({name})` {why}")));
    // Another service's are not its own.
    scratch.replace(POLICY, "uses: [stripe, main]", "uses: [main]");
    assert_eq!(told(&scratch).len(), 4);
}

/// What is told is what stands in the line that is shown, and no line is shown that may be another.
#[test]
fn an_address_in_a_file_is_shown_where_it_stands() {
    // `files:` and the name come behind that line.
    let known = storefront(POLICY).lines().position(|line| HEALTH.trim_end() == line).expect("a line") + 3;
    for (text, line, begins) in [
        ("a: b\nmain = Host=staging;Database=app\n\npostgres://staging/x", 2, "Host="),
        ("a: b\npostgres://staging/x\nmain = Host=staging;Database=app", 2, "postgres://"),
        ("a: ${{ pr.number }}\nmain = Host=staging;Database=app", 2, "Host="),
        // Where expressions bring lines, or are written over some, the text begins.
        ("${{ 'x\\ny\\nz' }}\n\nb\npostgres://staging/x", 1, "postgres://"),
        ("${{ 'x'\n  ~ 'y' }}\nb\npostgres://staging/x", 1, "postgres://"),
    ] {
        let scratch = with(&format!("        /f: |\n          {}\n", text.replace('\n', "\n          ")));
        let all = scratch.findings();
        let found: Vec<&Json> = all.iter().filter(|one| one["code"] == "shared-database").collect();
        let [found] = found[..] else { panic!("{text}: {all:#?}") };
        let begins = begins.to_lowercase();
        assert!(
            found["message"].as_str().is_some_and(|said| said.contains(&format!("(`{begins}…`)"))),
            "{text}: {found}"
        );
        assert_eq!(found["location"]["line"], known + line, "{text}: {found}");
    }
}

/// Whatever shows a line shows no password of it.
#[test]
fn no_password_is_shown() {
    let secret = "s3cr3t";
    for address in [
        format!("u:{secret}@tcp(staging:3306)/app"),
        format!("Host=staging;Database=app;Password='{secret} {secret}'"),
        format!("Host=staging;Database=app;Password={secret} {secret}"),
        format!("Server=staging;Database=app;UID=u;PWD={{{secret};{secret}}}"),
        format!("host = staging dbname = app password = '{secret} {secret}'"),
        format!("postgres://u:{secret}@staging/app"),
    ] {
        let scratch = with(&format!("        /f: |\n          a\n          {address}\n"));
        scratch.replace(POLICY, HEALTH, &format!("{HEALTH}      args: [{}]\n", json!(address)));
        for format in ["text", "json", "sarif", "github"] {
            let run = scratch.run("check", &["--format", format]);
            assert!(
                run.out.contains("shared-database") || run.err.contains("shared-database"),
                "{format}: {}{}",
                run.out,
                run.err
            );
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{format}: {}{}", run.out, run.err);
        }
        for field in
            ["services.web.files", "services.web.args", "Deployment/web", "ConfigMap/web-files", "shared-database"]
        {
            let run = scratch.run("explain", &[field]);
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "{field}: {}{}", run.out, run.err);
        }
        let run = scratch.run("render", &[]);
        assert!(!run.err.contains(secret), "{}", run.err);
    }
}

#[test]
fn a_services_files_have_a_bound() {
    let many = |count: usize| with(&(0..count).map(|n| format!("        /a/{n}: x\n")).collect::<Vec<_>>().concat());
    assert_eq!(told(&many(MOST_FILES)), [""; 0]);
    assert_eq!(told(&many(MOST_FILES + 1)), ["input-limit team 101 files, allowed are 100 of a service"]);
    // A file of the policy has no room for as much as a ConfigMap: expressions have.
    let repeat = |bytes: usize, more: &str| {
        let many = format!("${{{{ '{}' | replace('x', '{}') }}}}", "x".repeat(500), "y".repeat(400));
        let rest = "z".repeat(bytes - 4 * 500 * 400);
        with(&format!("        /a: \"{many}{many}{many}{many}\"\n        /b: \"{rest}{more}\"\n"))
    };
    assert_eq!(told(&repeat(MOST_BYTES, "")), [""; 0]);
    let expected = |owner| {
        format!(
            "input-limit {owner} the files of `web` come to 1048577 bytes, allowed are 1048576: no ConfigMap holds more"
        )
    };
    assert_eq!(told(&repeat(MOST_BYTES, "z")), [expected("team")]);
    // What the pull request has a say in is its own.
    assert_eq!(told(&repeat(MOST_BYTES - 16, "${{ pr.branchSlug }}")), [expected("pull-request")]);
    assert!(repeat(MOST_BYTES - 16, "${{ pr.branchSlug }}").run("render", &["-o", "ndjson"]).is_quarantine());
}

/// Of the team's own manifests, none is called as the ConfigMap with a service's files.
#[test]
fn a_manifest_is_no_config_map_of_files() {
    let manifest = |name: &str| {
        let scratch = with("        /a: x\n");
        scratch.replace(
            POLICY,
            "  application:\n    path: deploy/overlays/preview\n    kustomize:\n      images: [\"acme/search=ghcr.io/acme/search:${{ pr.headSha }}\"]\n",
            "  manifests: [extra.yaml]\n",
        );
        scratch.write(
            "extra.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{a: b}}\n"),
        );
        scratch.run("check", &[])
    };
    assert_eq!(manifest("worker-files").code, ExitCode::Fine);
    let run = manifest("web-files");
    assert!(run.out.contains("error[duplicate-object]"), "{}{}", run.out, run.err);
}

#[test]
fn files_are_explained() {
    let key = "etc__nginx__conf.d__default.conf";
    let place = "(/spec/services/1/files/~1etc~1nginx~1conf.d~1default.conf)";
    for (what, said, unsaid) in [
        ("services.proxy.files", vec!["services.proxy.files.etc__nginx", "usr__share", place], "otelcol"),
        (
            "services.proxy.files./etc/nginx/conf.d/default.conf",
            vec!["stated     server {", "granted    server {", place],
            "asked",
        ),
        (
            &format!("ConfigMap/proxy-files/data/{key}"),
            vec!["${{ service.files }}", "granted    server {", place],
            "usr__",
        ),
        ("ConfigMap/proxy-files/metadata/name", vec!["the service's name and `-files`"], "usr__"),
        (
            "Deployment/proxy/spec/template/spec/containers/0/volumeMounts/3/mountPath",
            vec!["granted    /etc/nginx/conf.d/default.conf", "mounted by itself", place],
            "usr__",
        ),
        ("services.web.filesHash", vec!["granted    nothing", "it has no files of its own"], "team"),
    ] {
        let run = dayfly_on("explain", "service-files", &[what]);
        let text = format!("{}{}", run.out, run.err);
        for said in said {
            assert!(text.contains(said), "{what}: not `{said}`:\n{text}");
        }
        assert!(!text.contains(unsaid), "{what}: `{unsaid}`:\n{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing that somebody typed is in a file, and what is there is what the policy says, whatever the branch is called.
    #[test]
    fn files_hold_no_free_text(branch in any::<String>(), title in "\\PC{0,40}", text in "[ -~\t\r\n\u{1}\u{7f}\u{85}é😀\u{202e}]{0,60}") {
        let text = text.replace("${{", "");
        let written = json!({"/a": text, "/b": "server { # ${{ pr.branchSlug }}\n}"}).to_string();
        let policy = of_case("storefront", POLICY).replacen(HEALTH, &format!("{HEALTH}      files: {written}\n"), 1);
        let renderer = renderer(&storefront(GUARDRAILS), &policy);
        let set = json!({"number": 7, "head_sha": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "fork": false, "branch_slug": branch, "title": title});
        let rendered = renderer.render(&parameters(&set), false);
        prop_assert!(!rendered.has_errors(), "{:?}", rendered.findings);
        for format in [Format::Json, Format::Yaml] {
            let mut out = Vec::new();
            emit::write(&format, &rendered.objects, &mut out).expect("memory");
            let out = String::from_utf8(out).expect("UTF-8");
            let objects: Vec<Json> = match format {
                Format::Json => serde_json::from_str(&out).expect("JSON"),
                _ => serde_yaml::Deserializer::from_str(&out)
                    .map(|document| serde::Deserialize::deserialize(document).expect("YAML"))
                    .collect(),
            };
            let data = &named(&objects, "ConfigMap", "web-files")["data"];
            prop_assert_eq!(data["a"].as_str(), Some(&*text));
            let slug = data["b"].as_str().and_then(|b| b.strip_prefix("server { # ")?.strip_suffix("\n}"));
            prop_assert!(slug.is_some_and(|slug| slug.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')), "{:?}", slug);
        }
    }
}
