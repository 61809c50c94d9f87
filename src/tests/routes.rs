//! What routes come to.

use super::{
    scratch::{GUARDRAILS, POLICY, Scratch, of_case},
    support::Run,
};

fn rendered(scratch: &Scratch) -> String {
    let Run { out, err, .. } = scratch.run("render", &["-o", "ndjson"]);
    assert!(!out.is_empty(), "{err}");
    out
}

/// One slash or two would be another address, which nobody answers at.
#[test]
fn an_oauth2_proxy_may_end_with_a_slash() {
    for name in ["ingress-nginx", "ingress-traefik", "http-route-issuer"] {
        let scratch = Scratch::new(name);
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

/// Whatever they are called.
#[test]
fn each_route_has_its_link() {
    let scratch = Scratch::new("storefront");
    let web = "    - {name: web, service: web, access: staff}\n";
    let more = |name: &str| format!("    - {{name: {name}, service: web, access: staff}}\n");
    scratch.replace(POLICY, web, &format!("{web}{}{}", more("pull-request"), more("route-pull-request")));
    let out = rendered(&scratch);
    let links = out.lines().find(|line| line.contains("\"Namespace\"")).expect("a namespace");
    for (link, target) in [
        ("pull-request", "github.com/"),
        ("route.pull-request", "2-pull-request-"),
        ("route-pull-request", "3-route-pull-request-"),
        ("web", "web-"),
    ] {
        let link = format!("\"link.argocd.argoproj.io/{link}\":\"https://{target}");
        assert!(links.contains(&link), "{link}: {links}");
    }
}
