//! What says that a baseline is sanitized: an in-toto statement in a DSSE envelope, signed with ed25519.
//!
//! While rendering, the signature and the subject are checked ([`Envelope::open`]): offline, without a clock. Inside the
//! cluster the statement's age, its marker inside the branch and its digest of the schema are.
//!
//! Sources: in-toto attestation framework v1 (statement), DSSE v1 (envelope, pre-authentication encoding).

use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The payload of an envelope.
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "https://dayfly.dev/attestations/sanitized-baseline/v1";

/// A signed statement about a baseline: `dayfly db prepare-baseline NAME --sign KEY` prints it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Envelope {
    /// Always `application/vnd.in-toto+json`.
    pub payload_type: String,
    /// The statement, in base64.
    pub payload: String,
    /// Who says so: one of the guardrails' `attestationKeys` is enough.
    pub signatures: Vec<EnvelopeSignature>,
}

/// One key's signature.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EnvelopeSignature {
    /// A hint which key it is; not trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyid: Option<String>,
    /// 64 bytes, in base64.
    pub sig: String,
}

/// An in-toto statement about a baseline.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    /// Always `https://in-toto.io/Statement/v1`.
    #[serde(rename = "_type")]
    pub statement_type: String,
    /// What it is about: one baseline.
    pub subject: Vec<Subject>,
    /// What kind of statement it is: dayfly's about sanitized baselines, and no other is taken.
    pub predicate_type: String,
    /// What it says.
    pub predicate: Predicate,
}

/// What a statement is about.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Subject {
    /// Which baseline ([`crate::input::guardrails::Baseline::subject`]).
    pub name: String,
    /// What its schema was when it was prepared.
    pub digest: Digest,
}

/// A subject's digests.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Digest {
    /// Of the schema: every column and its type, in hexadecimal.
    pub sha256: String,
}

/// What a statement says of its subject.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Predicate {
    /// What masked the data.
    pub by: String,
    /// When the baseline was prepared: RFC 3339, UTC.
    pub at: String,
}

/// How far another machine's clock may be ahead of this one's.
const CLOCK_SKEW: Duration = Duration::from_mins(5);

/// How old what was made then is. `None`: it is dated in the future, so its age says nothing.
pub fn age(made: SystemTime, now: SystemTime) -> Option<Duration> {
    now.duration_since(made)
        .or_else(|ahead| (ahead.duration() <= CLOCK_SKEW).then_some(Duration::ZERO).ok_or(ahead))
        .ok()
}

impl Statement {
    /// A statement about the baseline `subject`.
    pub fn new(subject: String, schema_sha256: String, by: String, at: String) -> Self {
        Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject { name: subject, digest: Digest { sha256: schema_sha256 } }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate { by, at },
        }
    }

    /// The attested digest of the schema.
    pub fn schema_sha256(&self) -> &str {
        self.subject.first().map_or("", |subject| &subject.digest.sha256)
    }
}

impl Envelope {
    /// An envelope without signatures around a statement.
    pub fn new(payload: &[u8]) -> Self {
        Self { payload_type: PAYLOAD_TYPE.to_owned(), payload: BASE64_STANDARD.encode(payload), signatures: Vec::new() }
    }

    /// What is signed (DSSE's pre-authentication encoding).
    pub fn signed_bytes(&self) -> Result<Vec<u8>, String> {
        Ok(self.pre_authentication(&self.payload()?))
    }

    fn pre_authentication(&self, payload: &[u8]) -> Vec<u8> {
        let head = format!("DSSEv1 {} {} {} ", self.payload_type.len(), self.payload_type, payload.len());
        [head.as_bytes(), payload].concat()
    }

    /// The statement's bytes.
    pub fn payload(&self) -> Result<Vec<u8>, String> {
        BASE64_STANDARD.decode(&self.payload).map_err(|_| "its payload is not base64".to_owned())
    }

    /// The statement, whoever signed it.
    pub fn statement(&self) -> Result<Statement, String> {
        self.read(&self.payload()?)
    }

    fn read(&self, payload: &[u8]) -> Result<Statement, String> {
        if self.payload_type != PAYLOAD_TYPE {
            return Err(format!("its payload's type is `{}`, not `{PAYLOAD_TYPE}`", self.payload_type));
        }
        let statement: Statement = serde_json::from_slice(payload)
            .map_err(|error| format!("its payload is no in-toto statement about a baseline: {error}"))?;
        if statement.statement_type != STATEMENT_TYPE || statement.predicate_type != PREDICATE_TYPE {
            return Err(format!(
                "its statement is a `{}` with a `{}`, not a `{STATEMENT_TYPE}` with a `{PREDICATE_TYPE}`",
                statement.statement_type, statement.predicate_type
            ));
        }
        Ok(statement)
    }

    /// The statement, if one of `keys` signed it and it is about `subject`.
    pub fn open(&self, keys: &[AttestationKey], subject: &str) -> Result<Statement, String> {
        let payload = self.payload()?;
        let bytes = self.pre_authentication(&payload);
        let is_signed = self.signatures.iter().any(|signature| {
            let Ok(signature) = BASE64_STANDARD.decode(&signature.sig) else { return false };
            let Ok(signature) = Signature::from_slice(&signature) else { return false };
            keys.iter().any(|key| key.0.verify(&bytes, &signature).is_ok())
        });
        if !is_signed {
            return Err("none of the guardrails' `attestationKeys` signed it".to_owned());
        }
        let statement = self.read(&payload)?;
        match statement.subject.as_slice() {
            [only] if only.name == subject => Ok(statement),
            other => {
                let names: Vec<&str> = other.iter().map(|subject| subject.name.as_str()).collect();
                Err(format!("it is about `{}`, and the baseline is `{subject}`", names.join("`, `")))
            }
        }
    }
}

/// An ed25519 public key, as `openssl pkey -pubout` prints it, without its first and last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttestationKey(VerifyingKey);

/// A `SubjectPublicKeyInfo` of ed25519 is this and 32 bytes (RFC 8410).
const KEY_HEADER: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl crate::input::scalar::Scalar for AttestationKey {
    const FORMAT: &'static str = "ed25519-public-key";
    const EXPECTED: &'static str = "an ed25519 public key: the middle line of `openssl pkey -in KEY -pubout`, which begins with `MCowBQYDK2VwAyEA`";
    const PATTERN: &'static str = r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$";

    fn parse(text: &str) -> Result<Self, String> {
        // Not shown: it may be the private one.
        let refused = || "this key is not allowed here".to_owned();
        let bytes = BASE64_STANDARD.decode(text).map_err(|_| refused())?;
        let key = bytes.strip_prefix(&KEY_HEADER).ok_or_else(refused)?;
        let key = VerifyingKey::try_from(key).map_err(|_| refused())?;
        // Of small order: everything would be signed by it.
        if key.is_weak() { Err(refused()) } else { Ok(Self(key)) }
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn signed(subject: &str) -> (Envelope, AttestationKey) {
        let pair = SigningKey::from_bytes(&[7; 32]);
        let statement =
            Statement::new(subject.into(), "ab".repeat(32), "masking-job".into(), "2026-11-20T00:00:00Z".into());
        let mut envelope = Envelope::new(&serde_json::to_vec(&statement).unwrap());
        let sig = BASE64_STANDARD.encode(pair.sign(&envelope.signed_bytes().unwrap()).to_bytes());
        envelope.signatures.push(EnvelopeSignature { keyid: None, sig });
        (envelope, AttestationKey(pair.verifying_key()))
    }

    #[test]
    fn opens_what_a_trusted_key_signed_about_this_baseline() {
        let (envelope, key) = signed("postgres/shop");
        assert_eq!(envelope.open(&[key], "postgres/shop").unwrap().predicate.by, "masking-job");
    }

    #[test]
    fn refuses_another_key_another_baseline_and_another_payload() {
        let (envelope, key) = signed("postgres/shop");
        let other = AttestationKey(SigningKey::from_bytes(&[8; 32]).verifying_key());
        assert!(envelope.open(&[other], "postgres/shop").unwrap_err().contains("none of"));
        assert!(envelope.open(std::slice::from_ref(&key), "postgres/crm").unwrap_err().contains("`postgres/shop`"));
        let mut changed = envelope.clone();
        changed.payload = signed("postgres/crm").0.payload;
        assert!(changed.open(std::slice::from_ref(&key), "postgres/crm").is_err());
        let mut unsigned = envelope;
        unsigned.signatures.clear();
        assert!(unsigned.open(&[key], "postgres/shop").is_err());
    }

    #[test]
    fn what_is_dated_in_the_future_has_no_age() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(9);
        let of = |ahead: i64| {
            let by = Duration::from_secs(ahead.unsigned_abs());
            age(if ahead < 0 { now - by } else { now + by }, now)
        };
        assert_eq!(of(-60), Some(Duration::from_mins(1)));
        assert_eq!(of(300), Some(Duration::ZERO), "clocks differ");
        assert_eq!(of(301), None);
    }

    #[test]
    fn keys_are_what_openssl_prints() {
        use crate::input::scalar::Scalar as _;
        assert!(AttestationKey::parse("MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").is_ok());
        assert!(AttestationKey::parse("MCowBQYDK2VuAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=").is_err());
        assert!(AttestationKey::parse("not a key").is_err());
        let neutral = BASE64_STANDARD.encode([&KEY_HEADER[..], &[1], &[0; 31]].concat());
        assert!(AttestationKey::parse(&neutral).is_err(), "a weak key");
    }
}
