//! Images that cannot change under a preview.

use super::{
    Bounds,
    common::{finding, for_each_image},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    input::scalar::{is_digest, is_image, split_tag},
    objects::Object,
};

/// About the same images as `image_registry`: whether they can become others.
pub static IMAGE_MUTABLE_TAG: Rule = Rule {
    code: "image-mutable-tag",
    severity: Severity::Error,
    summary: "an image is named by digest, or by a tag that holds the head's SHA",
    explanation: "A preview shows one commit. An image on `latest`, or on any tag that is pushed again, shows whatever was \
        built last, differs from Pod to Pod, and nothing in the manifests says so.\n\n\
        Name images of other projects by digest (`postgres@sha256:…`). Tag the pull request's own with the commit: \
        `${{ pr.headSha }}`, or at least its first 7 characters, alone or set apart by `-`, `_` or `.`, as in \
        `pr-12-3f9c1e7` or `1.4.0-g3f9c1e7` (what `git describe` says).\n\n\
        Where a pull request changes some of many services, let the pipeline give the others' images the commit's tag, too, \
        from what the target branch built last: `docker buildx imagetools create --tag ghcr.io/acme/users:SHA \
        ghcr.io/acme/users:main` builds and copies nothing, and the preview keeps what it got.",
};

/// The shortest part of a SHA that counts: what git abbreviates to.
const SHORTEST: usize = 7;

/// Checks the containers and the image volumes of a manifest's Pods.
pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    for_each_image(object, |pointer, image| {
        // What is no name of an image is the registries' finding.
        if let Some(image) = image.and_then(|image| image.as_str())
            && is_image(image)
            && !is_pinned(image, bounds.head_sha)
        {
            let message = refusal(image);
            findings.push(finding(&IMAGE_MUTABLE_TAG, object, pointer(), message).help(help(image)));
        }
    });
}

/// Whether an image's content is fixed: by digest, or by a tag that holds the head's SHA.
pub(crate) fn is_pinned(image: &str, head_sha: &str) -> bool {
    if let Some((_, digest)) = image.split_once('@') {
        return is_digest(digest);
    }
    split_tag(image).1.is_some_and(|tag| tag.split(['-', '_', '.']).any(|part| names(part, head_sha)))
}

/// What is wrong with an image that is not pinned.
pub(crate) fn refusal(image: &str) -> String {
    let found = match split_tag(image) {
        _ if image.contains('@') => "an incomplete digest".to_owned(),
        (_, Some(tag)) => format!("the tag `{}`, which may change", visible(tag)),
        (_, None) => "no tag, which means `latest`".to_owned(),
    };
    format!("image `{}` has {found}; allowed: a digest, or a tag that holds the head's SHA", visible(image))
}

/// What to write instead: the SHA itself would be refused at the next push.
pub(crate) fn help(image: &str) -> String {
    let name = visible(split_tag(image.split('@').next().unwrap_or_default()).0);
    format!(
        "if this pull request's CI builds it, write `{name}:${{{{ pr.headSha }}}}`, and else `{name}@sha256:…`, the digest that `docker buildx imagetools inspect` prints"
    )
}

/// Whether a part of a tag abbreviates the SHA; `git describe` writes a `g` before it.
fn names(part: &str, head_sha: &str) -> bool {
    let abbreviates = |part: &str| part.len() >= SHORTEST && head_sha.starts_with(part);
    is_sha(head_sha) && (abbreviates(part) || part.strip_prefix('g').is_some_and(abbreviates))
}

fn is_sha(sha: &str) -> bool {
    sha.len() >= SHORTEST && sha.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_pinned;
    use crate::rules::common::test::{SHA, found, manifest, places};

    #[test]
    fn pinned_or_not() {
        let digest = "a".repeat(64);
        let cases = [
            (format!("web@sha256:{digest}"), true),
            (format!("web:latest@sha256:{digest}"), true),
            (format!("web@sha512:{digest}{digest}"), true),
            (format!("web@sha512:{digest}{digest}0"), false),
            (format!("web@sha256:{}", "A".repeat(64)), false),
            (format!("web@sha256:{}", "g".repeat(64)), false),
            (format!("web@sha256:{}", "a".repeat(63)), false),
            (format!("web:{SHA}@"), false),
            (format!("web:{SHA}"), true),
            (format!("reg.dev:5000/web:sha-{SHA}"), true),
            ("web:3f9c1e7".to_owned(), true),
            ("web:pr-12-3f9c1e7".to_owned(), true),
            ("web:3f9c1e7ab_amd64".to_owned(), true),
            ("web:v1.4.0-3-g3f9c1e7".to_owned(), true),
            ("web:3f9c1e".to_owned(), false),
            ("web:x3f9c1e7".to_owned(), false),
            ("web:3f9c1e7x".to_owned(), false),
            (format!("web:{SHA}0"), false),
            ("web:f9c1e7ab".to_owned(), false),
            ("web:latest".to_owned(), false),
            ("web:v1.2.3".to_owned(), false),
            ("web".to_owned(), false),
            ("web:".to_owned(), false),
            ("reg.dev:3f9c1e7/web".to_owned(), false),
            (String::new(), false),
        ];
        for (image, expected) in cases {
            assert_eq!(is_pinned(&image, SHA), expected, "{image}");
        }
        for sha in ["", "abc", "latest-latest"] {
            assert!(!is_pinned("web:latest", sha) && !is_pinned("web:", sha) && !is_pinned("web:abc", sha), "{sha}");
        }
    }

    #[test]
    fn manifests_are_checked() {
        let json = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template":
            {"spec": {"containers": [{"image": "web:3f9c1e7"}, {"image": "redis:7"}, {}], "initContainers": [{"image": "x"}]}}}});
        let findings = found(super::check, &manifest(&json));
        let base = "image-mutable-tag /spec/template/spec";
        assert_eq!(places(&findings), [format!("{base}/initContainers/0/image"), format!("{base}/containers/1/image")]);
        assert_eq!(
            findings[1].message,
            "image `redis:7` has the tag `7`, which may change; allowed: a digest, or a tag that holds the head's SHA"
        );
        let help = "if this pull request's CI builds it, write `redis:${{ pr.headSha }}`, and else `redis@sha256:…`, the digest that `docker buildx imagetools inspect` prints";
        assert_eq!(findings[1].help.as_deref(), Some(help));
    }
}
