//! What somebody meant who wrote something else: one mistake, one finding, and what to write.

use super::{Edit, GUARDRAILS, PARAMETERS, POLICY, check, scratch, text};

/// What `check` says of a case with edits: each finding's message and help, errors first.
fn told(edits: &[Edit]) -> Vec<String> {
    let found = check(edits);
    found.iter().map(|one| format!("{} = {}", text(one, "/message"), text(one, "/help"))).collect()
}

#[test]
fn a_field_that_is_called_otherwise_or_stands_elsewhere_is_told_once() {
    for (edit, expected) in [
        ((POLICY, "  costCenter:", "  cost_center:"), "unknown field `cost_center`: did you mean `costCenter`? = "),
        (
            (POLICY, "      port: 8080", "      ports: [8080]"),
            "unknown field `ports` = `port: 8080` is the port that it listens on; a further one is a Service among `manifests`",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      terminationGracePeriodSeconds: 60"),
            "unknown field `terminationGracePeriodSeconds` = a service has none: a Deployment among `manifests` may",
        ),
        (
            (POLICY, "      env:\n", "      environment:\n"),
            "unknown field `environment` = variables are `env: {NAME: value}`",
        ),
        (
            (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        user: 1000\n"),
            "unknown field `user` = `runAsUser: 1000` is the user that it runs as",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      imagePullPolicy: Always"),
            "unknown field `imagePullPolicy` = leave it out: a tag holds the commit, and what was pulled of that once is the same for good",
        ),
        // Compose and Kubernetes spell the same in their own ways.
        (
            (POLICY, "      port: 8080", "      port: 8080\n      image_pull_policy: Always"),
            "unknown field `image_pull_policy` = leave it out: a tag holds the commit, and what was pulled of that once is the same for good",
        ),
        (
            (POLICY, "      health: /healthz", "      healthCheck: /healthz"),
            "unknown field `healthCheck` = `health: /healthz` is the path that says whether it works",
        ),
        (
            (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        Files: [a]\n"),
            "unknown field `Files`: did you mean `files`? = ",
        ),
        (
            (POLICY, "  flags:\n", "  featureFlags:\n"),
            "unknown field `featureFlags` = `flags` are the workload's feature flags",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      volumeMounts: []"),
            "unknown field `volumeMounts` = `writable: [/data]` are folders that it may write to, `files: {/etc/nginx/nginx.conf: …}` the text \
             of files that it reads; volumes that stay are for a Deployment among `manifests`",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      configs: [x]"),
            "unknown field `configs` = `files: {/etc/nginx/nginx.conf: …}` is the text of files that it reads",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      files: {/etc/a.json: {a: b}}"),
            "found a map, expected a string = a file's text is written `PATH: |`, with its lines below, further to the right",
        ),
        (
            (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        files: [{a: b}]\n"),
            "found a map, expected a string = `files`: Files and folders of the image that are only ever added to: the migrations.",
        ),
        (
            (POLICY, "  profile: small", "  ingress: web"),
            "unknown field `ingress` = `routes` give services their hosts",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      profile: small"),
            "unknown field `profile` here: it belongs further to the left, below `spec` = ",
        ),
        (
            (POLICY, "      uses: [main]", "      secrets: [stripe]"),
            "unknown field `secrets` = what `uses` names is in the environment",
        ),
        (
            (POLICY, "      port: 8080", "      port: 8080\n      kind: x"),
            "unknown field `kind`; there is `args`, `command`, `env`, `files`, `health`, `healthPort`, `image`, `name`, `port`, `replicas`, \
             `resources`, `runAsGroup`, `runAsUser`, `startWithin`, `uses`, `writable` = ",
        ),
        (
            (POLICY, "  profile: small", "  healthPort: 80"),
            "unknown field `healthPort` here: it belongs to an item of `services` = ",
        ),
        ((POLICY, "  services:\n", "  service:\n"), "unknown field `service`: did you mean `services`? = "),
        (
            (POLICY, "metadata:\n", "ttl: 1h\nmetadata:\n"),
            "unknown field `ttl` here: it belongs below `spec`, and is there already = ",
        ),
        (
            (
                POLICY,
                "    kustomize:\n      images: [\"acme/search=ghcr.io/acme/search:${{ pr.headSha }}\"]",
                "    helm: {values: {a: b}}",
            ),
            "unknown field `values` = values are `parameters: {image.tag: …}`, or stand in files below `path` that `valueFiles` names",
        ),
        (
            (GUARDRAILS, "tls: wildcard", "tls: {clusterIssuer: a, x: y}"),
            "`x` stands beside `clusterIssuer`, which is alone = ",
        ),
    ] {
        assert_eq!(told(&[edit]), [expected], "{edit:?}");
    }
    // What there is is listed once.
    let both = told(&[(POLICY, "      port: 8080", "      xyzzy: 1\n      plugh: 2")]);
    assert!(both[0].starts_with("unknown field `xyzzy`; there is `args`, ") && both[1] == "unknown field `plugh` = ");
}

#[test]
fn a_file_of_another_kind_is_one_mistake() {
    for (file, kind, expected) in [
        (POLICY, "Deployment", "which `manifests` of the policy names"),
        (POLICY, "PreviewGuardrails", "these are the guardrails: were the two files swapped?"),
        (GUARDRAILS, "PreviewPolicy", "this is the policy: were the two files swapped?"),
    ] {
        let own = if file == POLICY { "kind: PreviewPolicy" } else { "kind: PreviewGuardrails" };
        let told = told(&[(file, own, format!("kind: {kind}").leak()), (file, "spec:\n", "spec:\n  nonsense: 1\n")]);
        assert!(told.len() == 1 && told[0].ends_with(expected), "{kind}: {told:#?}");
    }
    // No kind of another program's.
    let comment = told(&[(POLICY, "kind: PreviewPolicy", "kind: PreviewPolicy // ours")]);
    assert_eq!(comment, ["found `PreviewPolicy // ours`, expected `PreviewPolicy` = "]);
    // A slip of the pen hides nothing.
    let told = told(&[(POLICY, "kind: PreviewPolicy", "kind: PreviewPolcy"), (POLICY, "  ttl: 48h", "  tll: 48h")]);
    assert_eq!(told.len(), 2, "{told:#?}");
}

#[test]
fn nothing_and_text_are_called_so() {
    for (edit, expected) in [
        (
            (POLICY, "port: 8080", "port: \"8080\""),
            "found the text `8080`, expected a whole number = without quotes it is a whole number: `8080`",
        ),
        (
            (POLICY, "team: payments", "team:"),
            "found nothing, expected a string = `team`: Who owns the previews: a label of every object.",
        ),
        ((POLICY, "team: payments", "team: \"\""), "an empty text is not allowed here: expected at most 63 letters"),
        (
            (POLICY, "team: payments", "team: #1"),
            "found nothing, expected a string = what follows ` #` is a comment: in quotes it is text",
        ),
        (
            (POLICY, "port: 8080", "port: 99999"),
            "`99999` is not between 1 and 65535 = `port`: Where the workload listens",
        ),
        (
            (GUARDRAILS, "apiVersion: dayfly.dev/v1alpha1", "apiVersion: dayfly.dev/v1"),
            "found `dayfly.dev/v1`, expected `dayfly.dev/v1alpha1` = ",
        ),
    ] {
        let told = told(&[edit]);
        assert!(told.len() == 1 && told[0].starts_with(expected), "{edit:?}: {told:#?}");
    }
    // The private key in the public one's place is not shown.
    let key = "MC4CAQAwBQYDK2VwBCIEIH0xN1cvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";
    let edit = format!("  attestationKeys: [{key}]\n  registries:");
    let run = scratch(&[(GUARDRAILS, "  registries:", edit.leak())]).run("check", &[]);
    assert!(run.out.contains("this key is not allowed here: expected an ed25519 public key"), "{}", run.out);
    assert!(!run.out.contains("IH0xN1cv") && !run.err.contains("IH0xN1cv"), "{}{}", run.out, run.err);
}

#[test]
fn what_follows_from_a_mistake_is_no_mistake_of_its_own() {
    for (edits, code) in [
        (
            &[(PARAMETERS, "fork: false", "fork: maybe")][..],
            "the parameter `fork` is `maybe`, expected `true` or `false`",
        ),
        (&[(POLICY, "cpu: 200m", "cpu: 200")], "`worker` asks for 200 of `cpu`, above its limit"),
        (
            &[(POLICY, "cpu: 200m", "CPU: 200m")],
            "the profile `small` has no limit for `CPU`, so it cannot be asked for: did you mean `cpu`?",
        ),
        (&[(GUARDRAILS, "${{ policy.name }}-pr", "${{ policy.nmae }}-pr")], "`${{ policy.nmae }}"),
    ] {
        let told = told(edits);
        assert!(told.len() == 1 && told[0].starts_with(code), "{edits:?}: {told:#?}");
    }
}

/// What there is says more than the grammar of what there may be.
#[test]
fn a_name_that_cannot_be_is_told_which_there_are() {
    for (edit, expected) in [
        (
            (POLICY, "[stripe-sandbox, mail]", "[stripe_sandbox, mail]"),
            "the guardrails have no egress `stripe_sandbox`: did you mean `stripe-sandbox`? = ",
        ),
        (
            (POLICY, "[stripe-sandbox, mail]", "[api.stripe.com, mail]"),
            "the guardrails have no egress `api.stripe.com`: did you mean `stripe-sandbox`, which opens that host? = it holds names from \
             the guardrails' `egress`, not hosts",
        ),
        (
            (POLICY, "[stripe-sandbox, mail]", "[\"https://API.stripe.com:443/v1\", mail]"),
            "the guardrails have no egress `https://API.stripe.com:443/v1`: did you mean `stripe-sandbox`, which opens that host? = it holds \
             names from the guardrails' `egress`, not hosts",
        ),
        (
            (POLICY, "baseline: storefront", "baseline: Store.Front"),
            "the guardrails have no baseline `Store.Front`: did you mean `storefront`? = ",
        ),
        ((POLICY, "profile: small", "profile: Small"), "there is no profile `Small`: did you mean `small`? = "),
        (
            (POLICY, "access: staff", "access: \"our staff\""),
            "the guardrails have no access `our staff`; there is `staff`, `partners` = ",
        ),
        (
            (POLICY, "uses: [stripe, main]", "uses: [STRIPE, main]"),
            "there is no secret or database `STRIPE`: did you mean `stripe`? = ",
        ),
        (
            (POLICY, "service: web, access", "service: WEB, port: 80, access"),
            "there is no service `WEB`: did you mean `web`? = ",
        ),
        (
            (GUARDRAILS, "defaultProfile: small", "defaultProfile: tiny_one"),
            "there is no profile `tiny_one`; there is `small`, `large` = ",
        ),
    ] {
        let mut edits = vec![edit];
        if edit.0 == GUARDRAILS {
            edits.push((POLICY, "  profile: small\n", ""));
        }
        assert_eq!(told(&edits), [expected], "{edit:?}");
    }
}

/// Where a line with such a sign stands alone, the file is YAML.
#[test]
fn signs_that_look_like_yamls_are_told_of_a_value_too() {
    for (from, to, message, help) in [
        (
            "metadata:\n  name: storefront\n",
            "metadata:\n  name：storefront\n",
            "found `name：storefront`, expected a map: `：` (`\\u{ff1a}`) is no colon `:`",
            "write `name: storefront`",
        ),
        (
            "    - {name: web, service: web, access: staff}\n",
            "    – name：web\n",
            "found `– name：web`, expected a list: `–` (`\\u{2013}`) is no dash `-`",
            "write `- name: web`",
        ),
    ] {
        let found = check(&[(POLICY, from, to)]);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert_eq!([text(one, "/message"), text(one, "/help")], [message, help]);
    }
    let found = check(&[(POLICY, "team: payments", "team: a：b")]);
    assert!(!text(&found[0], "/message").contains("ff1a"), "{found:#?}");
}

/// What was written in another shape is written out in the one that is wanted.
#[test]
fn a_value_of_another_shape_is_told_in_its_own() {
    let list = "a list is written `[one, two]`, or an item a line with `- ` before it";
    let map = "a map is written `{name: value}`, or an entry a line, `name: value`";
    let files = "a service's files are `files: {/etc/nginx/nginx.conf: …}`, each path with the file's text";
    let port = "      port: 8080\n";
    for (from, to, help) in [
        ("uses: [stripe, main]", "uses: stripe, main", format!("{list}: here `[stripe, main]`")),
        (
            "command: [node, dist/worker.js]",
            "command: node dist/worker.js",
            format!("{list}: here `[node, dist/worker.js]`"),
        ),
        // What a shell would make of it, and what is no text, nobody knows.
        ("command: [node, dist/worker.js]", "command: node \"a b\" && x", list.to_owned()),
        ("command: [node, dist/worker.js]", "command: sleep 5", list.to_owned()),
        ("command: [node, dist/worker.js]", "command: PASSWORD=hunter2 node", list.to_owned()),
        (
            "    - {name: web, service: web, access: staff}\n",
            "    web: {service: web, access: staff}\n",
            format!("{list}: here `- name: web`"),
        ),
        (port, "      env: [{name: A, value: b}]\n", format!("{map}: here `A: …`")),
        (port, "      env: [\"A=hunter2\"]\n", format!("{map}: here `A: …`")),
        (port, "      env: [[a]]\n", map.to_owned()),
        ("new-cart: \"on\"", "new-cart:", "an empty text is written `\"\"`".to_owned()),
        (port, "      env: {NODE_ENV=production}\n", "write `NODE_ENV: …`".to_owned()),
        ("new-cart: \"on\"", "new-cart=on:", "write `new-cart: …`".to_owned()),
        ("port: 8080", "port: 8080\n      files: {/app/.keep: }", "an empty text is written `\"\"`".to_owned()),
        ("port: 8080", "port: 8080\n      files: [/a, /b]", files.to_owned()),
        ("port: 8080", "port: 8080\n      files: /etc/x", files.to_owned()),
        ("port: 8080", "port: 8080\n      files: [{path: /etc/x, content: a}]", files.to_owned()),
        (
            "migrate, deploy]\n",
            "migrate, deploy]\n        files: {/etc/app.yml: x}\n",
            "`files` of `migrate` are the paths of migrations that are only ever added to, such as `[db/migrations]`; only services \
             have files of configuration: build this program's into its image"
                .to_owned(),
        ),
        (
            "\"seed:preview\"]\n",
            "\"seed:preview\"]\n        files: {/etc/app.yml: x}\n",
            "only services have `files` of configuration: build this program's into its image".to_owned(),
        ),
    ] {
        let mut edits = vec![(POLICY, from, to)];
        if from == port {
            edits.push((POLICY, "      env:\n        PUBLIC_URL: ${{ routes.web.url }}\n        BANNER: \"Preview of ${{ pr.title }}\"\n", ""));
        }
        let found = check(&edits);
        assert_eq!(found.iter().map(|one| text(one, "/help")).collect::<Vec<_>>(), [help], "{to}");
    }
    for (file, whole, help) in [
        (POLICY, "# nothing\n", "`dayfly init` writes a policy to start from"),
        (GUARDRAILS, "", "`dayfly guardrails` prints those to start from"),
    ] {
        let scratch = scratch(&[]);
        scratch.write(file, whole);
        let found = scratch.findings();
        assert_eq!((found.len(), text(&found[0], "/help")), (1, help), "{found:#?}");
    }
}

/// What follows from a mistake is not told beside it, and what was meant is named.
#[test]
fn a_mistake_of_the_guardrails_says_what_was_meant() {
    for (from, to, expected) in [
        (
            "namespace: ${{ policy.name }}-pr-${{ pr.number }}",
            "namespace: \"{{ policy.name }}-pr-{{ pr.number }}\"",
            "`{{ policy.name }}-pr-{{ pr.number }}` does not hold both `${{ policy.name }}` and `${{ pr.number }}` = ",
        ),
        (
            "requests.cpu: \"2\"",
            "request.cpu: \"2\"",
            "the profile `small` has no quota for `requests.cpu`: previews would be unbounded; `request.cpu` counts nothing = ",
        ),
        // No container starts with so little, and no request of the team's is too much for it.
        (
            "default: {cpu: 500m, memory: 512Mi",
            "default: {cpu: 500m, memory: 512",
            "`default` of memory is 512, which are bytes = `512Mi` was probably meant",
        ),
        (
            "request: {cpu: 100m, memory: 128Mi",
            "request: {cpu: 100m, memory: 128m",
            "`defaultRequest` of memory is 128m, a fraction of a byte = `128Mi` was probably meant",
        ),
        (
            "requests.memory: 4Gi",
            "requests.memory: 4",
            "`requests.memory` is 4, which are bytes: its unit, such as `Gi`, is missing = ",
        ),
        (
            "        requests.cpu: \"2\"\n",
            "",
            "the profile `small` has no quota for `requests.cpu`: previews would be unbounded = ",
        ),
    ] {
        assert_eq!(told(&[(GUARDRAILS, from, to)]), [expected], "{to}");
    }
}
