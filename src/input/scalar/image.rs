//! References of images, and their parts.

/// Whether a text is an image reference at all, wherever it leads.
pub(crate) fn is_image(image: &str) -> bool {
    repository(image).is_some()
}

/// Registry and path of an image reference, if it is one. Source: `distribution/reference`, `grammar` in `reference.go`
/// and `splitDockerDomain` in `normalize.go`.
pub(crate) fn repository(image: &str) -> Option<(&str, &str)> {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let (name, tag) = split_tag(name);
    let (registry, path) = split_registry(name);
    let good = image.len() <= 512
        && is_registry(registry)
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(|digest| {
            digest.split_once(':').is_some_and(|(_, hex)| hex.bytes().all(|b| b.is_ascii_hexdigit()))
        });
    good.then_some((registry, path))
}

/// Whether a name without a tag may be an image's, whatever its registry is called.
pub(super) fn may_be_image(name: &str) -> bool {
    split_registry(name).1.split('/').all(is_component)
}

/// The name and the tag; a colon before the last slash is a port's.
pub(crate) fn split_tag(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (name, None),
    }
}

/// The first part is a registry if it looks like a host; else, the registry is Docker Hub.
pub(crate) fn split_registry(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some(("index.docker.io", path)) => ("docker.io", path),
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => ("docker.io", name),
    }
}

fn is_registry(host: &str) -> bool {
    let (host, port) = host.rsplit_once(':').unwrap_or((host, "0"));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.split('.').all(label) && !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
}

/// Lower-case letters and digits, between them single `.`, one or two `_`, or any number of `-`.
fn is_component(component: &str) -> bool {
    let separator = |b: u8| matches!(b, b'.' | b'_' | b'-');
    component.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || separator(b))
        && component.bytes().next().is_some_and(|b| !separator(b))
        && component.bytes().next_back().is_some_and(|b| !separator(b))
        && component
            .split(|c: char| c.is_ascii_alphanumeric())
            .all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        && !tag.starts_with(['.', '-'])
}
