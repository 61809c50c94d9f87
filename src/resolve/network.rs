//! Who may talk to whom: everything is closed, then exactly this is opened.

use crate::{
    finding::InputFile,
    input::{
        Ordered,
        guardrails::{Destination, Fqdn},
        scalar::{DnsLabel, LabelKey, LabelValue},
    },
    rules,
    value::{Map, Value},
};

use super::{
    Decision, Origin, Resolver,
    environment::{Block, IngressPeer, NamedPeer, NetworkFacts, Peers, PodPeer, RouteFacts, ServiceFacts},
};

/// Addresses that are not the public internet's: private, shared, link-local (cloud metadata), loopback, multicast,
/// reserved. Source: IANA's special-purpose registry, RFC 6890; `kubernetes.md` §3 for the metadata addresses.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
];

impl Resolver<'_> {
    pub(super) fn network(&mut self, services: &[ServiceFacts], routes: &[RouteFacts]) -> NetworkFacts {
        let guardrails = self.guardrails;
        let dns = &guardrails.network.dns;
        let mut egress = Vec::new();
        let mut names = Vec::new();
        let mut seen = Vec::new();
        for (index, name) in self.policy.egress.iter().enumerate() {
            let pointer = format!("/spec/egress/{index}");
            let Some(destination) = guardrails.egress.get(name) else {
                let hint = crate::finding::nearest(name, guardrails.egress.names());
                let message = format!("the guardrails have no egress `{name}`{hint}");
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message);
                continue;
            };
            // Only among those that there are: a policy may name thousands that there are not.
            if seen.contains(&name) {
                let message = format!("the egress `{name}` is there twice");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer, message);
                continue;
            }
            seen.push(name);
            self.decisions.record(|| {
                let closed = is_only_a_name(destination) && guardrails.network.fqdn == Fqdn::Closed;
                Decision {
                    field: format!("network.egress.{name}"),
                    origin: Origin::Input(InputFile::Policy, pointer),
                    asked: closed.then(|| describe(destination)),
                    granted: if closed { "nothing".into() } else { describe(destination) },
                    rule: closed.then_some(rules::egress::EGRESS_CLOSED.code),
                    reason: format!("defined in the guardrails, /spec/egress/{name}"),
                }
            });
            self.destination(name, destination, &mut egress, &mut names);
        }
        NetworkFacts {
            dns: Peers {
                name: "dns".into(),
                pods: vec![pods(&dns.namespace, &dns.pod_labels)],
                blocks: dns.cidrs.iter().map(|cidr| Block { cidr: cidr.text.clone(), except: Vec::new() }).collect(),
                ports: vec![dns.port.get()],
                end_port: None,
            },
            dns_port: dns.port.to_string(),
            ingress: self.ingress_peers(services, routes),
            telemetry: guardrails.telemetry.as_ref().map(|telemetry| Peers {
                name: "telemetry".into(),
                pods: vec![pods(&telemetry.namespace, &telemetry.pod_labels)],
                blocks: Vec::new(),
                ports: vec![telemetry.port.get()],
                end_port: None,
            }),
            egress,
            names,
        }
    }

    /// One entry of the catalogue. A name alone is beyond a `NetworkPolicy`: what then, the guardrails say.
    fn destination(
        &mut self,
        name: &str,
        destination: &Destination,
        egress: &mut Vec<Peers>,
        names: &mut Vec<NamedPeer>,
    ) {
        let pointer = format!("/spec/egress/{name}");
        if let Err(message) = rules::egress::reachable(destination) {
            self.report(&rules::egress::EGRESS_INCOMPLETE, InputFile::Guardrails, pointer, message);
            return;
        }
        let only_a_name = is_only_a_name(destination);
        match (&destination.fqdn, self.guardrails.network.fqdn) {
            (Some(_), Fqdn::Closed) if only_a_name => {
                self.findings.push(rules::egress::closed(name, pointer));
            }
            (Some(fqdn), Fqdn::Cilium) if only_a_name => {
                names.push(NamedPeer {
                    name: name.to_owned(),
                    fqdn: fqdn.to_string(),
                    port: destination.port.to_string(),
                });
            }
            (Some(_), Fqdn::PublicInternet) if only_a_name => egress.push(Peers {
                name: name.to_owned(),
                pods: Vec::new(),
                blocks: vec![public_internet()],
                ports: vec![destination.port.get()],
                end_port: None,
            }),
            _ => egress.push(peers(name, destination)),
        }
    }

    /// Requests come from the ingress controller's Pods, to the Pods and ports that routes lead to. Which Pods stand behind
    /// a Service of the team's own manifests, nobody knows here: for those, all Pods of the preview.
    fn ingress_peers(&self, services: &[ServiceFacts], routes: &[RouteFacts]) -> Vec<IngressPeer> {
        let Some(ingress) = &self.guardrails.ingress else { return Vec::new() };
        let (namespace, labels) = match &ingress.controller {
            Some(controller) => (controller.namespace.to_string(), labels(&controller.pod_labels)),
            None => (rules::ingress::usual_namespace(ingress.implementation).to_owned(), Value::Map(Map::default())),
        };
        let mut peers: Vec<IngressPeer> = Vec::with_capacity(routes.len());
        for route in routes {
            let service = services.iter().find(|service| service.name == route.service);
            // A policy sees what arrives at the Pod, after the Service's translation. Source: Kubernetes' documentation,
            // "Network Policies": `ports` are those of the selected Pods.
            let port = route.target_port;
            let name = format!("allow-ingress-{}", route.service);
            match peers.iter_mut().find(|peer| peer.name == name) {
                Some(peer) if peer.ports.contains(&port) => {}
                Some(peer) => peer.ports.push(port),
                None => peers.push(IngressPeer {
                    service: service.map(|service| service.name.clone()),
                    namespace: namespace.clone(),
                    labels: labels.clone(),
                    ports: vec![port],
                    name,
                }),
            }
        }
        peers
    }
}

fn is_only_a_name(destination: &Destination) -> bool {
    destination.fqdn.is_some() && destination.cidrs.is_empty() && destination.namespace.is_none()
}

/// What a destination comes to in a `NetworkPolicy`.
pub(super) fn peers(name: &str, destination: &Destination) -> Peers {
    Peers {
        name: name.to_owned(),
        pods: destination.namespace.iter().map(|namespace| pods(namespace, &destination.pod_labels)).collect(),
        blocks: destination.cidrs.iter().map(|cidr| Block { cidr: cidr.text.clone(), except: Vec::new() }).collect(),
        ports: vec![destination.port.get()],
        end_port: None,
    }
}

/// All public addresses.
pub(super) fn public_internet() -> Block {
    Block { cidr: "0.0.0.0/0".into(), except: NOT_PUBLIC.to_vec() }
}

pub(super) fn pods(namespace: &DnsLabel, pod_labels: &Ordered<LabelValue, LabelKey>) -> PodPeer {
    PodPeer { namespace: namespace.to_string(), labels: labels(pod_labels) }
}

fn labels(labels: &Ordered<LabelValue, LabelKey>) -> Value {
    Value::Map(labels.iter().map(|(key, value)| (key.to_owned().into(), Value::string(&**value))).collect())
}

fn describe(destination: &Destination) -> String {
    let place = match (&destination.fqdn, &destination.namespace) {
        (Some(fqdn), _) => fqdn.to_string(),
        (None, Some(namespace)) => format!("namespace {namespace}"),
        (None, None) => destination.cidrs.iter().map(|cidr| cidr.text.as_str()).collect::<Vec<_>>().join(", "),
    };
    format!("{place}, port {}", destination.port)
}
