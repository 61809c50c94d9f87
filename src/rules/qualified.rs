//! Qualified names: what keys of labels and annotations, values of labels, and resources look like.

/// A qualified name: a name of 63 characters, perhaps behind a DNS name and a slash. API servers lower the case of an
/// annotation's prefix before they look, but nobody means that.
pub(crate) fn is_key(key: &str) -> bool {
    // What dayfly's own templates write on every object comes first: no need to look at each letter of it.
    let own = key
        .strip_prefix("app.kubernetes.io/")
        .or_else(|| key.strip_prefix("dayfly.dev/"))
        .or_else(|| key.strip_prefix("argocd.argoproj.io/"));
    let name = own.or_else(|| match key.split_once('/') {
        Some((domain, name)) => is_domain(domain).then_some(name),
        None => Some(key),
    });
    name.is_some_and(is_name_part)
}

/// As `is_dns_name`, but in one pass: this runs for every label of every object.
fn is_domain(domain: &str) -> bool {
    let mut before = b'.';
    let mut length = 0_usize;
    let good = domain.bytes().all(|b| {
        let fits = match CLASS[usize::from(b)] {
            EDGE => true,
            _ if b == b'-' => before != b'.',
            _ if b == b'.' => before != b'.' && before != b'-',
            _ => false,
        };
        length = if b == b'.' { 0 } else { length + 1 };
        before = b;
        fits && length <= 63
    });
    good && domain.len() <= 253 && !matches!(before, b'.' | b'-')
}

/// The last part of a qualified name, which is also what a label's value looks like.
pub(super) fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| CLASS[usize::from(*b)] != OTHER)
}

const OTHER: u8 = 0;
/// Lower-case letters and digits.
const EDGE: u8 = 1;
/// What else may be in a qualified name.
const INNER: u8 = 2;

const CLASS: [u8; 256] = {
    let mut class = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        #[allow(clippy::cast_possible_truncation)] // below 128
        let b = byte as u8;
        class[byte] = match b {
            b'a'..=b'z' | b'0'..=b'9' => EDGE,
            b'A'..=b'Z' | b'-' | b'_' | b'.' => INNER,
            _ => OTHER,
        };
        byte += 1;
    }
    class
};

#[cfg(test)]
mod tests {
    use crate::input::scalar::is_dns_name;

    #[test]
    fn domains_are_dns_names() {
        let long = format!("{}.{}", "a".repeat(63), "b".repeat(63));
        let longer = "a".repeat(64);
        for text in [
            "a", "a.b", "a-b.c", "1.2", "", ".", "a.", ".a", "a..b", "-a", "a-", "a-.b", "a.-b", "A", "a_b", "ä",
            &long, &longer,
        ] {
            assert_eq!(super::is_domain(text), is_dns_name(text), "{text}");
        }
    }
}
