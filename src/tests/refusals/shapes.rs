//! A list in the place of a map, a map in the place of a list, a sign that is missing: what else is wrong is told at once.

use super::{Edit, GUARDRAILS, POLICY, check, place, text};

/// The line and the column, the message and the help of all that is found.
fn told(edits: &[Edit]) -> Vec<String> {
    let found = check(edits);
    let place = |one: &serde_json::Value| place(one).split_once(".yaml:").map(|(_, place)| place.to_owned());
    found
        .iter()
        .map(|one| format!("{} {} = {}", place(one).unwrap_or_default(), text(one, "/message"), text(one, "/help")))
        .collect()
}

const LIST: &str = "a list is written `[one, two]`, or an item a line with `- ` before it: here";
const WEB: &str = "    - name: web\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}\n      port: 8080\n      health: /healthz\n";
const WORKER: &str = "    - name: worker\n";
const ROUTE: &str = "    - {name: web, service: web, access: staff}\n";

/// Compose's way, and an item whose `-` was forgotten.
#[test]
fn a_map_in_the_place_of_a_list_hides_nothing() {
    let web = "    web:\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}\n      ports: [\"8080:8080\"]\n      health: healthz\n";
    let found = told(&[(POLICY, WEB, web), (POLICY, WORKER, "    worker:\n")]);
    let [list, ports, health] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(*list, format!("15:5 found a map, expected a list = {LIST} `- name: web`"));
    assert!(ports.starts_with("17:7 unknown field `ports` = `port: 8080` is the port"), "{ports}");
    assert!(health.starts_with("18:15 `healthz` is not allowed here"), "{health}");
    for (written, column, meant) in [
        ("    {name: web, service: web, access: staff}\n", 5, "- {name: web, …}"),
        ("    name: web\n    service: web\n    access: staff\n", 5, "- name: web"),
        ("    service: web\n    access: staff\n    name: web\n", 5, "- service: web"),
    ] {
        let expected = format!("33:{column} found a map, expected a list = {LIST} `{meant}`");
        assert_eq!(told(&[(POLICY, ROUTE, written)]), [expected], "{written}");
    }
    let [list, field] =
        told(&[(POLICY, ROUTE, "    name: web\n    servise: web\n    access: staff\n")]).try_into().expect("two");
    assert!(
        list.ends_with("`- name: web`") && field.ends_with("`servise`: did you mean `service`? = "),
        "{list} {field}"
    );
}

#[test]
fn a_list_in_the_place_of_a_map_hides_nothing() {
    let map = "a map is written `{name: value}`, or an entry a line, `name: value`: here";
    let staff = "    staff: {cidrs: [203.0.113.0/24, 127.0.0.0/8]}\n    partners: {oauth2Proxy: \"https://sso.acme.dev/oauth2\"}\n";
    let items = "    - {name: staff, cidr: [203.0.113.0/24]}\n    - {name: part-ners, oauth2Proxy: sso}\n";
    let found = told(&[(GUARDRAILS, staff, items)]);
    let [list, cidr, proxy] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(*list, format!("53:5 found a list, expected a map = {map} `staff: …`"));
    assert!(cidr.ends_with("unknown field `cidr`: did you mean `cidrs`? = "), "{cidr}");
    assert!(proxy.starts_with("54:38 `sso` is not allowed here"), "{proxy}");
    let one =
        "      migrate:\n        - image: ghcr.io/acme/storefront:${{ pr.headSha }}\n          command: npx prisma\n";
    let migrate = "      migrate:\n        image: ghcr.io/acme/storefront:${{ pr.headSha }}\n        command: [npx, prisma, migrate, deploy]\n";
    let found = told(&[(POLICY, migrate, one)]);
    let [list, command] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!(list, "43:9 found a list, expected a map = this is one, and no list of several: leave out its `- `");
    assert!(command.ends_with("here `[npx, prisma]`"), "{command}");
}

/// Where a line has no other entry, and in braces, it is YAML all the same.
#[test]
fn a_key_without_its_colon_is_one_mistake() {
    for (file, from, to, expected) in [
        (
            POLICY,
            "service: web, access",
            "service:web, access",
            "33:19 unknown field `service:web`: no space behind the colon of `service` = write `service: web`",
        ),
        (
            POLICY,
            "service: web, access",
            "service web, access",
            "33:19 unknown field `service web`: no colon behind `service` = write `service: web`",
        ),
        (
            POLICY,
            "service: web, access",
            "service = web, access",
            "33:19 unknown field `service = web`: no colon behind `service` = write `service: web`",
        ),
        (
            POLICY,
            "  name: storefront\n",
            "  name:storefront\n",
            "5:3 found `name:storefront`, expected a map: no space behind the colon of `name` = write `name: storefront`",
        ),
        (
            POLICY,
            "  name: storefront\n",
            "  name storefront\n",
            "5:3 found `name storefront`, expected a map: no colon behind `name` = write `name: storefront`",
        ),
        (
            GUARDRAILS,
            "controller: {namespace: traefik}",
            "controller {namespace: traefik}",
            "50:5 unknown field `controller {namespace`: no colon behind `controller` = write `controller: {…}`",
        ),
        (
            GUARDRAILS,
            "controller: {namespace: traefik}",
            "controller:{namespace: traefik}",
            "50:5 unknown field `controller:{namespace`: no space behind the colon of `controller` = write `controller: {…}`",
        ),
        (
            POLICY,
            "        STRIPE_KEY: storefront/",
            "        STRIPE_KEY:storefront/",
            "38:9 found `STRIPE_KEY:storefront/stripe-sandbox#api_key`, expected a map = a map is written `{name: value}`, or an entry a line, `name: value`: here `STRIPE_KEY: …`",
        ),
        (
            POLICY,
            "      uses: [stripe, main]",
            "      uses: stripe, main]",
            "22:13 found `stripe, main]`, expected a list = a list is written `[one, two]`, or an item a line with `- ` before it: here `[stripe, main]`",
        ),
        (
            POLICY,
            "[npm, run, \"seed:preview\"]",
            "[npm, run, seed: preview]",
            "47:29 found a map, expected a string = text that holds a `: ` stands in quotes: `\"seed: preview\"`",
        ),
        (
            POLICY,
            "command: [npm, run, \"seed:preview\"]",
            "command: [{npm: run}]",
            "47:19 found a map, expected a string = `command`: The program and its arguments.",
        ),
    ] {
        assert_eq!(told(&[(file, from, to)]), [expected], "{to}");
    }
}

/// A line that was indented too far, or not far enough, stands in a map that takes any name, or beside the one that it belongs to.
#[test]
fn a_field_beside_or_below_its_place_is_told_where_that_is() {
    let left = "here: it belongs further to the left, below";
    for (file, edits, expected) in [
        (
            POLICY,
            [("      uses: [stripe, main]", "        uses: [stripe, main]")],
            format!("22:9 unknown field `uses` {left} `spec.services.0` = "),
        ),
        (
            GUARDRAILS,
            [("  telemetry:\n", "    telemetry:\n")],
            format!("60:5 unknown field `telemetry` {left} `spec` = "),
        ),
        (
            POLICY,
            [("        command: [npm, run", "      command: [npm, run")],
            "47:7 unknown field `command` here: it belongs below `seed` = ".to_owned(),
        ),
        (
            POLICY,
            [("        command: [npx, prisma", "      command: [npx, prisma")],
            "44:7 unknown field `command` here: it belongs below `migrate` = ".to_owned(),
        ),
        (
            POLICY,
            [("spec:\n", "  spec:\n")],
            "6:3 unknown field `spec` here: it belongs to the file itself, in column 1 = ".to_owned(),
        ),
        (
            GUARDRAILS,
            [("spec:\n", "  spec:\n")],
            "6:3 unknown field `spec` here: it belongs to the file itself, in column 1 = ".to_owned(),
        ),
        (
            GUARDRAILS,
            [("      merge:\n        spec:", "      spec:")],
            "99:7 unknown field `spec`; there is `json`, `merge`, `target` = ".to_owned(),
        ),
    ] {
        let edits: Vec<Edit> = edits.into_iter().map(|(from, to)| (file, from, to)).collect();
        assert_eq!(told(&edits), [expected], "{edits:?}");
    }
    // A variable of that name is one.
    assert_eq!(
        told(&[(POLICY, "      uses: [stripe, main]", "        uses: \"a\"\n      uses: [stripe, main]")]),
        [""; 0]
    );
}

/// It is one mistake, whose fields belong nowhere here.
#[test]
fn an_object_of_kubernetes_is_no_service() {
    let object = "    - apiVersion: apps/v1\n      kind: Deployment\n      metadata: {name: worker}\n      spec: {replicas: 1}\n    - name: worker\n";
    let expected = "23:7 an object of Kubernetes does not belong here = Kubernetes' own objects stand in files of their own, which `manifests` of \
                    the policy names";
    assert_eq!(told(&[(POLICY, WORKER, object)]), [expected]);
}
