//! What is opened outward is said completely.

use std::net::IpAddr;

use crate::{
    finding::{Finding, Rule, Severity},
    input::guardrails::Destination,
};

/// What `reachable` finds in a [`Destination`].
pub static EGRESS_INCOMPLETE: Rule = Rule {
    code: "egress-incomplete",
    severity: Severity::Error,
    summary: "an egress entry, or a baseline's `endpoint`, says where to",
    explanation: "`fqdn`, `cidrs` or `namespace` (with `podLabels`), and a `port`: the Pods' own, because network policies see packets \
                  after a Service's address was translated. To a NetworkPolicy, nowhere is everywhere: nothing is rendered of one that \
                  does not say.",
};

/// A warning: the rest of the preview is rendered.
pub static EGRESS_CLOSED: Rule = Rule {
    code: "egress-closed",
    severity: Severity::Warning,
    summary: "a host name alone opens nothing in a plain NetworkPolicy",
    explanation: "A NetworkPolicy knows addresses and Pods, no names. Give the entry `cidrs`, or say in `spec.network.fqdn` that \
                  `Cilium` holds names here, or that the port may be opened to the `PublicInternet`.",
};

pub(crate) fn reachable(destination: &Destination) -> Result<(), String> {
    match (&destination.fqdn, &destination.namespace) {
        (None, None) if destination.cidrs.is_empty() => {
            Err("none of `fqdn`, `cidrs` and `namespace` says where to".to_owned())
        }
        (_, None) if !destination.pod_labels.is_empty() => {
            Err("`podLabels` say nothing without a `namespace`".to_owned())
        }
        // To Cilium it is no name, and to others it would be every address.
        (Some(host), _) if host.parse::<IpAddr>().is_ok() => {
            Err(format!("`fqdn` is an address, and no name: write `cidrs: [{}/32]`", &**host))
        }
        (Some(_), Some(_)) => Err("`fqdn` and `namespace` are two destinations: make them two entries".to_owned()),
        _ => Ok(()),
    }
}

pub(crate) fn closed(name: &str, pointer: &str) -> Finding {
    let message = format!("egress `{name}` is only a host name, which a NetworkPolicy cannot say: nothing is opened");
    Finding::of_guardrails(&EGRESS_CLOSED, pointer, message)
        .help("give it `cidrs`, or set `spec.network.fqdn` to `Cilium` or `PublicInternet`")
}

#[cfg(test)]
mod tests {
    use super::{Destination, reachable};

    #[test]
    fn a_destination_is_somewhere() {
        let said = |fields: &str| {
            let destination: Destination = serde_json::from_str(&format!("{{{fields} \"port\": 1}}")).unwrap();
            reachable(&destination).err().unwrap_or_default()
        };
        let (name, cidrs, namespace, labels) = (
            r#""fqdn": "db.acme.dev","#,
            r#""cidrs": ["10.0.0.0/8"],"#,
            r#""namespace": "db","#,
            r#""podLabels": {"app": "pg"},"#,
        );
        for good in [
            name.to_owned(),
            cidrs.to_owned(),
            namespace.to_owned(),
            format!("{namespace}{labels}"),
            format!("{name}{cidrs}"),
            format!("{namespace}{cidrs}{labels}"),
        ] {
            assert_eq!(said(&good), "", "{good}");
        }
        assert!(said("").contains("none of `fqdn`"));
        assert!(said(r#""cidrs": [],"#).contains("none of `fqdn`"));
        assert!(said(labels).contains("none of `fqdn`"));
        assert!(said(&format!("{cidrs}{labels}")).contains("without a `namespace`"));
        assert!(said(&format!("{name}{labels}")).contains("without a `namespace`"));
        assert!(said(&format!("{name}{namespace}")).contains("two destinations"));
        assert_eq!(said(r#""fqdn": "192.0.2.7","#), "`fqdn` is an address, and no name: write `cidrs: [192.0.2.7/32]`");
    }
}
