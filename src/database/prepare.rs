//! `dayfly db prepare-baseline`: makes a masked database something that may be branched, and says so in writing.

use std::{path::Path, time::SystemTime};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

use super::{
    attestation::{Envelope, EnvelopeSignature, Statement},
    check,
    engine::Engine,
    failure::refuse,
    log::Log,
    scan, schema,
    session::Marker,
    spec::BaselineSpec,
    time,
};

/// Prepares the baseline. With a key, a sanitized one gets an attestation. Whoever calls this has the engine leave the baseline when
/// it fails or is ended.
pub async fn prepare(
    baseline: &BaselineSpec<'_>,
    engine: &dyn Engine,
    key: Option<&Path>,
    log: &Log,
) -> Result<Option<Envelope>> {
    // A key that cannot be read should not leave a half prepared baseline.
    let key = key.map(read_key).transpose()?;
    let mut session = engine.open_baseline().await?;
    if !session.runs().await?.is_empty() {
        refuse!(
            "the baseline `{}` has the records of a branch that it was made from: in it, `DROP SCHEMA dayfly_branch CASCADE` (MySQL: `DROP TABLE IF EXISTS _dayfly_runs, _dayfly_files`), then call this again",
            baseline.name
        );
    }
    check::contents(&mut *session, baseline, log).await?;
    let columns = session.columns().await?;
    let digest = schema::digest(&columns);
    log.info(format!("{} columns, schema digest sha256:{digest}", columns.len()));
    let report = scan::scan(&mut *session, &columns).await?;
    for ((column, shape), count) in &report.seen {
        log.warn(format!("{column}: {count} of the sampled values look like {}", shape.name()));
    }
    session.settle(log).await.context("what masking left behind cannot be removed from the baseline")?;
    let mut envelope = None;
    if let Some(sanitized) = &baseline.entry.sanitized {
        let at = time::text(SystemTime::now());
        let statement = Statement::new(baseline.entry.subject(), digest.clone(), sanitized.by.clone(), at.clone());
        let payload = serde_json::to_vec(&statement)?;
        let marker = Marker { statement: schema::sha256(&payload), by: sanitized.by.clone(), at, schema: digest };
        engine.mark_baseline(&mut *session, &marker).await.context("the marker cannot be written into the baseline")?;
        if let Some(key) = key {
            let mut signed = Envelope::new(&payload);
            let bytes = signed.signed_bytes().map_err(anyhow::Error::msg)?;
            let sig = BASE64_STANDARD.encode(key.sign(&bytes));
            let keyid = Some(schema::sha256(key.public_key().as_ref()));
            signed.signatures.push(EnvelopeSignature { keyid, sig });
            envelope = Some(signed);
        }
    }
    drop(session);
    engine.freeze_baseline().await?;
    log.info(format!("the baseline `{}` is prepared: branches may be made from it", baseline.name));
    Ok(envelope)
}

/// A private key as `openssl genpkey -algorithm ed25519` writes it.
fn read_key(path: &Path) -> Result<Ed25519KeyPair> {
    let what =
        || format!("`{}` is no ed25519 private key: `openssl genpkey -algorithm ed25519 -out KEY`", path.display());
    let der = PrivateKeyDer::from_pem_file(path).with_context(what)?;
    Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_der()).map_err(|_| anyhow::anyhow!(what()))
}
