//! What a destination of the guardrails comes to: an entry of the catalogue, or where a baseline's branches are.

use crate::{
    input::{
        Ordered,
        guardrails::{Destination, Fqdn},
        scalar::{Cidr, DnsLabel, LabelKey, LabelValue},
    },
    value::Value,
};

use super::environment::{Block, NamedPeer, Peers, PodPeer};

/// IPv4 addresses that are not the public internet's: private, shared, link-local (cloud metadata), loopback, protocols',
/// documentation's, benchmarks', multicast, reserved. Source: IANA's IPv4 special-purpose registry (RFC 6890), all that is not
/// globally reachable; `168.63.129.16` is Azure's for every virtual machine.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
];

/// All that IANA gives out for unicast on the internet (RFC 4291, the IPv6 address space registry). Outside of it are loopback,
/// IPv4 in IPv6's clothes (`::ffff:0:0/96`, `64:ff9b::/96`), `fc00::/7` (with the clouds' metadata: `fd00:ec2::254`,
/// `fd20:ce::254`), link-local, multicast, and what may be given a meaning yet.
const PUBLIC_V6: &str = "2000::/3";

/// What of it is not the public internet's: protocols' (Teredo, benchmarks), documentation's, 6to4 with any IPv4 address in
/// it. Source: IANA's IPv6 special-purpose registry.
const NOT_PUBLIC_V6: &[&str] = &["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"];

/// What is opened for a destination.
#[derive(Debug)]
pub(super) enum Opened {
    Peers(Peers),
    /// A host name, which Cilium holds.
    Name(NamedPeer),
    Nothing,
}

/// A name alone is beyond a `NetworkPolicy`: what then, the guardrails say. Whoever calls has asked `rules::egress::reachable`, so
/// that there are always some peers: to a `NetworkPolicy`, none are all.
pub(super) fn opened(name: &str, destination: &Destination, fqdn: Fqdn) -> Opened {
    match (destination.only_name(), fqdn) {
        (None, _) => Opened::Peers(peers(name, destination)),
        (Some(_), Fqdn::Closed) => Opened::Nothing,
        (Some(_), Fqdn::PublicInternet) => Opened::Peers(public_internet(name, vec![destination.port.get()])),
        (Some(host), Fqdn::Cilium) => Opened::Name(NamedPeer {
            name: name.to_owned(),
            fqdn: host.to_string(),
            port: destination.port.to_string(),
            end_port: None,
        }),
    }
}

/// What a destination with addresses or Pods comes to in a `NetworkPolicy`.
fn peers(name: &str, destination: &Destination) -> Peers {
    Peers {
        name: name.to_owned(),
        pods: destination.namespace.iter().map(|namespace| pods(namespace, &destination.pod_labels)).collect(),
        blocks: blocks(&destination.cidrs),
        ports: vec![destination.port.get()],
        end_port: None,
    }
}

/// Addresses, all of each block.
pub(super) fn blocks(cidrs: &[Cidr]) -> Vec<Block> {
    cidrs.iter().map(|cidr| Block { cidr: cidr.text.clone(), except: Vec::new() }).collect()
}

pub(super) fn labels(labels: &Ordered<LabelValue, LabelKey>) -> Value {
    Value::map(labels.iter().map(|(key, value)| (key.to_owned(), Value::string(&**value))))
}

pub(super) fn pods(namespace: &DnsLabel, pod_labels: &Ordered<LabelValue, LabelKey>) -> PodPeer {
    PodPeer { namespace: namespace.to_string(), labels: labels(pod_labels) }
}

/// Some ports of all public addresses.
pub(super) fn public_internet(name: &str, ports: Vec<u16>) -> Peers {
    Peers { name: name.to_owned(), pods: Vec::new(), blocks: public_addresses().into(), ports, end_port: None }
}

pub(super) fn public_addresses() -> [Block; 2] {
    [
        Block { cidr: "0.0.0.0/0".into(), except: NOT_PUBLIC.to_vec() },
        Block { cidr: PUBLIC_V6.into(), except: NOT_PUBLIC_V6.to_vec() },
    ]
}

/// What was asked for, if something else is granted, and what is granted: in words.
pub(super) fn in_words(destination: &Destination, opened: &Opened) -> (Option<String>, String) {
    let with_port = |place: String| format!("{place}, port {}", destination.port);
    let asked = with_port(places(destination));
    match opened {
        Opened::Nothing => (Some(asked), "nothing".into()),
        Opened::Peers(_) if destination.only_name().is_some() => {
            (Some(asked), with_port("every public address".into()))
        }
        Opened::Peers(_) | Opened::Name(_) => (None, asked),
    }
}

/// Beside addresses a name says only whose they are.
fn places(destination: &Destination) -> String {
    let name = destination.only_name().map(ToString::to_string);
    let namespace = destination.namespace.as_ref().map(|namespace| format!("namespace {namespace}"));
    let blocks = destination.cidrs.iter().map(|cidr| cidr.text.clone());
    let places: Vec<String> = name.into_iter().chain(namespace).chain(blocks).collect();
    if places.is_empty() { "nowhere".into() } else { places.join(", ") }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{Destination, Fqdn, Opened, in_words, opened, public_addresses};
    use crate::input::scalar::{Cidr, Scalar as _};

    fn bits(address: &str) -> u128 {
        match address.parse().unwrap() {
            IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
            IpAddr::V6(address) => u128::from(address),
        }
    }

    fn has(block: &str, address: &str) -> bool {
        let (first, length) = block.split_once('/').unwrap();
        let length: u32 = length.parse().unwrap();
        let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
        first.contains(':') == address.contains(':') && bits(first) == bits(address) & mask
    }

    fn is_open(address: &str) -> bool {
        public_addresses()
            .iter()
            .any(|block| has(&block.cidr, address) && !block.except.iter().any(|except| has(except, address)))
    }

    /// As the API server has it: each is a block, and strictly within its own.
    #[test]
    fn exceptions_lie_within_their_blocks() {
        for block in public_addresses() {
            Cidr::parse(&block.cidr).unwrap();
            for except in &block.except {
                Cidr::parse(except).unwrap();
                let (first, length) = except.split_once('/').unwrap();
                let outer: u32 = block.cidr.split_once('/').unwrap().1.parse().unwrap();
                assert!(has(&block.cidr, first) && length.parse::<u32>().unwrap() > outer, "{except}");
            }
        }
    }

    /// The registries' entries that are not globally reachable, and a few more.
    #[test]
    fn public_addresses_are_public() {
        for address in ["1.1.1.1", "54.187.174.169", "2606:4700::1111", "2a05:d014::1", "3ffe::1", "192.0.1.1"] {
            assert!(is_open(address), "{address}");
        }
        for address in [
            "0.0.0.1",
            "10.96.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "168.63.129.16",
            "169.254.169.254",
            "172.31.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.168.1.1",
            "198.19.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "100::1",
            "100:0:0:1::1",
            "2001::1",
            "2001:2::1",
            "2001:db8::1",
            "2002:a00:1::1",
            "3fff::1",
            "5f00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::a9fe:a9fe",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_open(address), "{address}");
        }
    }

    #[test]
    fn nothing_is_opened_but_what_is_said() {
        let said = |json: &str, fqdn| {
            let destination: Destination = serde_json::from_str(json).unwrap();
            let opened = opened("x", &destination, fqdn);
            if let Opened::Peers(peers) = &opened {
                assert!(!peers.blocks.is_empty() || !peers.pods.is_empty(), "{json}");
            }
            in_words(&destination, &opened)
        };
        let asked = |text: &str| Some(text.to_owned());
        let name = r#"{"fqdn": "db.acme.dev", "port": 5432}"#;
        assert_eq!(said(name, Fqdn::Closed), (asked("db.acme.dev, port 5432"), "nothing".into()));
        assert_eq!(said(name, Fqdn::Cilium), (None, "db.acme.dev, port 5432".into()));
        let public = "every public address, port 5432".to_owned();
        assert_eq!(said(name, Fqdn::PublicInternet), (asked("db.acme.dev, port 5432"), public));
        let both = r#"{"fqdn": "db.acme.dev", "cidrs": ["198.51.100.0/24"], "port": 5432}"#;
        for fqdn in [Fqdn::Closed, Fqdn::Cilium, Fqdn::PublicInternet] {
            assert_eq!(said(both, fqdn), (None, "198.51.100.0/24, port 5432".into()));
        }
        let pods = r#"{"namespace": "db", "cidrs": ["198.51.100.0/24"], "port": 5432}"#;
        assert_eq!(said(pods, Fqdn::Closed), (None, "namespace db, 198.51.100.0/24, port 5432".into()));
    }
}
