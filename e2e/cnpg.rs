//! A `Cluster` of `CloudNativePG`'s, which its own operator recovers from a snapshot that a CSI driver made: `e2e/run --cnpg`.

use crate::argo::{Ask, Environment, SPLIT};
use crate::case::Case;
use crate::kube::{array, get, json, kubectl, list, name, text};
use crate::lifecycle;
use crate::pods::Inside;
use crate::process::until;

const CNPG: Ask = Ask { plugin: "dayfly-cnpg", ..SPLIT };

fn case(number: u32) -> Case {
    Case::new("storefront", number).of("database-cnpg")
}

/// Recovered, checked, migrated, seeded and read; no difference for ever; pushed to; gone, with the volume, and the snapshot stays.
#[test]
fn lives_from_the_first_sync_to_the_deletion() {
    lifecycle::live(|| case(206), &CNPG);
    let left = |kind: &str| json(&kubectl(&["get", kind, "-o", "json"])).to_string();
    until(60, || {
        let volumes = left("persistentvolumes,volumesnapshotcontents");
        if volumes.contains("storefront-pr-206") { Err(volumes) } else { Ok(()) }
    });
}
