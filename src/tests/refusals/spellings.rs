//! How a file is written: what makes no difference, and what it does to places.

use std::{collections::BTreeSet, fs};

use super::{POLICY, Scratch, check, codes, place, scratch, text};
use crate::cli::ExitCode;

/// Two services share a map; what is wrong in it is one mistake, in one place.
#[test]
fn what_an_alias_repeats_is_told_once() {
    let wrong = scratch(&[
        (POLICY, "      env:\n        PUBLIC_URL", "      env: &shared\n        DEBUG: true\n        PUBLIC_URL"),
        (POLICY, "      resources: {", "      env: *shared\n      resources: {"),
    ]);
    let found = wrong.findings();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["source/preview.yaml:20:16"], "{found:#?}");
    let image = scratch(&[
        (
            POLICY,
            "    - name: web\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}",
            "    - &web\n      name: web\n      image: ghcr.io/acme/storefront:latest",
        ),
        (
            POLICY,
            "    - name: worker\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}",
            "    - <<: *web\n      name: worker",
        ),
    ]);
    let found = image.findings();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["source/preview.yaml:17:14"], "{found:#?}");
}

#[test]
fn an_expression_that_a_flow_map_cuts_needs_quotes() {
    let unquoted =
        ("{name: web, service: web, access: staff}", "{name: web, service: web, access: staff, host: a${{ x }}}");
    let found = check(&[(POLICY, unquoted.0, unquoted.1)]);
    assert_eq!(codes(&found), BTreeSet::from(["not-yaml".to_owned()]));
    assert!(text(&found[0], "/help").contains("stands in quotes"), "{found:#?}");
    let other = check(&[(POLICY, unquoted.0, "{name: web]")]);
    assert_eq!(text(&other[0], "/help"), "", "{other:#?}");
}

/// The image that all of the storefront's programs share.
const IMAGE: &str = "ghcr.io/acme/storefront:${{ pr.headSha }}";

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
        (
            "an anchor and an alias",
            policy.replacen("image: ghcr", "image: &image ghcr", 1).replacen(
                &format!("image: {IMAGE}"),
                "image: *image",
                1,
            ),
        ),
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
        let found = scratch.findings();
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
