//! Names, paths and addresses, checked byte by byte: a regular expression compiled at start-up would cost more than a
//! whole render.

use super::Scalar;

/// Characters of a DNS name (RFC 1123), and of a key of a ConfigMap or a Secret. Source: Kubernetes, `IsDNS1123Subdomain` and
/// `IsConfigMapKey` in `apimachinery/pkg/util/validation/validation.go`.
const MOST_OF_NAME: usize = 253;
/// With a label of 63 and a dot in front, it is a name.
const MOST_OF_DOMAIN: usize = MOST_OF_NAME - (63 + 1);

/// A string newtype whose whole knowledge is a predicate.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident, $format:literal, $expected:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl Scalar for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Result<Self, String> {
                let test: fn(&str) -> bool = $test;
                if test(text) { Ok(Self(text.to_owned())) } else { Err(format!("`{}` is not allowed here", crate::finding::visible(text))) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_scalar!(
    /// A DNS label (RFC 1123): what Kubernetes takes for a Namespace or a Service.
    DnsLabel,
    "dns-label",
    "lower-case letters, digits and `-`, at most 63, beginning with a letter",
    |text| is_dns_label(text) && text.starts_with(|c: char| c.is_ascii_lowercase())
);
text_scalar!(
    /// A DNS name of one or more labels.
    DnsName,
    "dns-name",
    "a DNS name such as `preview.example.com`",
    is_dns_name
);
text_scalar!(
    /// What hosts are made below.
    Domain,
    "domain",
    "a DNS name such as `preview.example.com`, at most 189 characters",
    |text| is_dns_name(text) && text.len() <= MOST_OF_DOMAIN
);
text_scalar!(
    /// The name of an environment variable, as every shell takes it, and a Secret as a key.
    EnvName,
    "environment-variable",
    "letters, digits and `_`, not beginning with a digit, at most 253",
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
    |text| (1..=MOST_OF_NAME - "FLAG_".len()).contains(&text.chars().count())
);
text_scalar!(
    /// Where images may come from: a registry, or a path in one that ends with `/`.
    ImagePrefix,
    "image-prefix",
    "a registry or a path in one, ending with `/`: `ghcr.io/acme/`",
    |text| text.ends_with('/') && text.len() > 1 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_:".contains(&b))
);
text_scalar!(
    /// An image whose content is fixed.
    ImageDigest,
    "image-digest",
    "an image by its digest: `REGISTRY/NAME@sha256:…`",
    |text| text.split_once('@').is_some_and(|(name, digest)| !name.is_empty() && !text.contains(' ') && is_digest(digest))
);
text_scalar!(
    /// The value of a Kubernetes label, not empty.
    LabelValue,
    "label-value",
    "at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit",
    is_label_value
);
text_scalar!(
    /// The key of a Kubernetes label.
    LabelKey,
    "label-key",
    "a name of at most 63 letters, digits, `-`, `_` and `.`, perhaps behind a DNS name and `/`",
    crate::rules::qualified::is_key
);
text_scalar!(
    /// A version of the Pod Security Standards. Source: `ParseVersion` in `k8s.io/pod-security-admission/api/helpers.go`.
    PodSecurityVersion,
    "pod-security-version",
    "`latest` or a minor version of Kubernetes, such as `v1.34`",
    is_pod_security_version
);
text_scalar!(
    /// A path below the folder of the file that names it.
    RelativePath,
    "relative-path",
    "a path below this folder, without `..` or `${{`",
    is_relative_path
);
text_scalar!(
    /// A key of the secret store and a property in it: `storefront/stripe#api_key`; without `#`, the whole secret.
    SecretKey,
    "secret-key",
    "a path below the secrets' prefix, and after `#` a property: `storefront/stripe#api_key`; no `${{` in it",
    |text| {
        let (path, property) = text.split_once('#').unwrap_or((text, "value"));
        let plain = |text: &str| {
            !text.is_empty() && text.len() <= 512 && is_literal(text) && !text.contains(|c: char| c.is_control() || c == '#')
        };
        plain(path) && plain(property)
    }
);
text_scalar!(
    /// A web address.
    Url,
    "web-url",
    "an address that begins with `https://` or `http://`",
    |text| {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        rest.is_some_and(|rest| {
            !rest.is_empty()
                && !rest.starts_with('/')
                && text.len() <= 2048
                && text.bytes().all(|b| b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b))
        })
    }
);

text_scalar!(
    /// The path of a web address, as Gateway API and Ingress both take it, written in the one way that names it: to both,
    /// `/api/` is the prefix `/api`.
    UrlPath,
    "url-path",
    "a path such as `/api`: at most 1024 characters of a web address, no `/` at its end, no `//`, `.`, `..` or `%2F` in it, and `%` only before what needs it, with capital letters (`%C3`)",
    is_url_path
);
text_scalar!(
    /// A folder in a container, written in the one way that names it.
    AbsolutePath,
    "absolute-path",
    "a folder such as `/var/cache`: not `/` itself, nothing at its end, no `//`, `.`, `..`, `:` or `${{` in it",
    is_absolute_path
);
text_scalar!(
    /// A file or folder of an image, written in the one way that names it.
    ImagePath,
    "image-path",
    "a path in the image such as `prisma/migrations` or `/app/migrations`: at most 512 bytes, nothing at its end, no `//`, `.`, `..`, `\\`, `${{` or control characters in it",
    is_image_path
);

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
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge)
        && bytes.iter().all(|b| edge(b) || *b == b'-')
}

/// RFC 1123 subdomain: labels and dots, at most 253.
pub fn is_dns_name(text: &str) -> bool {
    text.len() <= MOST_OF_NAME && text.split('.').all(is_dns_label)
}

/// A label's value, as Kubernetes has it, but not empty.
pub fn is_label_value(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

/// One that no Kubernetes has yet is fine: it means the newest.
fn is_pod_security_version(text: &str) -> bool {
    text == "latest"
        || text.strip_prefix("v1.").is_some_and(|minor| {
            (1..=9).contains(&minor.len())
                && minor.bytes().all(|b| b.is_ascii_digit())
                && (minor == "0" || !minor.starts_with('0'))
        })
}

/// Where nothing is filled in, whoever writes an expression believes so.
fn is_literal(text: &str) -> bool {
    !text.contains("${{")
}

fn is_url_path(text: &str) -> bool {
    let bytes = text.as_bytes();
    let escape = |at: usize| {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        let byte = std::str::from_utf8(digits).ok().and_then(|digits| u8::from_str_radix(digits, 16).ok());
        // A letter or digit would be the same path, to some controllers; RFC 3986, 6.2.2.
        digits.len() == 2
            && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'))
            && byte.is_some_and(|byte| !byte.is_ascii_alphanumeric() && !b"-._~/".contains(&byte))
    };
    text.len() <= 1024
        && text.starts_with('/')
        && bytes.iter().enumerate().all(|(at, b)| match b {
            b'%' => escape(at),
            _ => b.is_ascii_alphanumeric() || b"-/._~!$&'()*+,;=:@".contains(b),
        })
        && !text.contains("//")
        && (text == "/" || !text.ends_with('/'))
        && text.split('/').all(|segment| segment != "." && segment != "..")
}

fn is_absolute_path(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(|below| {
        below.len() < 512
            && is_literal(below)
            && !below.contains(|c: char| c.is_control() || c == ':' || c == '\\')
            && below.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
    })
}

fn is_image_path(text: &str) -> bool {
    text.len() <= 512
        && is_literal(text)
        && !text.contains(|c: char| c.is_control() || c == '\\')
        && text.strip_prefix('/').unwrap_or(text).split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_relative_path(text: &str) -> bool {
    text.len() <= 512
        && is_literal(text)
        && !text.contains(|c: char| c.is_control() || c == '\\')
        && text.split('/').all(|part| !part.is_empty() && part != "..")
}

#[cfg(test)]
mod tests {
    use super::{
        AbsolutePath, DnsLabel, Domain, EnvName, FlagName, ImagePath, LabelKey, PodSecurityVersion, Scalar, SecretKey,
        Url, UrlPath, is_dns_label, is_dns_name, is_label_value,
    };

    #[test]
    fn names() {
        assert!(is_dns_label("a-1") && is_dns_label("1a") && is_dns_label(&"a".repeat(63)));
        assert!(DnsLabel::parse("1a").is_err());
        for text in ["", "-a", "a-", "A", "a.b", "a_b", "ä", &"a".repeat(64)] {
            assert!(!is_dns_label(text), "{text}");
        }
        assert!(is_dns_name("a.b-c.d") && !is_dns_name("a..b") && !is_dns_name(".a"));
        assert!(is_label_value("A_b.c-1") && !is_label_value("a ") && !is_label_value("") && !is_label_value("-a"));
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

    #[test]
    fn paths_of_addresses() {
        let long = |length: usize| format!("/{}", "a".repeat(length - 1));
        for text in ["/", "/api", "/.well-known/x", "/a.b/..c", "/a%20b", "/%C3%A4", "/~me/(x);v=1,2", &long(1024)] {
            assert!(UrlPath::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "api",
            "//",
            "/api/",
            "/api//",
            "//api",
            "/a/b/",
            "/a//b",
            "/.",
            "/..",
            "/a/../b",
            "/a/.",
            "/./a",
            "/a b",
            "/a?b",
            "/a#b",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a%2fb",
            "/a%2Fb",
            "/%61dmin",
            "/%2E%2E/b",
            "/a%2Db",
            "/%c3%a4",
            "/a%+1b",
            "/ä",
            "/a\nb",
            "/a|b",
            "/a{b}",
            "https://x.dev/a",
            &long(1025),
        ] {
            assert!(UrlPath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn folders() {
        for text in ["/a", "/var/cache/app", "/home/node/.npm", "/a b", "/..a"] {
            assert!(AbsolutePath::parse(text).is_ok(), "{text}");
        }
        for text in ["", "/", "a", "./a", "/a/", "//a", "/a//b", "/a/.", "/a/../b", "/a:b", "/a\\b", "/a\nb"] {
            assert!(AbsolutePath::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_in_an_image() {
        for text in ["migrations", "db/migrate", "/app/db", "a b/*.sql", "a:b", "..a/b..", &"a".repeat(512)] {
            assert!(ImagePath::parse(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "/",
            ".",
            "..",
            "./a",
            "a/",
            "a//b",
            "//a",
            "a/./b",
            "a/../b",
            "/..",
            "a\\b",
            "a\nb",
            "a\0",
            "a\u{85}b",
            "a/${{ pr.headSha }}",
            &"a".repeat(513),
        ] {
            assert!(ImagePath::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn addresses() {
        assert!(Url::parse("https://github.com/a/b/pull/1?x=y#z").is_ok());
        for text in ["javascript:alert(1)", "https://", "https:///x", "https://a b", "https://a\"b", "ftp://a"] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
