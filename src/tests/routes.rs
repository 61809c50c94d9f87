//! What routes come to.

use super::{
    scratch::{GUARDRAILS, POLICY, Scratch, of_case},
    support::Run,
};

/// The storefront's pull request, with a case's guardrails and policy.
fn case(name: &str) -> Scratch {
    let scratch = Scratch::new("storefront");
    for file in [GUARDRAILS, POLICY] {
        scratch.write(file, of_case(name, file));
    }
    scratch
}

fn rendered(scratch: &Scratch) -> String {
    let Run { out, err, .. } = scratch.run("render", &["-o", "ndjson"]);
    assert!(!out.is_empty(), "{err}");
    out
}

/// One slash or two would be another address, which nobody answers at.
#[test]
fn an_oauth2_proxy_may_end_with_a_slash() {
    for name in ["ingress-nginx", "ingress-traefik", "http-route-issuer"] {
        let scratch = case(name);
        let expected = rendered(&scratch);
        assert!(expected.contains("https://sso.acme.dev/oauth2/auth\""), "{name}: {expected}");
        assert!(expected.contains("https://sso.acme.dev/oauth2/start?rd=https"), "{name}: {expected}");
        for end in ["/", "//"] {
            scratch.write(
                GUARDRAILS,
                of_case(name, GUARDRAILS).replace("acme.dev/oauth2", &format!("acme.dev/oauth2{end}")),
            );
            assert_eq!(rendered(&scratch), expected, "{name} {end}");
        }
    }
}
