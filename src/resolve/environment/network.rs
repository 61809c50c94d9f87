//! What the Environment has of the network.

use schemars::JsonSchema;
use serde::Serialize;

use crate::value::Value;

/// What a preview's Pods reach, and what reaches them.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkFacts {
    /// The Pods and addresses that answer DNS, by UDP and TCP.
    pub dns: Peers,
    /// The same port as text, as Cilium has it.
    pub dns_port: String,
    /// The labels of the same Pods, as Cilium has them; nothing unless it holds names.
    pub dns_labels: Value,
    /// Where requests come from, and the ports that they may reach.
    pub ingress: Vec<IngressPeer>,
    /// What the policy's `egress` names, as far as a `NetworkPolicy` can open it.
    pub egress: Vec<Peers>,
    /// Where traces and metrics go; null if the guardrails have no `telemetry`.
    pub telemetry: Option<Peers>,
    /// Host names, for a `CiliumNetworkPolicy`.
    pub names: Vec<NamedPeer>,
}

/// Pods, addresses, and the ports of theirs that are opened (TCP, and UDP for DNS).
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peers {
    /// An entry of the guardrails' `egress`, a database, `dns` or `telemetry`: policies are called by it.
    pub name: String,
    /// Pods of the cluster, by namespace and labels.
    pub pods: Vec<PodPeer>,
    /// Addresses, by block.
    pub blocks: Vec<Block>,
    /// The ports of those Pods and addresses.
    pub ports: Vec<u16>,
    /// The last port of a range that the only one of `ports` begins.
    pub end_port: Option<u16>,
}

/// Pods of one namespace.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPeer {
    /// The namespace's name, which its label `kubernetes.io/metadata.name` holds, too.
    pub namespace: String,
    /// Labels that a Pod has all of; an empty map takes every Pod of the namespace.
    pub labels: Value,
}

/// An `ipBlock` of a `NetworkPolicy`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Block {
    /// In CIDR notation, `203.0.113.0/24`.
    pub cidr: String,
    /// Blocks inside of it that stay closed; null if there are none.
    #[serde(serialize_with = "null_if_empty")]
    pub except: Vec<&'static str>,
}

/// A host that is opened by its name, with TCP.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPeer {
    /// An entry of the guardrails' `egress`, or a database: policies are called by it.
    pub name: String,
    /// The host name.
    pub fqdn: String,
    /// The port as text, as a `CiliumNetworkPolicy` has it.
    pub port: String,
    /// The last port of a range that `port` begins.
    pub end_port: Option<u16>,
}

/// From where a Service of the preview is reached: all routes to it together.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct IngressPeer {
    /// The policy's name, `allow-ingress-SERVICE`.
    pub name: String,
    /// The one of `services` whose Pods are reached; nothing for all Pods.
    pub service: Option<String>,
    /// The Pods of the ingress controller.
    pub pods: Vec<PodPeer>,
    /// The guardrails' `controller.cidrs`, for requests that come from no Pod.
    pub blocks: Vec<Block>,
    /// The Pods' ports (TCP), not the Service's.
    pub ports: Vec<u16>,
}

/// Templates leave out what is null, with its key.
fn null_if_empty<S: serde::Serializer>(items: &[&'static str], serializer: S) -> Result<S::Ok, S::Error> {
    if items.is_empty() { serializer.serialize_none() } else { items.serialize(serializer) }
}
