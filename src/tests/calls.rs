//! Calls whose outcome no golden shows: findings of all three inputs, where they stand, and whose they are.

use std::io::ErrorKind;

use crate::{
    cli::{self, ExitCode},
    input::parameters,
};

use super::{
    process::with_variables,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case},
    support::{Closed, dayfly},
};

/// Kubernetes replaces `$(NAME)` in a container's `env`: what somebody typed stays what it is, and the team's own is replaced.
#[test]
fn free_text_in_env_is_not_expanded() {
    let scratch = Scratch::new("storefront");
    scratch.replace(PARAMETERS, "Cart: keep items when the session ends", "$(OTEL_SERVICE_NAME) costs $$(5)");
    scratch.replace(POLICY, "Preview of ${{ pr.title }}", "$(PUBLIC_URL) $$ ${{ pr.title }} ${{ pr.title | upper }}");
    scratch.replace(POLICY, "price-engine: v2", "price-engine: ${{ pr.title }}");
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!(run.err, "");
    let banner = "$(PUBLIC_URL) $$ $$(OTEL_SERVICE_NAME) costs $$$$(5) $$(OTEL_SERVICE_NAME) COSTS $$$$(5)";
    assert!(run.out.contains(&format!("{{\"name\":\"BANNER\",\"value\":\"{banner}\"}}")), "{}", run.out);
    // Kubernetes knows what stands above only.
    let place = |name: &str| run.out.find(&format!("{{\"name\":\"{name}\",\"value")).expect("a variable");
    assert!(place("DATABASE_URL") < place("BANNER") && place("STRIPE_KEY") < place("BANNER"), "{}", run.out);
    // What a ConfigMap holds is not replaced.
    assert!(run.out.contains("\"FLAG_PRICE_ENGINE\":\"$(OTEL_SERVICE_NAME) costs $$(5)\""), "{}", run.out);
}

/// One key that is there twice leaves all other findings their places.
#[test]
fn findings_about_ambiguous_parameters_have_places() {
    let scratch = Scratch::new("storefront");
    scratch.replace(PARAMETERS, "fork: false\n", "fork: false\nfork: false\n");
    scratch.replace(PARAMETERS, "preview/ttl=72h", "preview/ttl=73h");
    let run = scratch.run("check", &[]);
    for place in ["(parameters.yaml:10:19)", "(parameters.yaml:12:1)"] {
        assert!(run.out.contains(place), "{place}: {}", run.out);
    }
    scratch.write(PARAMETERS, "number: 128\nlabels: [a\n");
    let run = scratch.run("check", &[]);
    assert_eq!((run.code, &*run.err), (ExitCode::Findings, ""));
    assert!(
        run.out.starts_with("error[not-yaml]: not YAML: the `[` that begins here")
            && run.out.contains("(parameters.yaml:2:9)"),
        "{}",
        run.out
    );
    scratch.write(PARAMETERS, "number: 128\nlabels: \t\"a\\z\"\n");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("parameters.yaml:2:") && run.out.contains("2 | labels: →\"a\\z\"\n"), "{}", run.out);
}

/// A file that cannot be read hides nothing, and is hidden by nothing.
#[test]
fn all_files_mistakes_are_told_together() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "access: staff", "access: stuff");
    for broken in ["a: b: c\n", "", "7\n", "a: 1\n---\nb: 2\n"] {
        scratch.write(PARAMETERS, broken);
        for format in ["text", "json", "sarif", "github"] {
            let run = scratch.run("check", &["--format", format]);
            assert_eq!((run.code, &*run.err), (ExitCode::Findings, ""), "{broken:?}");
            assert!(run.out.contains("parameters.yaml") && run.out.contains("`stuff`"), "{broken:?}: {}", run.out);
        }
    }
    scratch.replace(POLICY, "  team: payments", "  taem: payments");
    scratch.replace(GUARDRAILS, "  domain: ", "  domian: ");
    let run = scratch.run("check", &[]);
    assert!(["`taem`", "`domian`", "parameters.yaml"].iter().all(|said| run.out.contains(said)), "{}", run.out);
    assert_eq!(scratch.run("render", &[]).code, ExitCode::Findings);
}

/// In layout `single` the pull request writes what it asks for: it does not keep Argo CD from rendering.
#[test]
fn a_baseline_that_single_cannot_have_is_the_pull_requests() {
    let scratch = Scratch::new("storefront-single");
    scratch.replace(
        GUARDRAILS,
        "  baselines:\n",
        "  baselines:\n    shop: {provider: neon, project: p, parent: br-1, synthetic: {by: seeds}}\n",
    );
    scratch.replace(POLICY, "  manifests: [deploy/*.yaml]\n", "");
    let run = scratch.run("check", &[]);
    assert_eq!(run.code, ExitCode::Fine, "{}", run.out);
    let baseline = of_case("storefront-single", POLICY);
    let asked = baseline.lines().find(|line| line.contains("baseline: ")).expect("a database");
    let begin = asked.split("baseline: ").next().expect("its beginning");
    scratch.replace(POLICY, asked, &format!("{begin}baseline: shop"));
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert!(run.err.contains("[not-provided]") && run.err.contains("owner: pull-request"), "{}", run.err);
    assert!(run.out.contains("dayfly-findings") && !run.out.contains("\"PostDelete\""), "{}", run.out);
}

/// What stands in no file is shown at one: of a log with a result that has none, code scanning takes nothing.
#[test]
fn code_scanning_gets_a_file_and_a_line() {
    let scratch = Scratch::new("storefront");
    // An object of a template; what a patch does to one stands in the guardrails.
    scratch.replace(GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
    let object =
        "kind: ConfigMap\nmetadata: {name: \"${{ one.name }}\", namespace: \"${{ namespace }}\", finalizers: [a/b]}\n";
    scratch.write("templates/x.yaml", format!("$for: one in services\napiVersion: v1\n{object}"));
    for (set, file) in [("title=x", "guardrails.yaml"), ("number=x", "source/preview.yaml")] {
        let run = scratch.run("check", &["--format", "sarif", "--set", set]);
        let log: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert!(!results.is_empty(), "{}", run.out);
        for result in results {
            let place = &result["locations"][0]["physicalLocation"];
            let uri = place["artifactLocation"]["uri"].as_str().expect("a file");
            assert!(uri.ends_with(file) && place["region"]["startLine"] == 1, "{place}");
            let message = result["message"]["text"].as_str().expect("a message");
            assert_eq!(message.contains(" (--set number)"), set == "number=x", "{message}");
        }
    }
    let run = scratch.run("check", &["--set", "number=x"]);
    assert!(run.out.contains("(--set number)"), "{}", run.out);
}

/// The file that Argo CD would read is named by its folder, too.
#[test]
fn an_override_is_named_where_it_lies() {
    let scratch = Scratch::new("storefront");
    scratch.write(".argocd-source.yaml", "plugin: {name: evil}");
    for (format, name) in [
        ("text", "--> source/.argocd-source.yaml\n"),
        ("github", "file=source/.argocd-source.yaml,"),
        ("sarif", "source/.argocd-source.yaml\""),
    ] {
        let run = scratch.run("check", &["--format", format]);
        assert!(run.out.contains(name), "{}", run.out);
    }
}

#[test]
fn the_announcement_and_the_completions() {
    let run = dayfly(&["parameters"]);
    let announced: Vec<serde_json::Value> = serde_json::from_str(&run.out).expect("a list");
    let names: Vec<_> = announced.iter().filter_map(|known| known["name"].as_str()).collect();
    assert_eq!(names, parameters::KNOWN.iter().map(|known| known.name).collect::<Vec<_>>());
    assert_eq!(announced[0]["required"], true);
    assert!(announced.iter().any(|known| known["name"] == "labels" && known["collectionType"] == "array"));
    for (shell, word) in [("bash", "complete -F _dayfly"), ("zsh", "#compdef dayfly"), ("fish", "complete -c dayfly")] {
        let run = dayfly(&["completions", shell]);
        assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""), "{shell}");
        assert!(run.out.contains(word) && run.out.contains("completions"), "{shell}: {}", run.out);
    }
}

/// In the plugin the parameters are in a variable, a quarantine is an answer, and guardrails never come from the source tree.
#[test]
fn the_plugins_variables() {
    let scratch = Scratch::new("storefront");
    let (folder, guardrails) = (scratch.named(""), scratch.named(GUARDRAILS));
    let args = ["render", &folder, "-o", "ndjson"];
    let pull_request = |fork: &str| {
        serde_json::json!([
            {"name": "number", "string": "128"},
            {"name": "head_sha", "string": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938"},
            {"name": "fork", "string": fork},
        ])
        .to_string()
    };
    for (fork, quarantined) in [("false", false), ("true", true)] {
        let parameters = pull_request(fork);
        let variables = [("DAYFLY_GUARDRAILS", &*guardrails), ("ARGOCD_APP_PARAMETERS", &*parameters)];
        let run = with_variables(&scratch, &args, &variables);
        assert_eq!(run.code, ExitCode::Fine, "{}", run.err);
        assert_eq!(run.is_quarantine(), quarantined, "{}", run.out);
        assert_eq!(run.err.contains("error[untrusted-pull-request]"), quarantined, "{}", run.err);
    }
    // For people a quarantine is a finding.
    let run = scratch.run("render", &["-o", "ndjson", "--set", "fork=true"]);
    assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
    let parameters = pull_request("false");
    let variables = [("DAYFLY_GUARDRAILS", "../guardrails.yaml"), ("ARGOCD_APP_PARAMETERS", &*parameters)];
    let run = with_variables(&scratch, &args, &variables);
    assert_eq!((run.code, &*run.out), (ExitCode::CannotRun, ""), "{}", run.err);
    assert!(run.err.contains("`../guardrails.yaml`") && run.err.contains("must be an absolute path"), "{}", run.err);
}

#[test]
fn a_route_says_all_that_is_wrong_with_it() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "{name: web, service: web, access: staff}", "{name: web, service: wep, access: stuff}");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("`wep`") && run.out.contains("`stuff`"), "{}", run.out);
}

/// A restricted pull request's branch may be on another server, and trust changes while a preview lives.
#[test]
fn a_branch_is_removed_wherever_it_may_be() {
    let scratch = Scratch::new("storefront");
    let destroys =
        || scratch.run("render", &["-o", "ndjson"]).out.matches("\"argocd.argoproj.io/hook\":\"PostDelete\"").count();
    assert_eq!(destroys(), 1, "one server has both baselines");
    let other = "database: storefront_synthetic\n      endpoint: {namespace: databases, podLabels: {app: ";
    scratch.replace(GUARDRAILS, &format!("{other}postgres}}"), &format!("{other}postgres-two}}"));
    assert_eq!(destroys(), 2);
}

/// Nothing is said of what only the part of the policy that could be read lacks.
#[test]
fn a_single_policy_that_cannot_be_read_has_no_other_mistakes() {
    let scratch = Scratch::new("storefront-single");
    scratch.replace(GUARDRAILS, "  defaultProfile: small\n", "");
    scratch.replace(GUARDRAILS, "profile: [small, large]", "profile: []");
    scratch.replace(POLICY, "  manifests: [deploy/*.yaml]\n", "  labels: {profile: [large]}\n");
    scratch.replace(PARAMETERS, "preview/ttl=72h", "preview/profile=large");
    let whole = scratch.run("check", &[]);
    assert_eq!(whole.code, ExitCode::Fine, "{}", whole.out);
    scratch.replace(POLICY, "  costCenter:", "  costCentre: x\n  costCenter:");
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert!(run.err.contains("error[unknown-field]") && run.err.contains("\n1 error\n"), "{}", run.err);
    assert!(run.out.contains("\"findings\":\"unknown-field: ") && !run.out.contains("unknown-profile"), "{}", run.out);
}

/// In layout `single` whoever opens the pull request writes the policy: whatever is wrong with it is the pull request's.
#[test]
fn a_single_policy_that_cannot_be_read_is_quarantined() {
    for (from, to, code) in [
        ("spec:\n", "spec:\n  team: [payments\n", "not-yaml"),
        ("spec:\n", "spec:\n  team: a\n  team: b\n", "duplicate-key"),
        ("spec:\n", "spec:\n\tteam: a\n", "not-yaml"),
    ] {
        let scratch = Scratch::new("storefront-single");
        scratch.replace(POLICY, from, to);
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
        assert!(run.err.contains(&format!("error[{code}]")), "{}", run.err);
        assert!(run.is_quarantine() && run.out.contains(code), "{to}: {}", run.out);
    }
}

/// What can be read of a file that is no text or too long is quarantined as well; a trusted one is an error with a place.
#[test]
fn a_file_that_is_no_text_or_too_long_is_a_finding() {
    let latin = |text: &str| [text.as_bytes(), b"# caf\xe9\n"].concat();
    let long = |text: &str| [text.as_bytes(), &b"# x\n".repeat(300_000)].concat();
    for case in ["storefront", "storefront-single"] {
        for (file, owner) in [(GUARDRAILS, "platform"), (POLICY, "team")] {
            for (code, spoiled) in
                [("not-yaml", latin(&of_case(case, file))), ("input-limit", long(&of_case(case, file)))]
            {
                let scratch = Scratch::new(case);
                scratch.write(file, spoiled);
                let run = scratch.run("check", &["--format", "json"]);
                assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
                let found: serde_json::Value = serde_json::from_str(&run.out).expect("JSON");
                let is_pull_requests = case == "storefront-single" && file == POLICY;
                let owner = if is_pull_requests { "pull-request" } else { owner };
                assert_eq!((&found[0]["code"], &found[0]["owner"]), (&code.into(), &owner.into()), "{found}");
                assert!(found[0]["location"]["file"].as_str().is_some_and(|name| name.ends_with(file)), "{found}");
                let run = scratch.run("render", &["-o", "ndjson"]);
                assert_eq!(run.is_quarantine(), is_pull_requests, "{}", run.out);
                assert!(is_pull_requests || run.out.is_empty(), "{}", run.out);
            }
        }
    }
}

/// All that is wrong is told at once, of all three inputs.
#[test]
fn broken_files_hide_no_broken_parameters() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "spec:\n", "spec:\n  bar: 2\n");
    scratch.replace(POLICY, "spec:\n", "spec:\n  foo: 1\n");
    scratch.replace(PARAMETERS, "author:", "auther:");
    for args in [&["--format", "json"][..], &["--format", "json", "--set", "number=x"]] {
        let run = scratch.run("check", args);
        for found in ["unknown field `bar`", "unknown field `foo`", "unknown parameter `auther`"] {
            assert!(run.out.contains(found), "{found}: {}", run.out);
        }
        assert!(run.out.contains("\"line\": 9"), "{}", run.out);
        assert_eq!(run.out.contains("the number `x` is no pull request's"), args.len() > 2, "{}", run.out);
    }
}

/// Who reads from a pipe may have seen enough: that is no failure, and undoes no finding.
#[test]
fn a_closed_pipe_changes_no_exit_code() {
    let scratch = Scratch::new("storefront");
    let [folder, guardrails, parameters, sets] = ["", GUARDRAILS, PARAMETERS, "sets"].map(|file| scratch.named(file));
    scratch.write("sets", "{\"number\": 1, \"head_sha\": \"0123456789\", \"fork\": true, \"number\": 2}\n");
    let run = |words: &[&str]| {
        let words =
            ["dayfly", words[0], &folder, "--guardrails", &guardrails].into_iter().chain(words[1..].iter().copied());
        let [mut out, mut err] = [Closed(ErrorKind::BrokenPipe), Closed(ErrorKind::BrokenPipe)];
        cli::run(words.map(Into::into), &mut out, &mut err)
    };
    let calls: [&[&str]; 4] = [
        &["check", "--parameters", &parameters],
        &["check", "--parameters", &parameters, "--format", "json"],
        &["render", "--parameters", &parameters],
        &["explain", "ttl", "--parameters", &parameters],
    ];
    assert_eq!(run(&["render", "--each", &sets, "-o", "ndjson"]), ExitCode::Findings);
    assert_eq!(calls.map(run), [ExitCode::Fine; 4]);
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
    assert_eq!(calls.map(run), [ExitCode::Findings; 4]);
}

/// Passwords stand in nothing that is written, though the line is shown.
#[test]
fn passwords_are_not_shown() {
    let scratch = Scratch::new("storefront");
    let mut before = "Preview of ${{ pr.title }}";
    // Whether the line is shown.
    let calls: [(&[&str], bool); 7] = [
        (&["check"], true),
        (&["check", "--format", "json"], true),
        (&["check", "--format", "sarif"], false),
        (&["check", "--format", "github"], false),
        (&["render"], true),
        (&["explain", "services.web.env.BANNER"], true),
        (&["explain", "/spec/services/0"], false),
    ];
    // A finding's message has the text itself, too.
    for text in ["postgres://u:hunter2@db.acme.dev/shop", "postgres://u:hunter2@db.acme.dev/${{ nothing }}"] {
        scratch.replace(POLICY, before, text);
        before = text;
        for (call, is_shown) in calls {
            let run = scratch.run(call[0], &call[1..]);
            let text = format!("{}{}", run.out, run.err);
            assert!(!text.contains("hunter2"), "{call:?}: {text}");
            assert!(!is_shown || text.contains("u:*******@db"), "{call:?}: {text}");
        }
    }
}

/// What is wrong in a manifest is shown where it stands.
#[test]
fn a_manifest_s_mistakes_have_their_lines() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "  routes:", "  manifests: [deploy/*.yaml]\n  routes:");
    let text = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: first}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: second\n\
                  annotations:\n    helm.sh/hook: x\nspec: {ports: [{port: 80}]}\n";
    scratch.write("deploy/two.yaml", text.replace("annotations", "  annotations").replace("    helm", "      helm"));
    let run = scratch.run("check", &[]);
    let at = text.lines().position(|line| line.contains("helm.sh")).expect("a line") + 1;
    assert!(run.out.contains(&format!("source/deploy/two.yaml:{at}:")), "{}", run.out);
    assert!(run.out.contains(&format!("{at} |")) && run.out.contains("helm.sh/hook: x"), "{}", run.out);
}

/// The file instead of its folder.
#[test]
fn a_policy_is_named_by_its_folder() {
    let scratch = Scratch::new("storefront");
    let file = scratch.named(POLICY);
    let run = dayfly(&["check", &file, "--set", "number=1"]);
    assert_eq!(run.code, ExitCode::CannotRun);
    let folder = file.strip_suffix("/preview.yaml").expect("the policy");
    assert!(
        run.err.contains(&format!("is a file: name the folder with the `preview.yaml`, `{folder}`")),
        "{}",
        run.err
    );
}
