//! Names, and what begins with one.

use super::{
    image::{may_be_image, split_tag},
    is_decimal, is_name_part, is_qualified_name, text_scalar,
};
use crate::finding::visible;

/// Characters of a DNS name (RFC 1123), and of a key of a ConfigMap or a Secret. Source: Kubernetes, `IsDNS1123Subdomain` and
/// `IsConfigMapKey` in `apimachinery/pkg/util/validation/validation.go`.
pub const MOST_OF_NAME: usize = 253;
/// Characters of a DNS label (RFC 1123), of the value of a Kubernetes label, and of the name in a key. Source: `IsDNS1123Label`,
/// `IsValidLabelValue` and `IsQualifiedName`, in the same file.
pub const MOST_OF_LABEL: usize = 63;
/// With a label and a dot in front, it is a name.
const MOST_OF_DOMAIN: usize = MOST_OF_NAME - (MOST_OF_LABEL + 1);

text_scalar!(
    /// A DNS label (RFC 1123): what Kubernetes takes for a Namespace or a Service.
    DnsLabel,
    "dns-label",
    "lower-case letters, digits and inner `-`, at most 63, beginning with a letter",
    r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$",
    |text| is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
text_scalar!(
    /// The name of something that is defined elsewhere. It may be none that can be defined: whoever looks it up says what there is, which
    /// says more than a grammar would.
    Reference,
    "reference",
    "a name that is defined: at most 63 characters, beginning with a letter, no `${{` in it",
    r"^[^0-9][\s\S]{0,62}$",
    |text| {
        text.starts_with(char::is_alphabetic)
            && (is_dns_label(text) || text.len() <= MOST_OF_LABEL && is_literal(text) && visible(text) == text)
    }
);
text_scalar!(
    /// What names begin with: a [`DnsLabel`] that may end with `-`. With a letter behind it, it is the beginning of one.
    NamePrefix,
    "name-prefix",
    "lower-case letters, digits and `-`, at most 62, beginning with a letter",
    r"^[a-z][-a-z0-9]{0,61}$",
    |text| is_dns_label(&format!("{text}a")) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
text_scalar!(
    /// A DNS name of one or more labels.
    DnsName,
    "dns-name",
    "a DNS name such as `preview.example.com`",
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    is_dns_name
);
text_scalar!(
    /// What hosts are made below.
    Domain,
    "domain",
    "a DNS name such as `preview.example.com`, at most 189 characters",
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$",
    |text| is_dns_name(text) && text.len() <= MOST_OF_DOMAIN
);
text_scalar!(
    /// The name of an environment variable, as every shell takes it, and a Secret as a key.
    EnvName,
    "environment-variable",
    "letters, digits and `_`, not beginning with a digit, at most 253",
    r"^[A-Za-z_][A-Za-z0-9_]{0,252}$",
    |text| {
        text.len() <= MOST_OF_NAME
            && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
);
text_scalar!(
    /// The name of a flag: of each character one is in the key `FLAG_…` of a ConfigMap.
    FlagName,
    "flag",
    "1 to 248 characters",
    r"^[\s\S]{1,248}$",
    |text| (1..=MOST_OF_NAME - "FLAG_".len()).contains(&text.chars().count())
);
text_scalar!(
    /// Where images may come from: a registry, or a path in one that ends with `/`.
    ImagePrefix,
    "image-prefix",
    "a registry or a path in one, in lower-case letters and ending with `/`: `ghcr.io/acme/`",
    r"^[A-Za-z0-9._:-]*[A-Za-z0-9._-]/([a-z0-9._-]+/)*$",
    is_image_prefix
);
text_scalar!(
    /// An image whose content is fixed.
    ImageDigest,
    "image-digest",
    "an image by its digest: `REGISTRY/NAME@sha256:…`",
    r"^[^ @]+@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$",
    |text| {
        text.split_once('@').is_some_and(|(name, digest)| may_be_image(split_tag(name).0) && is_digest(digest))
    }
);
text_scalar!(
    /// The value of a Kubernetes label, not empty.
    LabelValue,
    "label-value",
    "at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit",
    r"^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    is_name_part
);
text_scalar!(
    /// The key of a Kubernetes label.
    LabelKey,
    "label-key",
    "a name of at most 63 letters, digits, `-`, `_` and `.`, perhaps behind a DNS name and `/`",
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    is_qualified_name
);
text_scalar!(
    /// A version of the Pod Security Standards. Source: `ParseVersion` in `k8s.io/pod-security-admission/api/helpers.go`.
    PodSecurityVersion,
    "pod-security-version",
    "`latest` or a minor version of Kubernetes, such as `v1.34`",
    r"^(latest|v1\.(0|[1-9][0-9]{0,8}))$",
    is_pod_security_version
);
text_scalar!(
    /// A key of the secret store and a property in it: `storefront/stripe#api_key`; without `#`, the whole secret.
    SecretKey,
    "secret-key",
    "a path below the secrets' prefix, and after `#` a property: `storefront/stripe#api_key`; no `${{` in it",
    r"^[^#]+(#[^#]+)?$",
    |text| {
        let (path, property) = text.split_once('#').unwrap_or((text, "value"));
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= 512 && is_literal(text) && !text.contains(|c: char| c.is_control() || c == '#')
        };
        plain(path) && plain(property)
    }
);

impl PartialEq<Reference> for DnsLabel {
    fn eq(&self, other: &Reference) -> bool {
        **self == **other
    }
}

impl From<&DnsLabel> for Reference {
    fn from(name: &DnsLabel) -> Self {
        Self(name.0.clone())
    }
}

/// Source: the OCI image specification, `descriptor.md`, registered algorithms.
pub fn is_digest(digest: &str) -> bool {
    let length = match digest.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 => 64,
        Some(("sha512", hex)) if hex.len() == 128 => 128,
        _ => return false,
    };
    digest.bytes().rev().take(length).all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

/// RFC 1123, as Kubernetes has it: at most 63 lower-case letters, digits and inner hyphens.
pub fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    (1..=MOST_OF_LABEL).contains(&bytes.len())
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|b| edge(b) || *b == b'-')
}

/// RFC 1123 subdomain: labels and dots, at most 253.
pub fn is_dns_name(text: &str) -> bool {
    text.len() <= MOST_OF_NAME && text.split('.').all(is_dns_label)
}

/// No web address, and nothing that no image could begin with.
fn is_image_prefix(text: &str) -> bool {
    text.strip_suffix('/').is_some_and(|path| path.split('/').all(|part| !part.is_empty() && !part.ends_with(':')))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_:".contains(&b))
        && may_be_image(&format!("{text}a"))
}

/// One that no Kubernetes has yet is fine: it means the newest.
fn is_pod_security_version(text: &str) -> bool {
    text == "latest" || text.strip_prefix("v1.").is_some_and(|minor| minor.len() <= 9 && is_decimal(minor))
}

/// Where nothing is filled in, whoever writes an expression believes so.
pub(super) fn is_literal(text: &str) -> bool {
    !text.contains("${{")
}

#[cfg(test)]
mod tests {
    use super::{
        DnsLabel, Domain, EnvName, FlagName, ImageDigest, ImagePrefix, LabelKey, LabelValue, NamePrefix,
        PodSecurityVersion, Reference, SecretKey, is_dns_label, is_dns_name,
    };
    use crate::input::scalar::Scalar as _;

    #[test]
    fn names() {
        assert!(is_dns_label("a-1") && is_dns_label("1a") && is_dns_label(&"a".repeat(63)));
        assert!(DnsLabel::parse("1a").is_err());
        for text in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(!is_dns_label(text), "{text}");
        }
        for (text, is_prefix) in
            [("pr-", true), ("pr", true), ("-pr", false), ("1-", false), ("Pr-", false), ("a.", false)]
        {
            assert_eq!(NamePrefix::parse(text).is_ok(), is_prefix, "{text}");
        }
        assert!(is_dns_name("a.b-c.d") && !is_dns_name("a..b") && !is_dns_name(".a"));
        assert!(LabelValue::parse("A_b.c-1").is_ok());
        for text in ["", "a ", "-a"] {
            assert!(LabelValue::parse(text).is_err(), "{text}");
        }
    }

    /// They are shown as they are, wherever they lead.
    #[test]
    fn references_are_harmless() {
        for text in ["web", "Web", "stripe_sandbox", "of the team", "ä", &"a".repeat(63)] {
            assert!(Reference::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "8080", "a\nb", "\u{1b}[31m", "a\u{a0}b", "db://u:secret@h", "${{ pr.number }}", &"a".repeat(64)]
        {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_made_of_a_name_has_room() {
        let label = "a".repeat(63);
        let domain = format!("{label}.{label}.{}", "a".repeat(61));
        assert_eq!(domain.len(), 189);
        assert!(Domain::parse(&domain).is_ok() && is_dns_name(&format!("{label}.{domain}")));
        assert!(is_dns_name(&format!("{domain}a")) && Domain::parse(&format!("{domain}a")).is_err());
        assert!(Domain::parse("dev").is_ok() && Domain::parse("a..b").is_err());
        assert!(EnvName::parse(&"a".repeat(253)).is_ok() && EnvName::parse(&"a".repeat(254)).is_err());
        assert!(FlagName::parse(&"ä".repeat(248)).is_ok() && FlagName::parse(&"a".repeat(249)).is_err());
        assert!(FlagName::parse("new cart").is_ok() && FlagName::parse("").is_err());
    }

    #[test]
    fn keys_of_labels() {
        for text in ["app", "k8s-app", "app.kubernetes.io/name", "dns.operator.openshift.io/daemonset-dns", "A_b.c"] {
            assert!(LabelKey::parse(text).is_ok(), "{text}");
        }
        for text in ["", "a b", "/a", "a/", "a/b/c", "Acme.dev/a", "-a", "ä", &"a".repeat(64)] {
            assert!(LabelKey::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn registries() {
        for text in
            ["ghcr.io/", "ghcr.io/acme/", "registry.acme.dev:5000/", "docker.io/library/", "acme/", "localhost/"]
        {
            assert!(ImagePrefix::parse(text).is_ok(), "{text}");
        }
        for text in
            ["", "/", "ghcr.io", "ghcr.io//", "/acme/", "https://ghcr.io/acme/", "https:/", "ghcr.io/*", "ghcr.io/a b/"]
        {
            assert!(ImagePrefix::parse(text).is_err(), "{text}");
        }
        // No image is below one of these.
        for text in ["ghcr.io/Acme/", "Acme/", "ghcr.io/acme/../", "ghcr.io/acme_/", "ghcr.io/acme:5000/"] {
            assert!(ImagePrefix::parse(text).is_err(), "{text}");
        }
        for (name, is_one) in [
            ("ghcr.io/acme/dayfly", true),
            ("ghcr.io/acme/dayfly:0.1.0", true),
            ("dayfly", true),
            ("", false),
            ("ghcr.io/Acme/dayfly", false),
            ("https://ghcr.io/acme/dayfly", false),
            ("ghcr.io/acme/", false),
            ("ghcr.io/acme/day fly", false),
        ] {
            let image = format!("{name}@sha256:{}", "a".repeat(64));
            assert_eq!(ImageDigest::parse(&image).is_ok(), is_one, "{image}");
        }
    }

    #[test]
    fn versions_of_the_pod_security_standards() {
        for text in ["latest", "v1.0", "v1.34", "v1.100"] {
            assert!(PodSecurityVersion::parse(text).is_ok(), "{text}");
        }
        for text in ["", "foo", "Latest", "1.34", "v1", "v1.", "v1.34.1", "v1.034", "v1.+3", "v2.0", "v1.34-alpha"] {
            assert!(PodSecurityVersion::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn secret_keys_have_a_path_and_perhaps_a_property() {
        for text in ["storefront/stripe#api_key", "storefront/stripe"] {
            assert!(SecretKey::parse(text).is_ok(), "{text}");
        }
        for text in ["", "#x", "a#", "a#b#c", "a\n#b", "a/${{ pr.number }}#b"] {
            assert!(SecretKey::parse(text).is_err(), "{text}");
        }
    }
}
