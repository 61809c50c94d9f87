//! What every rule refuses, and the value beside it that it lets pass; what broken files say.

use std::{collections::BTreeSet, fs};

use serde_json::Value as Json;

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
    support::{Run, dayfly, root},
};
use crate::{cli::ExitCode, rules};

/// A change of a file: the first of the text is replaced by the second; where nothing is to be replaced, the second is the
/// whole file.
type Edit = (&'static str, &'static str, &'static str);

/// Who attests the storefront's baseline.
const KEYS: &str = "  attestationKeys: [MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=]\n";

/// A rule, what it refuses of the storefront, and what it does not.
struct Row {
    code: &'static str,
    owner: &'static str,
    bad: &'static [Edit],
    good: &'static [Edit],
    /// Where the finding stands: file, line and column; or the object and the pointer into it.
    place: &'static str,
}

const FREE_HOST: &str = "{name: web, service: web, access: staff}";
const APPLICATION: &str = "  application:\n    path: deploy/overlays/preview\n    kustomize:\n      images: [\"acme/search=ghcr.io/acme/search:${{ pr.headSha }}\"]\n";
const SYNTHETIC: &str = "      provider: postgres\n      database: storefront_synthetic\n      endpoint: {namespace: databases, podLabels: {app: postgres}, port: 5432}\n";
const EMBEDDED: &str = "      provider: embedded\n      image: ghcr.io/acme/baseline@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\n";
/// A server of the preview's own, whose Jobs run beside it.
const OWN: [Edit; 3] = [
    (POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"),
    (GUARDRAILS, SYNTHETIC, EMBEDDED),
    (GUARDRAILS, "    credentials: dayfly-database-admin\n", "    apiServer: {cidrs: [192.0.2.1/32]}\n"),
];
const STEPS: &str = "      migrate:\n        image: ghcr.io/acme/storefront:${{ pr.headSha }}\n        command: [npx, prisma, migrate, deploy]\n      seed:\n        image: ghcr.io/acme/storefront:${{ pr.headSha }}\n        command: [npm, run, \"seed:preview\"]\n";
const CNPG: &str = "      provider: cnpg\n      image: ghcr.io/acme/postgresql@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\n      database: app\n      cluster: {driver: ebs.csi.aws.com, snapshot: snap-1, size: 1Gi}\n";
const DUMPED: &str = "      provider: embedded\n      image: ghcr.io/acme/baseline@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\n      dump: ghcr.io/acme/dump@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\n";
const MANIFEST: Edit = (POLICY, APPLICATION, "  manifests: [extra.yaml]\n");
const WEB_IMAGE: &str = "ghcr.io/acme/storefront:${{ pr.headSha }}";

/// A Deployment that breaks no rule.
macro_rules! deployment {
    ($pod:literal) => {
        concat!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: extra}\nspec:\n  selector: {matchLabels: {app: extra}}\n",
            "  template:\n    metadata: {labels: {app: extra}}\n    spec:\n",
            $pod,
            "      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n      containers:\n",
            "        - name: extra\n          image: ghcr.io/acme/extra:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938\n",
            "          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n"
        )
    };
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    Row { code: "access-not-enforceable", owner: "platform", place: "guardrails.yaml:49:12",
        bad: &[(GUARDRAILS, "{cidrs: [10.0.0.0/8, 127.0.0.0/8]}", "{}")],
        good: &[(GUARDRAILS, "{cidrs: [10.0.0.0/8, 127.0.0.0/8]}", "{public: true}")] },
    Row { code: "access-not-enforceable", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "implementation: Traefik", "implementation: Standard")],
        good: &[(GUARDRAILS, "implementation: Traefik", "implementation: Envoy")] },
    Row { code: "application-source", owner: "team", place: "source/preview.yaml:30:17",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme-evil/x.git")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/x.git")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/../evil/repo.git\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/..evil/repo.git")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/%2e%2e/evil/repo.git\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/2e2e/repo.git")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/x.git?y\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/x.git/")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/x@evil.io/y\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/x/evil.io/y")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme//evil\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/evil")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/./x.git\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/.x.git")] },
    Row { code: "application-source", owner: "team", place: "",
        bad: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: \"https://github.com/acme/x#y\"")],
        good: &[(GUARDRAILS, "    project:", "    repositories: [https://github.com/acme/]\n    project:"),
            (POLICY, "path: deploy/overlays/preview", "path: deploy\n    repository: https://github.com/acme/x-y")] },
    Row { code: "argocd-source-override", owner: "team", place: "source/.argocd-source-storefront.yaml:null:null",
        bad: &[(".argocd-source-storefront.yaml", "", "plugin: {name: evil}")],
        good: &[("argocd-source.yaml", "", "plugin: {name: evil}")] },
    Row { code: "bad-expression", owner: "team", place: "source/preview.yaml:20:21",
        bad: &[(POLICY, "${{ routes.web.url }}", "${{ routes.wbe.url }}")],
        good: &[(POLICY, "${{ routes.web.url }}", "${{ routes['web'].host | upper }}")] },
    Row { code: "bad-expression", owner: "team", place: "",
        bad: &[(POLICY, "dist/worker.js", "\"${{ pr.title }}\"")],
        good: &[(POLICY, "dist/worker.js", "\"${{ pr.branchSlug }}\"")] },
    Row { code: "baseline-incomplete", owner: "platform", place: "guardrails.yaml:67:7",
        bad: &[(GUARDRAILS, "      database: storefront_baseline\n", "")],
        good: &[(GUARDRAILS, "      database: storefront_baseline\n", "      database: \"storefront_baseline\"\n")] },
    Row { code: "baseline-incomplete", owner: "platform", place: "guardrails.yaml:83:5",
        bad: &[OWN[0], OWN[1]],
        good: &OWN },
    Row { code: "baseline-incomplete", owner: "platform", place: "guardrails.yaml:67:7",
        bad: &[(GUARDRAILS, "      database: storefront_baseline\n", "      database: storefront_baseline\n      dump: ghcr.io/acme/dump@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945\n")],
        good: &[(POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"), (GUARDRAILS, SYNTHETIC, DUMPED),
            (GUARDRAILS, "    credentials: dayfly-database-admin\n", "    apiServer: {cidrs: [192.0.2.1/32]}\n")] },
    Row { code: "attestation-unchecked", owner: "platform", place: "",
        bad: &[(POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"), (GUARDRAILS, KEYS, ""),
            (GUARDRAILS, "      synthetic: {by: seed-scripts}\n", "      sanitized: {by: masking-job, maxAge: 7d}\n")],
        good: &[(POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"), (GUARDRAILS, KEYS, "")] },
    Row { code: "baseline-not-attested", owner: "platform", place: "guardrails.yaml:71:9",
        bad: &[(GUARDRAILS, "        by: masking-job\n", "        by: somebody\n")],
        good: &[(GUARDRAILS, "        maxAge: 7d\n", "        maxAge: 3d\n")] },
    Row { code: "baseline-not-attested", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "      database: storefront_baseline\n", "      database: storefront_live\n")],
        good: &[(GUARDRAILS, "      database: storefront_synthetic\n", "      database: other_synthetic\n")] },
    Row { code: "baseline-not-attested", owner: "platform", place: "",
        bad: &[(GUARDRAILS, KEYS, "")],
        good: &[(GUARDRAILS, "  attestationKeys: [", "  attestationKeys: [MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=, ")] },
    Row { code: "baseline-not-sanitized", owner: "platform", place: "guardrails.yaml:79:7",
        bad: &[(POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"),
            (GUARDRAILS, "      synthetic: {by: seed-scripts}\n", "")],
        good: &[(POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n"),
            (GUARDRAILS, "      synthetic: {by: seed-scripts}\n", "      schemaOnly: true\n")] },
    Row { code: "baseline-not-sanitized", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "      sanitized:\n", "      schemaOnly: true\n      sanitized:\n")],
        good: &[(GUARDRAILS, "      sanitized:\n", "      schemaOnly: false\n      sanitized:\n")] },
    Row { code: "duplicate-key", owner: "team", place: "source/preview.yaml:10:3",
        bad: &[(POLICY, "  ttl: 48h\n", "  ttl: 48h\n  ttl: 48h\n")],
        good: &[(POLICY, "  ttl: 48h\n", "  ttl: 48h\n  # ttl: 48h\n")] },
    Row { code: "duplicate-name", owner: "team", place: "",
        bad: &[(POLICY, "- name: worker", "- name: web")],
        good: &[(POLICY, "- name: worker", "- name: web2")] },
    Row { code: "duplicate-name", owner: "team", place: "",
        bad: &[(POLICY, "    - name: stripe\n", "    - name: main-direct\n"), (POLICY, "[stripe, main]", "[main-direct, main]")],
        good: &[(POLICY, "    - name: stripe\n", "    - name: main-indirect\n"), (POLICY, "[stripe, main]", "[main-indirect, main]")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:13:15",
        bad: &[(POLICY, "    price-engine: v2\n", "    new.cart: v2\n")],
        good: &[(POLICY, "    price-engine: v2\n", "    newcart: v2\n")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:25:28",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "writable: [/a, /tmp, /a]")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "writable: [/a, /tmp, /a/b]")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:34:28",
        bad: &[(POLICY, "egress: [stripe-sandbox, mail]", "egress: [stripe-sandbox, stripe-sandbox]")],
        good: &[(POLICY, "egress: [stripe-sandbox, mail]", "egress: [stripe-sandbox]")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:34:7",
        bad: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, host: x-storefront-pr-128.preview.acme.dev}\n    - {name: x, service: web, access: partners}")],
        good: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff}\n    - {name: x, service: web, access: partners}")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:23:13",
        bad: &[OWN[0], OWN[1], OWN[2], (POLICY, "- name: worker", "- name: database-main")],
        good: &[OWN[0], OWN[1], OWN[2], (POLICY, "- name: worker", "- name: database-main-rw")] },
    Row { code: "duplicate-name", owner: "team", place: "source/preview.yaml:23:13",
        bad: &[OWN[0], (GUARDRAILS, SYNTHETIC, CNPG), OWN[2], (POLICY, "- name: worker", "- name: database-main-rw")],
        good: &[OWN[0], (GUARDRAILS, SYNTHETIC, CNPG), OWN[2], (POLICY, "- name: worker", "- name: database-main")] },
    Row { code: "duplicate-object", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: preview}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: preview2}\n")] },
    Row { code: "egress-closed", owner: "platform", place: "guardrails.yaml:54:21",
        bad: &[(GUARDRAILS, "fqdn: PublicInternet", "fqdn: Closed")],
        good: &[(GUARDRAILS, "fqdn: PublicInternet", "fqdn: Cilium")] },
    Row { code: "egress-incomplete", owner: "platform", place: "guardrails.yaml:54:21",
        bad: &[(GUARDRAILS, "{fqdn: api.stripe.com, port: 443}", "{port: 443}")],
        good: &[(GUARDRAILS, "{fqdn: api.stripe.com, port: 443}", "{cidrs: [198.51.100.0/24], port: 443}")] },
    Row { code: "forbidden-output", owner: "platform", place: "Deployment/web /metadata/finalizers",
        bad: &[(GUARDRAILS, "spec: {revisionHistoryLimit: 2}", "metadata: {finalizers: [acme.dev/x]}")],
        good: &[(GUARDRAILS, "spec: {revisionHistoryLimit: 2}", "metadata: {annotations: {acme.dev/x: \"1\"}}")] },
    Row { code: "host-of-another-preview", owner: "team", place: "source/preview.yaml:33:54",
        bad: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, host: web-storefront-pr-129.preview.acme.dev}")],
        good: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, host: web-storefront-pr-128.preview.acme.dev}")] },
    Row { code: "host-outside-domain", owner: "team", place: "",
        bad: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, host: web-storefront-pr-128.x.preview.acme.dev}")],
        good: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, host: x-storefront-pr-128.preview.acme.dev}")] },
    Row { code: "host-outside-domain", owner: "platform", place: "HTTPRoute/web /spec/hostnames/0",
        bad: &[(GUARDRAILS, "    - target: {kind: Deployment}\n      merge:\n        spec: {revisionHistoryLimit: 2}", "    - target: {kind: HTTPRoute}\n      merge:\n        spec: {hostnames: [acme.dev]}")],
        good: &[(GUARDRAILS, "    - target: {kind: Deployment}\n      merge:\n        spec: {revisionHistoryLimit: 2}", "    - target: {kind: HTTPRoute}\n      merge:\n        spec: {hostnames: [web-storefront-pr-128.preview.acme.dev]}")] },
    Row { code: "image-mutable-tag", owner: "team", place: "source/preview.yaml:16:14",
        bad: &[(POLICY, WEB_IMAGE, "ghcr.io/acme/storefront:latest")],
        good: &[(POLICY, WEB_IMAGE, "ghcr.io/acme/storefront:pr-${{ pr.headShortSha }}")] },
    Row { code: "image-outside-registries", owner: "team", place: "",
        bad: &[(POLICY, WEB_IMAGE, "ghcr.io/acme-evil/storefront:${{ pr.headSha }}")],
        good: &[(POLICY, WEB_IMAGE, "ghcr.io/acme/evil/storefront:${{ pr.headSha }}")] },
    Row { code: "ingress-incomplete", owner: "platform", place: "guardrails.yaml:42:5",
        bad: &[(GUARDRAILS, "    gateway: previews/public\n", "")],
        good: &[(GUARDRAILS, "    gateway: previews/public\n", "    gateway: other/public\n")] },
    Row { code: "input-limit", owner: "team", place: "",
        bad: &[(POLICY, "\"on\"", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]")],
        good: &[(POLICY, "\"on\"", "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"")] },
    Row { code: "invalid-parameter", owner: "pull-request", place: "parameters.yaml:1:9",
        bad: &[(PARAMETERS, "number: 128", "number: -128")],
        good: &[(PARAMETERS, "number: 128", "number: \"129\"")] },
    Row { code: "invalid-parameter", owner: "pull-request", place: "",
        bad: &[(PARAMETERS, "head_sha: 3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "head_sha: 3F9C1E7")],
        good: &[(PARAMETERS, "head_sha: 3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "head_sha: 1234567e1")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:9:8",
        bad: &[(POLICY, "ttl: 48h", "ttl: 48 h")],
        good: &[(POLICY, "ttl: 48h", "ttl: 47h30m")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:17:13",
        bad: &[(POLICY, "port: 8080", "port: 0")],
        good: &[(POLICY, "port: 8080", "port: 1")] },
    Row { code: "invalid-value", owner: "platform", place: "guardrails.yaml:54:50",
        bad: &[(GUARDRAILS, "{fqdn: api.stripe.com, port: 443}", "{fqdn: api.stripe.com, port: 65536}")],
        good: &[(GUARDRAILS, "{fqdn: api.stripe.com, port: 443}", "{fqdn: api.stripe.com, port: 65535}")] },
    Row { code: "invalid-value", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "  operations:\n", "  operations:\n    sweepShare: 250\n")],
        good: &[(GUARDRAILS, "  operations:\n", "  operations:\n    sweepShare: 25\n")] },
    Row { code: "invalid-value", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "ghcr.io/acme/dayfly@sha256:", "ghcr.io/acme/dayfly:sha256-")],
        good: &[(GUARDRAILS, "ghcr.io/acme/dayfly@sha256:", "ghcr.io/acme/dayfly:v1@sha256:")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:33:54",
        bad: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, path: /a/../b}")],
        good: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, path: /a..b/}")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:25:18",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "writable: [/]")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "writable: [/data]")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:18:15",
        bad: &[(POLICY, "health: /healthz", "health: ''")],
        good: &[(POLICY, "health: /healthz", "health: /")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:18:15",
        bad: &[(POLICY, "health: /healthz", "health: \"/a b\"")],
        good: &[(POLICY, "health: /healthz", "health: \"/a%20b?full=1\"")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:18:15",
        bad: &[(POLICY, "health: /healthz", "health: \"${{ '/a' ~ '\\n' }}\"")],
        good: &[(POLICY, "health: /healthz", "health: \"${{ '/a' ~ 'b' }}\"")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:25:18",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "runAsUser: 0")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "runAsUser: 1")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:25:18",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "runAsUser: 2147483648")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "runAsUser: 2147483647")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:36:27",
        bad: &[(POLICY, "  secrets:\n", "  secrets:\n    - {name: empty, keys: {}}\n")],
        good: &[(POLICY, "  secrets:\n", "  secrets:\n    - {name: full, keys: {A: storefront/x}}\n")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:44:18",
        bad: &[(POLICY, "[npx, prisma, migrate, deploy]", "[]")],
        good: &[(POLICY, "[npx, prisma, migrate, deploy]", "[npx]")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:47:18",
        bad: &[(POLICY, "[npm, run, \"seed:preview\"]", "[]")],
        good: &[(POLICY, "[npm, run, \"seed:preview\"]", "[npm]")] },
    Row { code: "invalid-value", owner: "team", place: "source/preview.yaml:21:17",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "a\\0b")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "a\\tb")] },
    Row { code: "bad-expression", owner: "team", place: "source/preview.yaml:21:17",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "${{ 'a\\\\u0000b' }}x")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "${{ 'a0b' }}x")] },
    Row { code: "label-not-offered", owner: "pull-request", place: "parameters.yaml:10:9",
        bad: &[(PARAMETERS, "preview/ttl=72h", "preview/ttl=73h")],
        good: &[(PARAMETERS, "preview/ttl=72h", "preview/ttl=24h")] },
    Row { code: "limit-range", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "request: {cpu: 100m, memory: 128Mi", "request: {cpu: 501m, memory: 128Mi")],
        good: &[(GUARDRAILS, "request: {cpu: 100m, memory: 128Mi", "request: {cpu: 500m, memory: 128Mi")] },
    Row { code: "limit-range", owner: "platform", place: "guardrails.yaml:28:20",
        bad: &[OWN[0], OWN[1], OWN[2], (GUARDRAILS, "        max: {", "        min: {cpu: 51m}\n        max: {")],
        good: &[OWN[0], OWN[1], OWN[2], (GUARDRAILS, "        max: {", "        min: {cpu: 50m}\n        max: {")] },
    Row { code: "limit-range", owner: "platform", place: "guardrails.yaml:28:20",
        bad: &[OWN[0], OWN[1], OWN[2], (GUARDRAILS, "default: {cpu: 500m", "default: {cpu: 499m"), (GUARDRAILS, "max: {cpu: \"2\"", "max: {cpu: 499m")],
        good: &[OWN[0], OWN[1], OWN[2], (GUARDRAILS, "max: {cpu: \"2\"", "max: {cpu: 500m")] },
    Row { code: "manifest-annotation", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {argocd.argoproj.io/hook: PreSync}}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, annotations: {acme.dev/hook: PreSync}}\n")] },
    Row { code: "manifest-file", owner: "team", place: "source/preview.yaml:28:15",
        bad: &[(POLICY, APPLICATION, "  manifests: [extra*.yaml]\n")],
        good: &[(POLICY, APPLICATION, "  manifests: [extra*.yaml]\n"), ("extra-1.yaml", "", "---\n")] },
    Row { code: "manifest-kind", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: x}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")] },
    Row { code: "manifest-namespace", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: storefront-pr-129}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: storefront-pr-128}\n")] },
    Row { code: "manifest-annotation", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: Service\nmetadata: {name: x, labels: {dayfly.dev/database-job: \"true\"}}\nspec: {ports: [{port: 80}]}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: Service\nmetadata: {name: x, labels: {database-job: \"true\"}}\nspec: {ports: [{port: 80}]}\n")] },
    Row { code: "manifest-annotation", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", deployment!("      volumes: [{name: a, ephemeral: {volumeClaimTemplate: {metadata: {annotations: {argocd.argoproj.io/hook: PreSync}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]\n"))],
        good: &[MANIFEST, ("extra.yaml", "", deployment!("      volumes: [{name: a, ephemeral: {volumeClaimTemplate: {metadata: {annotations: {acme.dev/hook: PreSync}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}}]\n"))] },
    Row { code: "manifest-secret", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", deployment!("      volumes: [{name: a, secret: {secretName: main-direct}}]\n"))],
        good: &[MANIFEST, ("extra.yaml", "", deployment!("      volumes: [{name: a, secret: {secretName: main}}]\n"))] },
    Row { code: "manifest-service", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {type: LoadBalancer, ports: [{port: 80}]}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nspec: {type: ClusterIP, ports: [{port: 80}]}\n")] },
    Row { code: "missing-field", owner: "team", place: "source/preview.yaml:25:15",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "health: /healthz")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "port: 8081\n      health: /healthz")] },
    Row { code: "missing-field", owner: "team", place: "source/preview.yaml:7:3",
        bad: &[(POLICY, "  team: payments\n", "")],
        good: &[(POLICY, "  team: payments\n", "  team: p\n")] },
    Row { code: "namespace-invalid", owner: "platform", place: "guardrails.yaml:8:14",
        bad: &[(GUARDRAILS, "namespace: ${{", "namespace: PR-${{")],
        good: &[(GUARDRAILS, "namespace: ${{", "namespace: pr-${{")] },
    Row { code: "namespace-not-unique", owner: "platform", place: "guardrails.yaml:8:14",
        bad: &[(GUARDRAILS, "${{ policy.name }}-pr-${{ pr.number }}", "${{ policy.name }}${{ pr.number }}")],
        good: &[(GUARDRAILS, "${{ policy.name }}-pr-${{ pr.number }}", "${{ policy.name }}-${{ pr.number }}")] },
    Row { code: "namespace-not-unique", owner: "platform", place: "guardrails.yaml:8:14",
        bad: &[(GUARDRAILS, "${{ policy.name }}-pr-${{ pr.number }}", "${{ pr.branchSlug }}-${{ policy.name }}-pr-${{ pr.number }}")],
        good: &[(GUARDRAILS, "${{ policy.name }}-pr-${{ pr.number }}", "x-${{ policy.name }}-pr-${{ pr.number }}")] },
    Row { code: "not-provided", owner: "team", place: "",
        bad: &[(GUARDRAILS, "  secrets:\n    store: ClusterSecretStore/previews\n    prefix: preview/\n    refresh: 1h\n", "")],
        good: &[(GUARDRAILS, "    refresh: 1h\n", "")] },
    Row { code: "not-yaml", owner: "team", place: "",
        bad: &[(POLICY, "ttl: 48h", "ttl: {48h")],
        good: &[(POLICY, "ttl: 48h", "ttl: '48h'")] },
    Row { code: "not-yaml", owner: "platform", place: "guardrails.yaml:10:8",
        bad: &[(GUARDRAILS, "ttl: {default: 24h, max: 168h}", "ttl: !ttl {default: 24h, max: 168h}")],
        good: &[(GUARDRAILS, "ttl: {default: 24h, max: 168h}", "ttl: !!map {default: 24h, max: !!str 168h}")] },
    Row { code: "over-quota", owner: "team", place: "",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 7")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 6")] },
    // Without migrate and seed there is no Job in the preview.
    Row { code: "over-quota", owner: "team", place: "source/preview.yaml:15:5",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 8"), (POLICY, STEPS, "")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 7"), (POLICY, STEPS, "")] },
    // Beside it: the server, dayfly's Job, and that of migrate and seed.
    Row { code: "over-quota", owner: "team", place: "",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 5"), OWN[0], OWN[1], OWN[2]],
        good: &[(POLICY, "command: [node, dist/worker.js]", "replicas: 4"), OWN[0], OWN[1], OWN[2]] },
    Row { code: "patch", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "merge:\n        spec: {revisionHistoryLimit: 2}", "json: [{op: remove, path: /spec/paused}]")],
        good: &[(GUARDRAILS, "merge:\n        spec: {revisionHistoryLimit: 2}", "json: [{op: remove, path: /spec/strategy}]")] },
    Row { code: "pod-placement", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", deployment!("      nodeName: node-1\n"))],
        good: &[MANIFEST, ("extra.yaml", "", deployment!("      terminationGracePeriodSeconds: 1\n"))] },
    Row { code: "pod-placement", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 0, selector: {}}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 1, selector: {}}\n")] },
    Row { code: "pod-security", owner: "team", place: "Deployment/extra /spec/template/spec/hostNetwork",
        bad: &[MANIFEST, ("extra.yaml", "", deployment!("      hostNetwork: true\n"))],
        good: &[MANIFEST, ("extra.yaml", "", deployment!("      hostNetwork: false\n"))] },
    Row { code: "policy-name-reserved", owner: "team", place: "source/preview.yaml:5:9",
        bad: &[(POLICY, "name: storefront\nspec", "name: local\nspec")],
        good: &[(POLICY, "name: storefront\nspec", "name: locals\nspec")] },
    Row { code: "resource-quota", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "pods: 15", "podz: 15")],
        good: &[(GUARDRAILS, "pods: 15", "persistentvolumeclaims: 0")] },
    Row { code: "secret-outside-prefix", owner: "team", place: "source/preview.yaml:38:21",
        bad: &[(POLICY, "storefront/stripe-sandbox#api_key", "storefront/../../prod#api_key")],
        good: &[(POLICY, "storefront/stripe-sandbox#api_key", "storefront/..prod#api_key")] },
    Row { code: "secret-store-unclear", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "ClusterSecretStore/previews", "SecretStore/previews")],
        good: &[(GUARDRAILS, "ClusterSecretStore/previews", "ClusterSecretStore/other")] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "postgres://db.acme.dev/shop")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "https://db.acme.dev/shop")] },
    Row { code: "shared-database", owner: "team", place: "source/preview.yaml:21:17",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "postgresql+psycopg2://u:p@staging/app")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "postgresql+psycopg2://u:p@web/app")] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "cockroachdb://staging/app")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "cockroachdb://web.storefront-pr-128.svc/app")] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[(POLICY, "Preview of ${{ pr.title }}", "${{ 'postgres' ~ '://u@staging/app' }}")],
        good: &[(POLICY, "Preview of ${{ pr.title }}", "postgres://u@${{ services.web.host }}/app"), (PARAMETERS, "Cart: keep", "postgres://u@staging")] },
    Row { code: "shared-database", owner: "team", place: "source/preview.yaml:25:23",
        bad: &[(POLICY, "[node, dist/worker.js]", "[node, \"--dsn=mysql://staging/app\"]")],
        good: &[(POLICY, "[node, dist/worker.js]", "[node, \"--dsn=mysql://localhost/app\"]")] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[(POLICY, "command: [node, dist/worker.js]", "args: [\"psql postgres://u@staging/app\"]")],
        good: &[(POLICY, "command: [node, dist/worker.js]", "args: [psql $(DATABASE_URL)]")] },
    Row { code: "shared-database", owner: "team", place: "source/preview.yaml:12:15",
        bad: &[(POLICY, "new-cart: \"on\"", "new-cart: \"jdbc:oracle:thin:@staging:1521/app\"")],
        good: &[(POLICY, "new-cart: \"on\"", "new-cart: \"postgres and ${{ pr.title }}\""), (PARAMETERS, "Cart: keep", "postgres://u@staging")] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", concat!(deployment!(""), "          env: [{name: A, value: \"postgres://staging/app\"}]\n"))],
        good: &[MANIFEST, ("extra.yaml", "", concat!(deployment!(""), "          env: [{name: A, value: \"postgres://web/app\"}]\n"))] },
    Row { code: "shared-database", owner: "team", place: "",
        bad: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {app.ini: \"url = mysql://staging/app\"}\n")],
        good: &[MANIFEST, ("extra.yaml", "", "apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {ports: [{port: 80}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {app.ini: \"url = mysql://db/app\"}\n")] },
    Row { code: "template", owner: "platform", place: "",
        bad: &[(GUARDRAILS, "  patches:", "  templates: templates\n  patches:"), ("templates/x.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: \"${{ namspace }}\"}\n")],
        good: &[(GUARDRAILS, "  patches:", "  templates: templates\n  patches:"), ("templates/x.yaml", "", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: \"${{ namespace }}\"}\n")] },
    Row { code: "template", owner: "platform", place: "templates/x.yaml:1:1",
        bad: &[(GUARDRAILS, "  patches:", "  templates: templates\n  patches:"), ("templates/x.yaml", "", "$if: x\n")],
        good: &[(GUARDRAILS, "  patches:", "  templates: templates\n  patches:"), ("templates/x.yaml", "", "$when: ${{ '' }}\n")] },
    Row { code: "ttl-bounds", owner: "platform", place: "guardrails.yaml:10:18",
        bad: &[(GUARDRAILS, "{default: 24h, max: 168h}", "{default: 169h, max: 168h}")],
        good: &[(GUARDRAILS, "{default: 24h, max: 168h}", "{default: 1w, max: 168h}")] },
    Row { code: "ttl-clamped", owner: "pull-request", place: "parameters.yaml:10:9",
        bad: &[(GUARDRAILS, "max: 168h", "max: 71h")],
        good: &[(GUARDRAILS, "max: 168h", "max: 3d")] },
    Row { code: "ttl-clamped", owner: "team", place: "source/preview.yaml:9:8",
        bad: &[(POLICY, "ttl: 48h", "ttl: 8d"), (PARAMETERS, ", \"preview/ttl=72h\"", "")],
        good: &[(POLICY, "ttl: 48h", "ttl: 7d"), (PARAMETERS, ", \"preview/ttl=72h\"", "")] },
    Row { code: "unbounded-profile", owner: "platform", place: "guardrails.yaml:17:7",
        bad: &[(GUARDRAILS, "        limits.memory: 8Gi\n", "")],
        good: &[(GUARDRAILS, "        limits.cpu: \"4\"\n", "")] },
    Row { code: "unbounded-request", owner: "team", place: "source/preview.yaml:26:24",
        bad: &[(POLICY, "cpu: 200m", "cpu: 501m")],
        good: &[(POLICY, "cpu: 200m", "cpu: \"0.5\"")] },
    Row { code: "unbounded-request", owner: "team", place: "source/preview.yaml:26:38",
        bad: &[(GUARDRAILS, "        max: {", "        min: {memory: 100Mi}\n        max: {"), (POLICY, "memory: 256Mi", "memory: 99Mi")],
        good: &[(GUARDRAILS, "        max: {", "        min: {memory: 100Mi}\n        max: {"), (POLICY, "memory: 256Mi", "memory: 100Mi")] },
    Row { code: "unknown-baseline", owner: "team", place: "",
        bad: &[(POLICY, "baseline: storefront", "baseline: storefrnt")],
        good: &[(POLICY, "baseline: storefront", "baseline: storefront-synthetic")] },
    Row { code: "unknown-field", owner: "team", place: "source/preview.yaml:9:3",
        bad: &[(POLICY, "  ttl: 48h", "  tll: 48h")],
        good: &[(POLICY, "  ttl: 48h", "  'ttl': 48h")] },
    Row { code: "unknown-field", owner: "pull-request", place: "parameters.yaml:11:6",
        bad: &[(PARAMETERS, "fork: false", "frk: false\nfork: false")],
        good: &[(PARAMETERS, "fork: false", "\"fork\": false")] },
    Row { code: "unknown-profile", owner: "team", place: "source/preview.yaml:10:12",
        bad: &[(POLICY, "profile: small", "profile: medium")],
        good: &[(POLICY, "profile: small", "profile: large")] },
    Row { code: "unknown-reference", owner: "team", place: "source/preview.yaml:34:12",
        bad: &[(POLICY, "egress: [stripe-sandbox, mail]", "egress: [stripe, mail]")],
        good: &[(POLICY, "egress: [stripe-sandbox, mail]", "egress: [mail]")] },
    Row { code: "unknown-reference", owner: "team", place: "source/preview.yaml:33:54",
        bad: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, port: 80}")],
        good: &[(POLICY, FREE_HOST, "{name: web, service: web, access: staff, port: 8080}")] },
    Row { code: "untrusted-pull-request", owner: "pull-request", place: "parameters.yaml:11:7",
        bad: &[(PARAMETERS, "fork: false", "fork: \"true\"")],
        good: &[(PARAMETERS, "fork: false", "fork: \"false\"")] },
    Row { code: "withheld", owner: "pull-request", place: "",
        bad: &[(PARAMETERS, "fork: false\n", "")],
        good: &[(PARAMETERS, "fork: false\n", ""), (GUARDRAILS, "unknown: restricted", "unknown: full")] },
    Row { code: "wrong-type", owner: "team", place: "source/preview.yaml:17:13",
        bad: &[(POLICY, "port: 8080", "port: \"8080\"")],
        good: &[(POLICY, "port: 8080", "port: 0x1F90")] },
];

fn scratch(edits: &[Edit]) -> Scratch {
    let scratch = Scratch::new("storefront");
    for (file, from, to) in edits {
        if from.is_empty() {
            scratch.write(file, to);
        } else {
            scratch.replace(file, from, to);
        }
    }
    scratch
}

/// What `check` found, and where.
fn findings(run: &Run) -> Vec<Json> {
    serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}{}", run.out, run.err))
}

fn text<'f>(finding: &'f Json, pointer: &str) -> &'f str {
    finding.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

fn codes(findings: &[Json]) -> BTreeSet<String> {
    findings.iter().map(|finding| text(finding, "/code").to_owned()).collect()
}

/// `FILE:LINE:COLUMN`, or `OBJECT POINTER`.
fn place(finding: &Json) -> String {
    let location = &finding["location"];
    match text(location, "/object") {
        "" => format!("{}:{}:{}", text(location, "/file"), location["line"], location["column"]),
        object => format!("{object} {}", text(location, "/pointer")),
    }
}

#[test]
fn every_rule_refuses_what_it_says_and_nothing_beside_it() {
    let mut misplaced = Vec::new();
    for (index, row) in TABLE.iter().enumerate() {
        let what = format!("row {index}, {}", row.code);
        let bad = scratch(row.bad);
        let found = findings(&bad.run("check", &["--format", "json"]));
        assert_eq!(codes(&found), BTreeSet::from([row.code.to_owned()]), "{what}: {found:#?}");
        assert!(found.iter().all(|finding| text(finding, "/owner") == row.owner), "{what}: {found:#?}");
        if !row.place.is_empty() && !found.iter().any(|finding| place(finding) == row.place) {
            misplaced.push(format!(
                "{what}: not at {}, but {:?}",
                row.place,
                found.iter().map(place).collect::<Vec<_>>()
            ));
        }
        let good = findings(&scratch(row.good).run("check", &["--format", "json"]));
        assert_eq!(codes(&good), BTreeSet::new(), "{what}, the good one: {good:#?}");
    }
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}

#[test]
fn every_rule_is_in_the_table() {
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.code).collect();
    let rules = rules::ALL.iter().map(|rule| rule.code);
    // Rendering knows no time.
    let rules: BTreeSet<&str> = rules.filter(|code| *code != "attestation-too-old").collect();
    assert_eq!(rows, rules);
}

/// The storefront's baseline was attested on the 20th at two, for seven days; before, that is the future.
#[test]
fn an_attestation_ages() {
    for (time, is_old) in
        [("2026-11-20T01:00:00Z", true), ("2026-11-27T01:00:00Z", false), ("2026-11-27T03:00:00Z", true)]
    {
        let run = scratch(&[]).run("check", &["--format", "json", "--at", time]);
        assert_eq!(run.out.contains("attestation-too-old"), is_old, "{time}: {}", run.out);
        assert_eq!(run.code == ExitCode::Findings, is_old, "{time}");
    }
    let run = scratch(&[]).run("check", &["--at", "yesterday"]);
    assert_eq!(run.code, ExitCode::CannotRun);
}

/// What a finding comes to on the command line: nothing, all, or the quarantine, and the exit code of each.
#[test]
fn owners_decide_what_is_rendered() {
    for row in TABLE {
        let run = scratch(row.bad).run("render", &["-o", "ndjson"]);
        let rule = rules::ALL.iter().find(|rule| rule.code == row.code).expect("a rule");
        let warning = rule.severity == crate::finding::Severity::Warning;
        assert!(!run.err.is_empty(), "{}", row.code);
        assert!(run.err.contains(&format!("[{}]", row.code)), "{}: {}", row.code, run.err);
        assert_eq!(run.code == ExitCode::Fine, warning, "{}", row.code);
        let quarantined = run.out.contains("\"name\":\"dayfly-findings\"");
        let nothing = run.out.is_empty();
        match (warning, row.owner) {
            (true, _) => assert!(!nothing && !quarantined, "{}", row.code),
            (false, "pull-request") => assert!(quarantined, "{}: {}", row.code, run.out),
            (false, _) => assert!(nothing, "{}: {}", row.code, run.out),
        }
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let scratch = scratch(&[
        (POLICY, "ttl: 48h", "ttl: soon"),
        (POLICY, "  profile: small", "  profil: small"),
        (POLICY, "port: 8080", "port: eighty"),
        (POLICY, "      baseline: storefront\n", ""),
        (GUARDRAILS, "tls: wildcard", "tls: {clusterIsuer: letsencrypt}"),
        (GUARDRAILS, "fqdn: PublicInternet", "fqdn: publicInternet"),
        (GUARDRAILS, "10.0.0.0/8, ", "10.0.0.0/33], cidrs: ["),
    ]);
    let run = scratch.run("check", &["--format", "json"]);
    let found = findings(&run);
    let places: Vec<String> =
        found.iter().map(|finding| format!("{} {}", text(finding, "/code"), place(finding))).collect();
    let expected = [
        "invalid-value guardrails.yaml:47:10",
        "invalid-value guardrails.yaml:49:21",
        "invalid-value guardrails.yaml:52:11",
        "duplicate-key guardrails.yaml:49:35",
        "invalid-value source/preview.yaml:9:8",
        "unknown-field source/preview.yaml:10:3",
        "wrong-type source/preview.yaml:17:13",
        "missing-field source/preview.yaml:40:7",
    ];
    for place in expected {
        assert!(
            places.iter().any(|found| found.split(' ').nth(1) == place.split(' ').nth(1)),
            "{place} is not in {places:#?}"
        );
    }
    assert_eq!(places.len(), expected.len(), "{places:#?}");
    let messages: Vec<&str> = found.iter().map(|finding| text(finding, "/message")).collect();
    assert!(messages.iter().any(|message| message.contains("did you mean `profile`")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("did you mean `PublicInternet`")), "{messages:#?}");
    assert!(found.iter().all(|finding| !text(finding, "/location/source").is_empty()), "{found:#?}");
    // The text says the same: file, line and column, and the line itself with a mark below.
    let text = scratch.run("render", &[]).err;
    assert!(text.contains("source/preview.yaml:10:3") && text.contains("10 |   profil: small\n"), "{text}");
    assert!(text.contains("\n8 errors\n") || text.ends_with("8 errors\n"), "{text}");
}

/// How a file is written makes no difference to what it says.
#[test]
fn spellings_of_the_same_policy() {
    let plain = Scratch::new("storefront");
    let expected = plain.run("render", &["-o", "ndjson"]);
    assert_eq!(expected.code, ExitCode::Fine, "{}", expected.err);
    let policy = fs::read_to_string(plain.path(POLICY)).expect("a file");
    let spellings = [
        ("a byte-order mark", format!("\u{feff}{policy}")),
        ("CRLF", policy.replace('\n', "\r\n")),
        ("a document's begin and end", format!("---\n{policy}...\n")),
        ("an anchor and an alias", policy.replacen("team: payments", "team: &who payments", 1)),
        ("JSON", json_of(&policy)),
    ];
    for (what, text) in spellings {
        let scratch = Scratch::new("storefront");
        scratch.write(POLICY, text);
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""), "{what}");
        assert!(run.out == expected.out, "{what}");
    }
}

#[test]
fn merge_keys_add_what_is_not_there() {
    let merged = scratch(&[(
        POLICY,
        "    - name: worker\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}\n",
        "    - <<: {name: other, image: \"ghcr.io/acme/storefront:${{ pr.headSha }}\"}\n      name: worker\n",
    )]);
    let plain = Scratch::new("storefront").run("render", &["-o", "ndjson"]);
    let run = merged.run("render", &["-o", "ndjson"]);
    assert_eq!(run.err, "");
    assert!(run.out == plain.out);
}

/// Places count characters, from one, in the file as it is written.
#[test]
fn places_in_files_of_all_kinds() {
    let scratch = scratch(&[(POLICY, "  ttl: 48h", "  # ä\u{1F600}\n  flags2: {\"ä\u{1F600}\": 1}")]);
    let policy = fs::read_to_string(scratch.path(POLICY)).expect("a file");
    for written in [policy.clone(), format!("\u{feff}{policy}"), policy.replace('\n', "\r\n")] {
        scratch.write(POLICY, written);
        let found = findings(&scratch.run("check", &["--format", "json"]));
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(place(&found[0]), "source/preview.yaml:10:3");
        assert_eq!(text(&found[0], "/location/source"), "  flags2: {\"ä\u{1F600}\": 1}");
    }
}

fn json_of(yaml: &str) -> String {
    // Not by a JSON value, which would sort the keys.
    let value: serde_yaml::Value = serde_yaml::from_str(yaml).expect("YAML");
    serde_json::to_string_pretty(&value).expect("JSON")
}

/// The case with the built-in guardrails has what `dayfly guardrails` prints.
#[test]
fn the_built_in_guardrails_are_a_case() {
    let file = root().join("testdata/built-in-guardrails/guardrails.yaml");
    assert_eq!(fs::read_to_string(file).expect("a file"), dayfly(&["guardrails"]).out);
}

mod agreement {
    //! The typed reader says yes or no; the diagnosis says what is wrong. They must never disagree.

    use serde_json::Value as Json;

    use super::super::scratch::of_case;
    use crate::input::{Guardrails, Policy, Source, both_readings};

    /// Of all variants, one in so many is tried; all of them take a minute.
    const STEP: usize = 7;

    /// What a value may become by mistake.
    fn mistakes(value: &Json) -> Vec<Json> {
        let mut mistakes = vec![
            Json::Null,
            Json::Bool(true),
            Json::from(7),
            Json::from(-7),
            Json::from(1.5),
            Json::from(70_000),
            Json::from("text"),
            Json::from(""),
            Json::from("${{"),
            Json::from("${{ pr.number }}"),
            Json::from("7"),
            Json::from("Ä b/c#d"),
            serde_json::json!([]),
            serde_json::json!(["a", 1]),
            serde_json::json!([null]),
            serde_json::json!({}),
            serde_json::json!({"a": 1}),
            serde_json::json!({"name": "x"}),
            serde_json::json!([{"name": "x"}]),
            serde_json::json!([[]]),
        ];
        if let Some(text) = value.as_str() {
            mistakes.extend([
                Json::from(text.to_uppercase()),
                Json::from(format!(" {text}")),
                serde_json::json!([text]),
            ]);
        }
        mistakes
    }

    /// Every variant of a tree in which one node is something else, gone, or has a neighbour.
    fn variants(tree: &Json) -> Vec<Json> {
        let mut pointers = Vec::new();
        collect(tree, String::new(), &mut pointers);
        let mut variants = Vec::new();
        for pointer in pointers {
            let value = tree.pointer(&pointer).expect("a node");
            for mistake in mistakes(value) {
                let mut variant = tree.clone();
                *variant.pointer_mut(&pointer).expect("a node") = mistake;
                variants.push(variant);
            }
            if let Some(map) = value.as_object() {
                for key in map.keys() {
                    let mut without = tree.clone();
                    let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                    let value = map.remove(key).expect("a value");
                    variants.push(without.clone());
                    let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                    map.insert(format!("{key}x"), value.clone());
                    variants.push(without.clone());
                    let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                    map.insert(key.clone(), value);
                    variants.push(without);
                }
            }
        }
        variants
    }

    fn collect(value: &Json, pointer: String, pointers: &mut Vec<String>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    collect(value, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), pointers);
                }
            }
            Json::Array(items) => {
                for (index, value) in items.iter().enumerate() {
                    collect(value, format!("{pointer}/{index}"), pointers);
                }
            }
            _ => {}
        }
        pointers.push(pointer);
    }

    fn agree<T>(case: &str, file: &str, first: usize)
    where
        T: for<'n> serde::Deserialize<'n> + schemars::JsonSchema,
    {
        let tree: Json = serde_yaml::from_str(&of_case(case, file)).expect("YAML");
        let variants = variants(&tree);
        assert!(variants.len() > 100, "{case}/{file}");
        for variant in variants.into_iter().skip(first).step_by(STEP) {
            let source = Source { name: file.into(), text: variant.to_string() };
            let (read, diagnosis) = both_readings::<T>(&source);
            assert_eq!(read, diagnosis.is_empty(), "{diagnosis:#?}\n{}", source.text);
        }
    }

    #[test]
    fn decode_and_diagnosis_agree() {
        let policies = [
            "service-options",
            "ingress-traefik",
            "database-neon",
            "application-helm",
            "secret-store-aws",
            "manifests",
        ];
        for (index, case) in policies.into_iter().enumerate() {
            agree::<Policy>(case, "preview.yaml", index % STEP);
        }
        let guardrails = [
            "http-route-issuer",
            "egress-closed",
            "secret-store-aws",
            "secret-store-gcp",
            "secret-store-vault",
            "application-helm",
            "database-neon",
            "quarantine-job",
            "platform-templates",
        ];
        for (index, case) in guardrails.into_iter().enumerate() {
            agree::<Guardrails>(case, "guardrails.yaml", index % STEP);
        }
    }
}
