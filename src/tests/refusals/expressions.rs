//! What is said about `${{ … }}`, and where.

use super::{GUARDRAILS, POLICY, check, place, table::MANIFEST, text};

const IMAGE: &str = "ghcr.io/acme/storefront:${{ pr.headSha }}";
const URL: &str = "${{ routes.web.url }}";
const BANNER: &str = "\"Preview of ${{ pr.title }}\"";
const COMMAND: &str = "[node, dist/worker.js]";

/// The place and the message of each finding.
fn told(edits: &[(&str, &str, &str)]) -> Vec<String> {
    let found = check(edits);
    found.iter().map(|finding| format!("{} {}", place(finding), text(finding, "/message"))).collect()
}

#[test]
fn each_wrong_expression_is_told_where_it_stands() {
    let block = "\n        - sh\n        - -c\n        - |\n          set -eu\n          echo \"starting ${{ pr.number }}\"\n          export URL=${{ routes.web.uri }}\n          exec worker ${{ pr.numbr }} ${{ pr.headSah }}";
    let long =
        format!("[sh, -c, \"{} && exec ${{{{ pr.numbr }}}} ${{{{ pr.number }}}}\"]", "echo starting ".repeat(20));
    let uri = "`${{ routes.web.uri }}`: `routes.web` has no `uri`: did you mean `url`?";
    let numbr = "`${{ pr.numbr }}`: `pr` has no `numbr`: did you mean `number`?";
    let sah = "`${{ pr.headSah }}`: `pr` has no `headSah`: did you mean `headSha`?";
    let titel = "`${{ pr.titel }}`: `pr` has no `titel`: did you mean `title`?";
    for (from, to, expected) in [
        (COMMAND, block, vec![format!("31:22 {uri}"), format!("32:23 {numbr}"), format!("32:39 {sah}")]),
        (COMMAND, &long, vec![format!("25:315 {numbr}")]),
        (IMAGE, "ghcr.io/acme/storefront:${{ pr.headSah }}", vec![format!("16:38 {sah}")]),
        // A title in quotes, whose characters are escaped, that goes on in the next line.
        (BANNER, "\"a \\\"b\\\" ${{ pr.titel }}\"", vec![format!("21:26 {titel}")]),
        (BANNER, "'it''s ${{ pr.titel\n\n          }}'", vec![format!("21:24 {titel}")]),
        (BANNER, ">-\n          a\n          é ${{ pr.titel }}", vec![format!("23:13 {titel}")]),
        // Where it is written otherwise, the text's place is as near as it gets.
        (BANNER, "\"a \\x24{{ pr.titel }}\"", vec![format!("21:17 {titel}")]),
        (
            BANNER,
            "\"${{ pr.title ~ }} ${{ pr.title || 'x' }}\"",
            vec![
                "21:18 `${{ pr.title ~ }}`: syntax error: unexpected end of input, expected expression".to_owned(),
                "21:36 `${{ pr.title || 'x' }}`: there is no `||` in expressions: write `or`".to_owned(),
            ],
        ),
        (
            URL,
            "${{ routes.wbe.url }} ${{ policy.nam | upper }} ${{ pr['titel'] }}",
            vec![
                "20:21 `${{ routes.wbe.url }}`: `routes` has no `wbe`: did you mean `web`?".to_owned(),
                "20:43 `${{ policy.nam | upper }}`: `policy` has no `nam`: did you mean `name`?".to_owned(),
                "20:69 `${{ pr['titel'] }}`: something that it names is not there".to_owned(),
            ],
        ),
    ] {
        let expected: Vec<String> = expected.iter().map(|one| format!("source/preview.yaml:{one}")).collect();
        assert_eq!(told(&[(POLICY, from, to)]), expected, "{to}");
    }
}

#[test]
fn of_many_wrong_expressions_the_first_are_told() {
    for (name, message) in
        [("x", "`${{ u4.x }}`: nothing is called `u4`; there is "), ("x.", "`${{ u4.x. }}`: syntax error: ")]
    {
        let many: Vec<String> = (0..1000).map(|n| format!("${{{{ u{n}.{name} }}}}")).collect();
        let found = told(&[(POLICY, URL, &format!("\"{}\"", many.concat()))]);
        assert_eq!(found.len(), 6, "{found:#?}");
        assert!(found[4].contains(message), "{found:#?}");
        assert!(
            found[5].ends_with(" there are more mistakes in this text than these 5: the next is here"),
            "{found:#?}"
        );
    }
}

/// What is wrong for every pull request is the team's; what may be for this one only quarantines it, and neither hides the other.
#[test]
fn each_expression_has_its_owner() {
    for (written, expected) in [
        ("${{ pr.labels.7 }} ${{ routes.web.uri }} ${{ pr.labels }}", ["pull-request", "team", "team"].as_slice()),
        ("${{ routes.web.uri }} ${{ pr.title }}", &["team"]),
        ("${{ pr.labels.0.x }} ${{ pr.labels.x }} ${{ pr.nothing.x }}", &["team", "team", "team"]),
        // What is computed is nowhere looked at so closely.
        ("${{ policy.nam | upper }} ${{ pr.title }}", &["pull-request"]),
        ("${{ policy.nam | upper }}", &["team"]),
    ] {
        let found = check(&[(POLICY, "${{ pr.title }}", written)]);
        let owners: Vec<&str> = found.iter().map(|finding| text(finding, "/owner")).collect();
        assert_eq!(owners, expected, "{written}: {found:#?}");
    }
}

#[test]
fn manifests_and_guardrails_have_their_places() {
    let image = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n    - {name: x, image: \"ghcr.io/acme/x:${{ pr.headSah }}\"}\n";
    let found = check(&[MANIFEST, ("extra.yaml", "", image)]);
    let message = "`${{ pr.headSah }}`: `pr` has no `headSah`: did you mean `headSha`?";
    let of_image = found.iter().find(|finding| text(finding, "/message") == message);
    let location = &of_image.unwrap_or_else(|| panic!("{found:#?}"))["location"];
    assert_eq!((location["line"].as_u64(), location["column"].as_u64()), (Some(6), Some(40)), "{found:#?}");
    assert_eq!(
        told(&[(GUARDRAILS, "acme/${{ policy.name }}.git", "acme/${{ policy.name }}/${{ policy.nam }}.git")]),
        ["guardrails.yaml:95:60 `${{ policy.nam }}`: `policy` has no `nam`: did you mean `name`?"]
    );
}

#[test]
fn what_other_programs_call_it_is_told() {
    let branch = "`pr.branch`, or `pr.branchSlug` where free text may not stand";
    for (path, message) in [
        ("github.sha", "`github.sha` is GitHub's: here it is `pr.headSha`"),
        ("github.event.number", "`github.event.number` is GitHub's: here it is `pr.number`"),
        ("github.event.pull_request.number", "`github.event.pull_request.number` is GitHub's: here it is `pr.number`"),
        ("github.head_ref", &format!("`github.head_ref` is GitHub's: here it is {branch}")),
        ("github.actor", "`github.actor` is GitHub's: here it is `pr.author`"),
        (
            "secrets.API_KEY",
            "no text holds a secret: a service gets `API_KEY` as a variable if a secret of `secrets` has it among its `keys` and the service names that in `uses`",
        ),
        (
            "databases.main.host",
            "no text holds a database's address: what names `main` in `uses` gets it as variables, and Pods of `manifests` or of an `application` read the Secret `main`",
        ),
        (
            "env.HOME",
            "nothing is called `env`: in a container's `env`, `command` and `args`, `$(HOME)` is its variable `HOME`",
        ),
        (
            "github.run_id",
            "nothing is called `github`; there is `policy`, `pr`, `preview`, `guardrails`, `routes`, `services`",
        ),
    ] {
        let found = told(&[(POLICY, "${{ pr.title }}", &format!("${{{{ {path} }}}}"))]);
        assert_eq!(found, [format!("source/preview.yaml:21:29 `${{{{ {path} }}}}`: {message}")]);
    }
}

/// A file may be another program's, with expressions of its own, and free text may not stand in it.
#[test]
fn what_stands_in_a_file_is_told_by_what_may() {
    let told = |written: &str| -> Vec<[String; 2]> {
        let file = format!("      port: 8080\n      files: {{/a: \"{written}\"}}");
        let found = check(&[(POLICY, "      port: 8080", &file)]);
        found.iter().map(|one| [text(one, "/message").to_owned(), text(one, "/help").to_owned()]).collect()
    };
    let itself = "`$${{` is the characters themselves, where the program that reads the file should find them; in place of `${NAME}` \
                  only that program can put a variable";
    for (path, help) in
        [("env.X", itself), ("secrets.TOKEN", itself), ("github.sha | upper", itself), ("routes.nope.url", "")]
    {
        let [[_, found]] = told(&format!("${{{{ {path} }}}}")).try_into().expect("one finding");
        assert_eq!(found, help, "{path}");
    }
    let stays = "is no expression and stays as it is: one is written `${{ … }}`";
    let around = "`${{ '…' }}` around these characters says that they themselves are meant";
    for (written, more) in [
        ("{{ pr.title }}", ", and free text of a pull request may not stand in a file"),
        ("${pr.branch}", ", and free text of a pull request may not stand in a file"),
        ("{{ pr.branchSlug }}", ""),
        ("{{ routes.web.url }}", ""),
    ] {
        assert_eq!(told(written), [[format!("`{written}` {stays}{more}"), around.to_owned()]]);
    }
    assert_eq!(told("${{ '{{ pr.title }}' }}"), [["", ""]; 0]);
    // Elsewhere it may.
    let found = check(&[(POLICY, "${{ pr.title }}", "{{ pr.title }}")]);
    assert_eq!(
        [text(&found[0], "/message"), text(&found[0], "/help")],
        [&format!("`{{{{ pr.title }}}}` {stays}"), around]
    );
}

/// The host of the preview's own Service is in a variable; a comment of a sample names one that all would share.
#[test]
fn addresses_in_files_are_told_apart() {
    let told = |env: &str, file: &str| -> Vec<[String; 2]> {
        let fields = format!("      port: 8080\n      files: {{/a: \"{file}\"}}");
        let env = format!("      env:\n        DB_HOST: \"{env}\"\n");
        let found = check(&[(POLICY, "      port: 8080", &fields), (POLICY, "      env:\n", &env)]);
        found.iter().map(|one| [text(one, "/code").to_owned(), text(one, "/help").to_owned()]).collect()
    };
    let address = "postgres://u@${DB_HOST}/app";
    assert_eq!(told("${{ services.web.host }}", address), [["", ""]; 0]);
    assert_eq!(told("${{ services.web.host }}", "postgres://u@${env:DB_HOST}/app"), [["", ""]; 0]);
    assert_eq!(told("web", address), [["", ""]; 0]);
    for env in ["db.acme.dev", "${{ services.web.host }}.acme.dev", "${{ services.web.port }}"] {
        assert_eq!(told(env, address), [["shared-database", ""]], "{env}");
    }
    let help = "a comment counts, too: leave out the address there";
    assert_eq!(told("x", "a: b\\n  # such as postgres://u:p@prod/app"), [["shared-database", help]]);
}

/// Kubernetes puts the host of the preview's own Service in place of `$(DB_HOST)`.
#[test]
fn a_variable_may_be_the_host_of_an_own_service() {
    for (host, expected) in [
        ("web", 0),
        ("web.storefront-pr-128.svc.cluster.local", 0),
        ("localhost", 0),
        ("${{ services.web.host }}", 0),
        ("staging", 3),
        ("web.storefront.svc", 3),
        ("${{ services.web.port }}", 3),
    ] {
        let args = "      port: 8080\n      args: [\"--dsn=postgres://u@$(DB_HOST)/app\"]";
        let env = format!("      env:\n        DB_HOST: \"{host}\"\n        DSN: postgres://u@$(DB_HOST)/app\n");
        let migrate =
            format!("migrate, deploy]\n        env: {{DB_HOST: \"{host}\", DSN: \"postgres://u@$(DB_HOST)/app\"}}\n");
        let edits = [("      port: 8080", args), ("      env:\n", &env), ("migrate, deploy]\n", &migrate)];
        let found = check(&edits.map(|(from, to)| (POLICY, from, to)));
        let codes: Vec<&str> = found.iter().map(|finding| text(finding, "/code")).collect();
        assert_eq!(codes, vec!["shared-database"; expected], "{host}");
    }
}

/// The reader of manifests says so where they are no YAML; in quotes, they are.
#[test]
fn a_helm_template_in_quotes_is_no_manifest_either() {
    let image = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  containers:\n    - {name: x, image: \"x:{{ .Values.tag }}\"}\n";
    let found = check(&[MANIFEST, ("extra.yaml", "", image)]);
    let image = found.iter().find(|finding| text(finding, "/code") == "image-outside-registries").expect("an image");
    assert_eq!(text(image, "/help"), "Helm templates are no manifests: use `application`", "{found:#?}");
}

/// A Job is another with each push, by its name; nothing else of a manifest has an expression but images.
#[test]
fn names_and_images_of_manifests_are_told_once() {
    let pod = |image: &str| {
        format!(
            "      restartPolicy: RESTART\n      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}\n      containers:\n        - {{name: x, image: \"{image}\", securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}}}\n"
        )
    };
    let job = |name: &str, image: &str| {
        let head =
            format!("apiVersion: batch/v1\nkind: Job\nmetadata: {{name: \"{name}\"}}\nspec:\n  template:\n    spec:\n");
        head + &pod(image).replace("RESTART", "Never")
    };
    let deployment = |name: &str, image: &str| {
        let head = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: \"{name}\"}}\nspec:\n  selector: {{matchLabels: {{app: x}}}}\n  template:\n    metadata: {{labels: {{app: x}}}}\n    spec:\n"
        );
        head + &pod(image).replace("RESTART", "Always")
    };
    let told = |manifest: &str| -> Vec<String> {
        let found = check(&[MANIFEST, ("extra.yaml", "", manifest)]);
        found.iter().map(|finding| text(finding, "/message").to_owned()).collect()
    };
    let [image, head] = ["ghcr.io/acme/x:${{ pr.headSha }}", "x-${{ pr.headShortSha7 }}"];
    assert_eq!(told(&job(head, image)), [""; 0]);
    assert_eq!(told(&deployment("x", image)), [""; 0]);
    // What is wrong with the name is no other mistake of the image.
    let [wrong] = told(&job("x-${{ pr.headShortSha8 }}", image)).try_into().expect("one mistake");
    assert!(wrong.starts_with("`${{ pr.headShortSha8 }}`: `pr` has no "), "{wrong}");
    let wrong_image = "ghcr.io/acme/x:${{ pr.headSah }}";
    let expected = "`${{ pr.headSah }}`: `pr` has no `headSah`: did you mean `headSha`?";
    assert_eq!(told(&job(head, wrong_image)), [expected]);
    assert_eq!(told(&job("x", wrong_image)), [expected]);
    assert_eq!(told(&deployment("x", wrong_image)), [expected]);
    assert_eq!(told(&job("x-${{ pr.headSah }}", wrong_image)), [expected; 2]);
    // Each is right, all of them are not.
    let many = told(&deployment("x", &format!("ghcr.io/acme/x:{}", "${{ pr.headSha | lower }}".repeat(101))));
    let message = "more than 100 expressions that are more than a path";
    assert!(many.iter().any(|told| told.ends_with(message)), "{many:#?}");
    let named = told(&deployment(head, image));
    assert!(named.len() == 1 && named[0].contains("`x-${{ pr.headShortSha7 }}` is no name"), "{named:#?}");
}
