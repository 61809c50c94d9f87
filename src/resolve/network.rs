//! Who may talk to whom: everything is closed, then exactly this is opened.

use crate::{
    finding::{Finding, InputFile},
    input::guardrails::{Destination, Dns, Fqdn},
    rules,
    value::{Map, Value},
};

use super::{
    Decision, Origin, Resolver,
    destination::{Opened, blocks, in_words, opened, pods},
    environment::{IngressPeer, NetworkFacts, Peers, PodPeer, RouteFacts, ServiceFacts},
};

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
                // Of an address, its host.
                let host = name.split_once("://").map_or(&**name, |(_, host)| host);
                let host = host.split([':', '/']).next().unwrap_or_default();
                let opens = |destination: &Destination| {
                    destination.fqdn.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(host))
                };
                let hint = match guardrails.egress.iter().find(|(_, destination)| opens(destination)) {
                    Some((entry, _)) => format!(": did you mean `{entry}`, which opens that host?"),
                    None => self.hint(name, guardrails.egress.names()),
                };
                let message = format!("the guardrails have no egress `{name}`{hint}");
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message).help =
                    name.contains('.').then(|| "it holds names from the guardrails' `egress`, not hosts".to_owned());
                continue;
            };
            // Only among those that there are: a policy may name thousands that there are not.
            if seen.contains(&name) {
                let message = format!("the egress `{name}` is there twice");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer, message);
                continue;
            }
            seen.push(name);
            match self.destination(name, pointer, destination) {
                Opened::Peers(peers) => egress.push(peers),
                Opened::Name(peer) => names.push(peer),
                Opened::Nothing => {}
            }
        }
        NetworkFacts {
            dns: Peers {
                name: "dns".into(),
                pods: vec![pods(&dns.namespace, &dns.pod_labels)],
                blocks: blocks(&dns.cidrs),
                ports: vec![dns.port.get()],
                end_port: None,
            },
            dns_port: dns.port.to_string(),
            dns_labels: cilium_dns(dns, guardrails.network.fqdn),
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

    /// What an entry of the catalogue opens; `pointer` is where the policy names it.
    fn destination(&mut self, name: &str, pointer: String, destination: &Destination) -> Opened {
        let entry = format!("/spec/egress/{name}");
        let (opened, finding) = match rules::egress::reachable(destination) {
            Ok(()) => match opened(name, destination, self.guardrails.network.fqdn) {
                Opened::Nothing => (Opened::Nothing, Some(rules::egress::closed(name, &entry))),
                opened => (opened, None),
            },
            Err(message) => {
                let rule = &rules::egress::EGRESS_INCOMPLETE;
                (Opened::Nothing, Some(Finding::of_guardrails(rule, &entry, message)))
            }
        };
        self.decisions.record(|| {
            let (asked, granted) = in_words(destination, &opened);
            Decision {
                field: format!("network.egress.{name}"),
                origin: Origin::Input(InputFile::Policy, pointer),
                asked,
                granted,
                rule: finding.as_ref().map(|finding| finding.rule),
                reason: format!("defined in the guardrails, {entry}"),
            }
        });
        self.findings.extend(finding);
        opened
    }

    /// Requests come from the ingress controller, to the Pods and ports that routes lead to. Which Pods stand behind
    /// a Service of the team's own manifests, nobody knows here: for those, all Pods of the preview.
    fn ingress_peers(&self, services: &[ServiceFacts], routes: &[RouteFacts]) -> Vec<IngressPeer> {
        let Some(ingress) = &self.guardrails.ingress else { return Vec::new() };
        let (from_pods, from_blocks) = if let Some(controller) = &ingress.controller {
            let namespace = controller.namespace.iter();
            (namespace.map(|namespace| pods(namespace, &controller.pod_labels)).collect(), blocks(&controller.cidrs))
        } else {
            // Of one without, a rule has said so.
            let Some(usual) = rules::ingress::usual_namespace(ingress.implementation) else { return Vec::new() };
            (vec![PodPeer { namespace: usual.to_owned(), labels: Value::Map(Map::default()) }], Vec::new())
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
                    pods: from_pods.clone(),
                    blocks: from_blocks.clone(),
                    ports: vec![port],
                    name,
                }),
            }
        }
        peers
    }
}

/// The Pods that answer DNS, as a `CiliumNetworkPolicy` selects them: a namespace is a label among others. Null, where
/// nobody asks.
/// Source: `k8s:` is where Cilium has a label from (`pkg/labels`, `LabelSourceK8s`).
fn cilium_dns(dns: &Dns, fqdn: Fqdn) -> Value {
    if fqdn != Fqdn::Cilium {
        return Value::Null;
    }
    let namespace = ("k8s:io.kubernetes.pod.namespace".to_owned(), Value::string(&*dns.namespace));
    let labels = dns.pod_labels.iter().map(|(key, value)| (format!("k8s:{key}"), Value::string(&**value)));
    Value::map(std::iter::once(namespace).chain(labels))
}
