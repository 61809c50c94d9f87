//! Where branches and the providers' APIs are reached: what network policies let through.

use crate::{
    input::guardrails::{Baseline, Operations, Provider},
    resolve::{
        environment::{Block, Peers},
        network::{peers, public_internet},
    },
};

/// Where a branch is reached. A hosted provider's addresses change: who wants them narrow says so.
pub(super) fn endpoint(name: &str, baseline: &Baseline) -> Option<Peers> {
    match &baseline.endpoint {
        Some(endpoint) => {
            Some(Peers { end_port: baseline.last_port.map(std::num::NonZero::get), ..peers(name, endpoint) })
        }
        None if is_hosted(baseline.provider) => Some(Peers {
            name: name.to_owned(),
            pods: Vec::new(),
            blocks: vec![public_internet()],
            ports: hosted_ports(baseline.provider).to_vec(),
            end_port: None,
        }),
        None => None,
    }
}

/// Whether branches and API are the provider's, on the public internet.
fn is_hosted(provider: Provider) -> bool {
    matches!(provider, Provider::Neon | Provider::Planetscale | Provider::Supabase | Provider::CrunchyBridge)
}

/// Neon's pooler has its database's port; a database of `PlanetScale` is of either kind.
fn hosted_ports(provider: Provider) -> &'static [u16] {
    if provider == Provider::Planetscale { &[3306, 5432] } else { &[5432] }
}

/// What a Job reaches: the Kubernetes API, the provider's, and the branch itself.
pub(super) fn job_peers(operations: &Operations, baseline: &Baseline) -> Peers {
    let api = &operations.api_server;
    let mut blocks: Vec<Block> =
        api.cidrs.iter().map(|cidr| Block { cidr: cidr.text.clone(), except: Vec::new() }).collect();
    if blocks.is_empty() {
        blocks.push(Block { cidr: "0.0.0.0/0".into(), except: Vec::new() });
    }
    let mut pods = Vec::new();
    // An Aurora cluster is in a network of one's own, its API is not.
    let is_public = is_hosted(baseline.provider) || baseline.provider == Provider::Aurora;
    if is_public {
        blocks.push(public_internet());
    }
    // The engine's API is where its clones are, and RDS may have an endpoint inside the network.
    if let (Provider::Dblab | Provider::Aurora, Some(endpoint)) = (baseline.provider, &baseline.endpoint) {
        let endpoint = peers("api", endpoint);
        blocks.extend(endpoint.blocks);
        pods.extend(endpoint.pods);
    }
    let mut ports: Vec<u16> = api.ports.iter().map(|port| port.get()).collect();
    let api_port = baseline.api.as_deref().map_or_else(|| is_public.then_some(443), port);
    if let Some(port) = api_port.filter(|port| !ports.contains(port)) {
        ports.push(port);
    }
    Peers { name: "api".into(), pods, blocks, ports, end_port: None }
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
