//! Hosts are the preview's own.

use super::{
    Bounds,
    common::{finding, items, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, listed, visible},
    input::scalar::is_dns_label,
    objects::Object,
    value::Value,
};

/// About a host's part below the first label.
pub static HOST_OUTSIDE_DOMAIN: Rule = Rule {
    code: "host-outside-domain",
    severity: Severity::Error,
    summary: "a host is one DNS label below the previews' domain",
    explanation: "The guardrails' `domain` is what the platform's DNS entry, certificate and access rules cover: `*.DOMAIN`, \
        which is one label. Another host would have none of them, or would be somebody else's.",
};

/// About a host's first label, which tells previews apart.
pub static HOST_OF_ANOTHER_PREVIEW: Rule = Rule {
    code: "host-of-another-preview",
    severity: Severity::Error,
    summary: "a host belongs to this preview",
    explanation: "Whoever answers to another preview's host gets its users and their cookies. A host therefore names the \
        preview's namespace: `WORD-NAMESPACE.DOMAIN`, the word of letters and digits, beginning with a letter. What goes out is checked once more, after \
        the platform's patches: only hosts of the policy's `routes` may be there.\n\n\
        A route or an Ingress without a host answers to every host that nobody else claims, so that is refused too.",
};

/// Checks the hosts of an Ingress, `HTTPRoute` or `GRPCRoute`, whoever wrote or patched it.
pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some(spec) = object.value.get("spec") else { return };
    let mut host = |pointer: String, host: Option<&Value>| {
        if let Some((rule, message)) = refusal(host, bounds) {
            findings.push(finding(rule, object, pointer, message));
        }
    };
    match object.kind() {
        "HTTPRoute" | "GRPCRoute" => {
            if items(spec, "hostnames").next().is_none() {
                host("/spec/hostnames".to_owned(), None);
            }
            for (index, name) in items(spec, "hostnames") {
                host(format!("/spec/hostnames/{index}"), Some(name));
            }
        }
        "Ingress" => {
            if stated(spec, "defaultBackend").is_some() {
                host("/spec/defaultBackend".to_owned(), None);
            }
            for (index, rule) in items(spec, "rules") {
                host(format!("/spec/rules/{index}/host"), rule.get("host"));
            }
            for (index, tls) in items(spec, "tls") {
                for (at, name) in items(tls, "hosts") {
                    host(format!("/spec/tls/{index}/hosts/{at}"), Some(name));
                }
            }
        }
        _ => {}
    }
}

/// What is wrong with an object's host, if anything.
fn refusal(host: Option<&Value>, bounds: &Bounds<'_>) -> Option<(&'static Rule, String)> {
    let own = || match bounds.hosts {
        [] => "the policy has no routes".to_owned(),
        hosts => format!("allowed: {}", listed(hosts)),
    };
    match host {
        None | Some(Value::Null) => {
            Some((&HOST_OF_ANOTHER_PREVIEW, format!("without a host, it answers to every host; {}", own())))
        }
        Some(Value::String(host)) if host.is_empty() => refusal(None, bounds),
        Some(Value::String(host)) if bounds.hosts.contains(&host.as_str()) => None,
        Some(Value::String(host)) if label(host, bounds.domain).is_some() => {
            Some((&HOST_OF_ANOTHER_PREVIEW, format!("host `{}` is not the preview's; {}", visible(host), own())))
        }
        Some(Value::String(host)) => {
            let why = no_label(host, bounds.domain).unwrap_or_else(|| format!("is not below `{}`", bounds.domain));
            Some((&HOST_OUTSIDE_DOMAIN, format!("host `{}` {why}; {}", visible(host), own())))
        }
        Some(other) => Some((&HOST_OUTSIDE_DOMAIN, format!("a host must be a string, not {}", shown(other)))),
    }
}

/// What a policy's author writes in place of a host that is refused.
pub(crate) const HELP: &str = "write `WORD-${{ preview.namespace }}.${{ guardrails.domain }}`, or no `host`";

/// What it writes for a host that another route has, too.
pub(crate) const SHARED: &str = "routes share a host that each writes out: `WORD-${{ preview.namespace }}.${{ guardrails.domain }}`, which is that of a route `WORD`";

/// Whether a host may be one of the namespace's; else, by which rule not, and what to say.
pub(crate) fn check_host(host: &str, namespace: &str, domain: &str) -> Result<(), (&'static Rule, String)> {
    let Some(label) = label(host, domain) else {
        let why = no_label(host, domain).unwrap_or_else(|| format!("is not one label below `{}`", visible(domain)));
        let message = format!("host `{}` {why}", visible(host));
        return Err((&HOST_OUTSIDE_DOMAIN, message));
    };
    if is_of(label, namespace) {
        return Ok(());
    }
    let message = format!(
        "host `{}` is not the preview's; allowed: `WORD-{namespace}.{domain}`, the word of letters and digits, beginning with a letter",
        visible(host)
    );
    Err((&HOST_OF_ANOTHER_PREVIEW, message))
}

/// The one label of a host below the domain.
fn label<'a>(host: &'a str, domain: &str) -> Option<&'a str> {
    host.strip_suffix(domain)?.strip_suffix('.').filter(|label| is_dns_label(label))
}

/// Why one word below the domain is no label.
fn no_label(host: &str, domain: &str) -> Option<String> {
    let word = host.strip_suffix(domain)?.strip_suffix('.').filter(|word| !word.is_empty() && !word.contains('.'))?;
    Some(match word.chars().count() {
        length @ 64.. => format!("begins with a label of {length} characters; allowed: at most 63"),
        _ => "begins with no DNS label; allowed: lower-case letters, digits and inner `-`".to_owned(),
    })
}

/// `WORD-NAMESPACE`. A word with a hyphen could be the beginning of another policy's name, and so of its namespace; one that
/// begins with a digit belongs to the hosts that dayfly makes.
fn is_of(label: &str, namespace: &str) -> bool {
    let word = label.strip_suffix(namespace).and_then(|rest| rest.strip_suffix('-'));
    !namespace.is_empty()
        && word.is_some_and(|word| word.starts_with(|c: char| c.is_ascii_lowercase()) && !word.contains('-'))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::check_host;
    use crate::rules::common::test::{found, manifest, places, template};

    #[test]
    fn a_host_names_its_namespace() {
        let cases = [
            ("web-shop-pr-7.preview.acme.dev", ""),
            ("shop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("my-web-shop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("2-my-web-shop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("2-shop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("0-shop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("w2-shop-pr-7.preview.acme.dev", ""),
            ("web-shop-pr-7-0a1b2c3d.preview.acme.dev", "host-of-another-preview"),
            ("shop-pr-71.preview.acme.dev", "host-of-another-preview"),
            ("shop-pr-7-1.preview.acme.dev", "host-of-another-preview"),
            ("shop-pr-7-notahash.preview.acme.dev", "host-of-another-preview"),
            ("xshop-pr-7.preview.acme.dev", "host-of-another-preview"),
            ("web.preview.acme.dev", "host-of-another-preview"),
            ("shop-pr-7-0a1b2c3d-web.preview.acme.dev", "host-of-another-preview"),
            ("-shop-pr-7.preview.acme.dev", "host-outside-domain"),
            ("web.shop-pr-7.preview.acme.dev", "host-outside-domain"),
            ("shop-pr-7.acme.dev", "host-outside-domain"),
            ("shop-pr-7.preview.acme.dev.", "host-outside-domain"),
            ("shop-pr-7.preview.acme.dev.evil.io", "host-outside-domain"),
            ("shop-pr-7.evilpreview.acme.dev", "host-outside-domain"),
            ("shop-pr-7preview.acme.dev", "host-outside-domain"),
            ("SHOP-pr-7.preview.acme.dev", "host-outside-domain"),
            ("*.preview.acme.dev", "host-outside-domain"),
            ("preview.acme.dev", "host-outside-domain"),
            (".preview.acme.dev", "host-outside-domain"),
            ("", "host-outside-domain"),
        ];
        for (host, expected) in cases {
            let code = check_host(host, "shop-pr-7", "preview.acme.dev").map_err(|(rule, _)| rule.code).err();
            assert_eq!(code.unwrap_or_default(), expected, "{host}");
        }
        assert!(check_host("x.preview.acme.dev", "", "preview.acme.dev").is_err());
        let long = format!("{}-shop-pr-7", "a".repeat(54));
        for (label, said) in [
            (&*long, "begins with a label of 64 characters; allowed: at most 63"),
            ("Web-shop-pr-7", "begins with no DNS label; allowed: lower-case letters, digits and inner `-`"),
            ("a.b", "is not one label below `preview.acme.dev`"),
        ] {
            let host = format!("{label}.preview.acme.dev");
            let (_, message) = check_host(&host, "shop-pr-7", "preview.acme.dev").unwrap_err();
            assert!(message.starts_with("host `") && message.ends_with(&format!("` {said}")), "{message}");
            let route = json!({"apiVersion": "x/v1", "kind": "HTTPRoute", "metadata": {"name": "web"}, "spec": {"hostnames": [host]}});
            let found = found(super::check, &template(&route));
            assert!(label == "a.b" || found[0].message.contains(said), "{found:?}");
        }
    }

    #[test]
    fn whoever_writes_a_route_uses_the_previews_hosts() {
        let own = "web-shop-pr-7.preview.acme.dev";
        let other = "shop-pr-8.preview.acme.dev";
        let (out, another) = ("host-outside-domain", "host-of-another-preview");
        let cases = [
            ("HTTPRoute", json!({"hostnames": [own, "shop-pr-7.preview.acme.dev"]}), vec![]),
            (
                "HTTPRoute",
                json!({"hostnames": [own, other, "evil.io"]}),
                vec![format!("{another} /spec/hostnames/1"), format!("{out} /spec/hostnames/2")],
            ),
            (
                "HTTPRoute",
                json!({"hostnames": ["api-shop-pr-7.preview.acme.dev"]}),
                vec![format!("{another} /spec/hostnames/0")],
            ),
            ("HTTPRoute", json!({"hostnames": []}), vec![format!("{another} /spec/hostnames")]),
            ("GRPCRoute", json!({"rules": []}), vec![format!("{another} /spec/hostnames")]),
            ("HTTPRoute", json!({"hostnames": own}), vec![format!("{another} /spec/hostnames")]),
            ("HTTPRoute", json!({"hostnames": [7]}), vec![format!("{out} /spec/hostnames/0")]),
            ("Ingress", json!({"rules": [{"host": own}], "tls": [{"hosts": [own], "secretName": "x"}]}), vec![]),
            (
                "Ingress",
                json!({"rules": [{"http": {}}, {"host": ""}, {"host": "*.preview.acme.dev"}]}),
                vec![
                    format!("{another} /spec/rules/0/host"),
                    format!("{another} /spec/rules/1/host"),
                    format!("{out} /spec/rules/2/host"),
                ],
            ),
            ("Ingress", json!({"defaultBackend": {"service": {}}}), vec![format!("{another} /spec/defaultBackend")]),
            ("Ingress", json!({"tls": [{}, {"hosts": [own, other]}]}), vec![format!("{another} /spec/tls/1/hosts/1")]),
            ("Service", json!({"hostnames": ["evil.io"]}), vec![]),
        ];
        for (kind, spec, expected) in cases {
            let json = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "web"}, "spec": spec});
            for object in [manifest(&json), template(&json)] {
                assert_eq!(places(&found(super::check, &object)), expected, "{kind} {spec}");
            }
        }
    }
}
