//! Where branches and the providers' APIs are reached: what network policies let through.

use crate::{
    input::guardrails::{Baseline, Fqdn, Operations, Provider},
    resolve::{
        destination::{Opened, blocks, opened, public_addresses, public_internet},
        environment::{NamedPeer, Peers},
    },
};

/// Where a branch is reached, and where its Jobs go beside that: as addresses and Pods, and as names where Cilium holds them.
#[derive(Debug)]
pub(super) struct Reached {
    pub endpoint: Option<Peers>,
    pub names: Vec<NamedPeer>,
    pub job_peers: Peers,
    pub job_names: Vec<NamedPeer>,
}

pub(super) fn reach(name: &str, baseline: &Baseline, operations: &Operations, fqdn: Fqdn) -> Reached {
    let (endpoint, names) = endpoint(name, baseline, fqdn);
    let (job_peers, api) = job_peers(operations, baseline, fqdn);
    let job_names = names.iter().cloned().chain(api).collect();
    Reached { endpoint, names, job_peers, job_names }
}

/// Where a branch is reached. A hosted provider's addresses change: who wants them narrow says so.
fn endpoint(name: &str, baseline: &Baseline, fqdn: Fqdn) -> (Option<Peers>, Vec<NamedPeer>) {
    let end_port = baseline.last_port.map(std::num::NonZero::get);
    match baseline.endpoint.as_ref().map(|endpoint| opened(name, endpoint, fqdn)) {
        Some(Opened::Peers(peers)) => (Some(Peers { end_port, ..peers }), Vec::new()),
        Some(Opened::Name(peer)) => (None, vec![NamedPeer { end_port, ..peer }]),
        Some(Opened::Nothing) => (None, Vec::new()),
        None if baseline.provider.is_hosted() => {
            (Some(public_internet(name, hosted_ports(baseline.provider).to_vec())), Vec::new())
        }
        None => (None, Vec::new()),
    }
}

/// Neon's pooler has its database's port; a database of `PlanetScale` is of either kind.
fn hosted_ports(provider: Provider) -> &'static [u16] {
    if provider == Provider::Planetscale { &[3306, 5432] } else { &[5432] }
}

/// What a Job reaches: the Kubernetes API, and the provider's; the latter perhaps by its name.
fn job_peers(operations: &Operations, baseline: &Baseline, fqdn: Fqdn) -> (Peers, Option<NamedPeer>) {
    let api = &operations.api_server;
    let mut blocks = blocks(&api.cidrs);
    let mut pods = Vec::new();
    let mut name = None;
    // An Aurora cluster is in a network of one's own, its API is not.
    let is_public = baseline.provider.is_hosted() || baseline.provider == Provider::Aurora;
    if is_public {
        blocks.extend(public_addresses());
    }
    let api_port = baseline.api.as_deref().map_or_else(|| is_public.then_some(443), port);
    // The engine's API is where its clones are, and RDS may have an endpoint inside the network, which no cluster's name is.
    let within = match (baseline.provider, &baseline.endpoint) {
        (Provider::Dblab, Some(endpoint)) => Some(endpoint),
        (Provider::Aurora, Some(endpoint)) => Some(endpoint).filter(|endpoint| endpoint.only_name().is_none()),
        _ => None,
    };
    match within.map(|endpoint| opened("api", endpoint, fqdn)) {
        Some(Opened::Peers(endpoint)) => {
            blocks.extend(endpoint.blocks);
            pods.extend(endpoint.pods);
        }
        Some(Opened::Name(peer)) => {
            name = api_port.map(|port| NamedPeer { port: port.to_string(), ..peer });
        }
        Some(Opened::Nothing) | None => {}
    }
    let mut ports: Vec<u16> = api.ports.iter().map(|port| port.get()).collect();
    if let Some(port) = api_port.filter(|port| name.is_none() && !ports.contains(port)) {
        ports.push(port);
    }
    (Peers { name: "api".into(), pods, blocks, ports, end_port: None }, name)
}

/// The port that a URL leads to.
fn port(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    match authority.rsplit_once(':') {
        Some((_, port)) if !port.ends_with(']') => port.parse().ok(),
        _ => Some(if scheme == "http" { 80 } else { 443 }),
    }
}
