//! What depends on something withheld is not there either: a program finds no variable, rather than one with a hole.

use serde_json::Value as Json;

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
    support::text,
};

const SERVICE: &str = "        HIDDEN: \"Host=$(DB_HOST);Port=1\"\n        TWICE: \"$(HIDDEN)\"\n        KEPT: \"$$(DB_HOST) $(PUBLIC_URL)\"\n";

/// The storefront, whose variables name those of its secret and of its database.
fn naming() -> Scratch {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "        BANNER", &format!("{SERVICE}        BANNER"));
    scratch.replace(POLICY, "baseline: storefront\n", "baseline: storefront\n      keys: {DB_HOST: host}\n");
    let step = "migrate, deploy]\n        env: {A: \"v=$(STRIPE_KEY)\", B: $(A), C: $(DATABASE_URL)}\n        uses: [stripe]\n";
    scratch.replace(POLICY, "migrate, deploy]\n", step);
    scratch
}

/// The names of the variables of an object's containers.
fn env(scratch: &Scratch, kind: &str, name: &str) -> Option<Vec<String>> {
    let objects = scratch.objects();
    let is_meant = |object: &&Json| object["kind"] == kind && text(object, "/metadata/name").starts_with(name);
    let pods = &objects.iter().find(is_meant)?["spec"]["template"]["spec"];
    let lists = ["initContainers", "containers"].map(|list| pods[list].as_array().cloned().unwrap_or_default());
    let variables = lists.iter().flatten().filter_map(|container| container["env"].as_array()).flatten();
    Some(variables.map(|variable| text(variable, "/name").to_owned()).collect())
}

#[test]
fn what_names_something_withheld_is_left_out_with_it() {
    const MIGRATE: &str = "main-migrate-";
    let has = |scratch: &Scratch, kind, name, present: &[&str], absent: &[&str]| {
        let names = env(scratch, kind, name).unwrap_or_else(|| panic!("no {kind} {name}"));
        for name in present {
            assert!(names.iter().any(|other| other == name), "{name}: {names:?}");
        }
        for name in absent {
            assert!(!names.iter().any(|other| other == name), "{name}: {names:?}");
        }
    };
    let full = naming();
    has(&full, "Deployment", "web", &["DB_HOST", "HIDDEN", "TWICE", "KEPT", "PUBLIC_URL"], &[]);
    has(&full, "Job", MIGRATE, &["STRIPE_KEY", "A", "B", "C"], &[]);

    // Of invented data, the database is there; the secret is not.
    let invented = naming();
    invented.replace(PARAMETERS, "fork: false\n", "");
    has(&invented, "Deployment", "web", &["DB_HOST", "HIDDEN", "TWICE", "KEPT"], &["STRIPE_KEY"]);
    has(&invented, "Job", MIGRATE, &["C"], &["STRIPE_KEY", "A", "B"]);
    let explain = |scratch: &Scratch, field: &str| scratch.run("explain", &[field]).out;
    let said = explain(&invented, "databases.main.migrate.env.B");
    for part in ["granted    nothing", "asked      $(A)", "rule       withheld: ", "`$(A)` is withheld"] {
        assert!(said.contains(part), "{part}: {said}");
    }

    let nothing = naming();
    nothing.replace(PARAMETERS, "fork: false\n", "");
    nothing.replace(GUARDRAILS, "      restricted: storefront-synthetic\n", "");
    has(&nothing, "Deployment", "web", &["KEPT", "PUBLIC_URL"], &["DB_HOST", "HIDDEN", "TWICE", "STRIPE_KEY"]);
    let said = explain(&nothing, "services.web.env.HIDDEN");
    assert!(said.contains("granted    nothing") && said.contains("`$(DB_HOST)` is withheld"), "{said}");
}
