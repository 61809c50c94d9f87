//! Qualified names: what keys of labels and annotations, values of labels, and resources look like.

use super::{MOST_OF_LABEL, is_dns_name};

/// A qualified name: a name of 63 characters, perhaps behind a DNS name and a slash. API servers lower the case of an
/// annotation's prefix before they look, but nobody means that.
pub(crate) fn is_qualified_name(key: &str) -> bool {
    // What dayfly's own templates write on every object comes first: no need to look at each letter of it.
    let own = key
        .strip_prefix("app.kubernetes.io/")
        .or_else(|| key.strip_prefix("dayfly.dev/"))
        .or_else(|| key.strip_prefix("argocd.argoproj.io/"));
    let name = own.or_else(|| match key.split_once('/') {
        Some((domain, name)) => is_dns_name(domain).then_some(name),
        None => Some(key),
    });
    name.is_some_and(is_name_part)
}

/// The last part of a qualified name, which is also what a label's value looks like.
pub(crate) fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    bytes.len() <= MOST_OF_LABEL
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| INNER[usize::from(*b)])
}

/// Whether a byte may be in a qualified name. A table, since every label of every object is looked at.
const INNER: [bool; 256] = {
    let mut inner = [false; 256];
    let mut b: u8 = 0;
    while b.is_ascii() {
        inner[b as usize] = b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        b += 1;
    }
    inner
};
