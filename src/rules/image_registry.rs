//! Images come from the guardrails' registries.

use super::{
    Bounds,
    common::{finding, for_each_image, shown},
};
use crate::{
    finding::{Finding, Rule, Severity, listed, visible},
    input::scalar::{ImagePrefix, is_image, repository, split_registry, split_tag},
    objects::Object,
    value::Value,
};

/// About the images of services, migrations, seeds, Kustomize and manifests.
pub static IMAGE_OUTSIDE_REGISTRIES: Rule = Rule {
    code: "image-outside-registries",
    severity: Severity::Error,
    summary: "an image comes from one of the guardrails' registries",
    explanation: "What runs in a preview was built and scanned where the platform can see it. The guardrails list \
        `registries`, each a registry or a path in one that ends with `/`; without any, no image is allowed. Names are \
        compared as a container runtime reads them: `nginx` is `docker.io/library/nginx`, and only what follows the \
        grammar of image references is a name at all, so `ghcr.io/acme/../x` is none.\n\n\
        Ask the platform to mirror the image, or to list its registry.",
};

/// Checks the containers and the image volumes of a manifest's Pods.
pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    for_each_image(object, |pointer, image| match image {
        Some(Value::String(image)) if image_allowed(image, bounds.registries) => {}
        Some(Value::String(image)) => {
            let message = refusal(image, bounds.registries);
            let mut found = finding(&IMAGE_OUTSIDE_REGISTRIES, object, pointer(), message);
            // As the reader of manifests says of those that are no YAML.
            found.help = (image.contains("{{") && !image.contains("${{"))
                .then(|| "Helm templates are no manifests: use `application`".to_owned());
            findings.push(found);
        }
        Some(other) => {
            let message = format!("an image must be a string, not {}", shown(other));
            findings.push(finding(&IMAGE_OUTSIDE_REGISTRIES, object, pointer(), message));
        }
        None => {
            let message = "a container states no image";
            findings.push(finding(&IMAGE_OUTSIDE_REGISTRIES, object, pointer(), message));
        }
    });
}

/// Whether an image comes from one of the registries.
pub(crate) fn image_allowed(image: &str, registries: &[ImagePrefix]) -> bool {
    let Some((registry, path)) = repository(image) else { return false };
    registries.iter().any(|prefix| {
        let (known, below) = split_registry(prefix);
        registry == known && path_below(path, below, registry)
    })
}

/// What is wrong with an image that is not allowed.
pub(crate) fn refusal(image: &str, registries: &[ImagePrefix]) -> String {
    let shown = visible(image);
    if !is_image(image) {
        let cause = cause(image).map(|cause| format!(": {cause}")).unwrap_or_default();
        return format!("`{shown}` is no name of an image{cause}");
    }
    if registries.is_empty() {
        return format!("image `{shown}` is not allowed: the guardrails list no registries");
    }
    format!("image `{shown}` comes from elsewhere; allowed: {}", listed(registries))
}

/// Why a text is no name of an image, where that is sure.
fn cause(image: &str) -> Option<String> {
    if image.contains("${{") {
        return None;
    }
    if image.contains("{{") {
        return Some("`{{ … }}` is Helm's: dayfly writes `${{ pr.headSha }}`".to_owned());
    }
    if image.contains("${") {
        return Some("an expression is `${{ … }}`, with two braces".to_owned());
    }
    if image.contains('$') {
        return Some("no variable stands in it: an expression is `${{ pr.headSha }}`".to_owned());
    }
    for scheme in ["https://", "http://", "docker://"] {
        if let Some(name) = image.strip_prefix(scheme).filter(|name| is_image(name)) {
            return Some(format!("without `{scheme}` it is one, `{}`", visible(name)));
        }
    }
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let (name, _) = split_tag(name);
    // A tag may have them.
    let lower = format!("{}{}", name.to_ascii_lowercase(), &image[name.len()..]);
    (lower != image && is_image(&lower))
        .then(|| format!("there are no capital letters before the tag, as in `{}`", visible(&lower)))
}

/// Whether a path is in a folder, which ends with `/` or is empty. Docker Hub's own images are in `library/`.
fn path_below(path: &str, folder: &str, registry: &str) -> bool {
    path.starts_with(folder) || registry == "docker.io" && folder == "library/" && !path.contains('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::image_allowed;
    use crate::input::scalar::{ImagePrefix, Scalar};
    use crate::rules::common::test::{found, manifest, places};

    #[test]
    fn a_long_name_is_still_a_name() {
        let long = format!("registry.example/{}/app:1", "team".repeat(30));
        let message = super::refusal(&long, &[]);
        assert!(message.contains("is not allowed") && message.contains('…') && message.len() < 200, "{message}");
        assert!(super::refusal("ghcr.io/Acme\u{1b}", &[]).ends_with("is no name of an image"));
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (image, cause) in [
            ("ghcr.io/Acme/web:V1", ": there are no capital letters before the tag, as in `ghcr.io/acme/web:V1`"),
            ("ghcr.io/acme/web:{{ .Values.tag }}", ": `{{ … }}` is Helm's: dayfly writes `${{ pr.headSha }}`"),
            ("ghcr.io/acme/web:${SHA}", ": an expression is `${{ … }}`, with two braces"),
            ("ghcr.io/acme/web:$SHA", ": no variable stands in it: an expression is `${{ pr.headSha }}`"),
            ("https://ghcr.io/acme/web:1", ": without `https://` it is one, `ghcr.io/acme/web:1`"),
            // More than one cause, or none that is sure.
            ("https://ghcr.io/Acme/web:1", ""),
            ("ghcr.io/Acme/../web", ""),
            ("ghcr.io/acme/web:", ""),
            ("", ""),
            ("ghcr.io/acme/web:${{ x }}", ""),
        ] {
            assert_eq!(super::refusal(image, &[]), format!("`{image}` is no name of an image{cause}"));
        }
    }

    #[test]
    fn names_are_read_as_a_runtime_reads_them() {
        let digest = format!("ghcr.io/acme/web:v1@sha256:{}", "a".repeat(64));
        let cases = [
            ("ghcr.io/acme/", "ghcr.io/acme/web", true),
            ("ghcr.io/acme/", "ghcr.io/acme/team/web:v1", true),
            ("ghcr.io/acme/", digest.as_str(), true),
            ("ghcr.io/acme/", "ghcr.io/acme2/web", false),
            ("ghcr.io/acme/", "ghcr.io/acme", false),
            ("ghcr.io/acme/", "ghcr.io/acme/", false),
            ("ghcr.io/acme/", "ghcr.io/acme/../evil/web", false),
            ("ghcr.io/acme/", "ghcr.io/acme//web", false),
            ("ghcr.io/acme/", "ghcr.io/acme/web evil", false),
            ("ghcr.io/acme/", "ghcr.io/acme/Web", false),
            ("ghcr.io/acme/", "https://ghcr.io/acme/web", false),
            ("ghcr.io/acme/", "evil.io/ghcr.io/acme/web", false),
            ("ghcr.io/acme/", "ghcr.io.evil.io/acme/web", false),
            ("ghcr.io/acme/", "ghcr.io:443/acme/web", false),
            ("ghcr.io/acme/", "ghcr.io/acme/web:", false),
            ("ghcr.io/acme/", "ghcr.io/acme/web@", false),
            ("ghcr.io/acme/", "", false),
            ("registry.acme.dev:5000/", "registry.acme.dev:5000/web", true),
            ("registry.acme.dev:5000/", "registry.acme.dev/web:5000", false),
            ("localhost/", "localhost/web", true),
            ("docker.io/library/", "nginx:1.29", true),
            ("docker.io/library/", "docker.io/nginx", true),
            ("docker.io/library/", "index.docker.io/library/nginx", true),
            ("docker.io/library/", "acme/web", false),
            ("docker.io/acme/", "acme/web", true),
            ("acme/", "docker.io/acme/web", true),
            ("acme/", "ghcr.io/acme/web", false),
            ("docker.io/", "nginx", true),
            ("ghcr.io/acme/", "ghcr.io/acme/a.b_c__d---e1", true),
            ("ghcr.io/acme/", "ghcr.io/acme/a..b", false),
            ("ghcr.io/acme/", "ghcr.io/acme/a___b", false),
            ("ghcr.io/acme/", "ghcr.io/acme/a.-b", false),
            ("ghcr.io/acme/", "ghcr.io/acme/-web", false),
            ("ghcr.io/acme/", "ghcr.io/acme/web_", false),
            ("ghcr.io/acme/", "ghcr.io/acme/web:-1", false),
            ("ghcr_io.dev/", "ghcr_io.dev/web", false),
            ("-ghcr.io/", "-ghcr.io/web", false),
            ("ghcr-.io/", "ghcr-.io/web", false),
            ("ghcr..io/", "ghcr..io/web", false),
            ("ghcr.io:x/", "ghcr.io:x/web", false),
        ];
        for (prefix, image, expected) in cases {
            let registries = [ImagePrefix::parse(prefix).expect("a prefix")];
            assert_eq!(image_allowed(image, &registries), expected, "{image} of {prefix}");
        }
        assert!(!image_allowed("ghcr.io/acme/web", &[]), "closed by default");
    }

    #[test]
    fn every_container_is_looked_at() {
        let pod = json!({
            "initContainers": [{"image": "ghcr.io/acme/a"}, {"image": "evil.io/b"}],
            "containers": [{"image": "busybox"}, {"name": "none"}, {"image": 7}],
            "ephemeralContainers": [{"image": "evil.io/c"}],
            "volumes": [{"emptyDir": {}}, {"image": {"reference": "evil.io/d"}}],
        });
        let job = json!({"kind": "CronJob", "apiVersion": "batch/v1", "metadata": {"name": "x"},
            "spec": {"jobTemplate": {"spec": {"template": {"spec": pod}}}}});
        let findings = found(super::check, &manifest(&job));
        let base = "image-outside-registries /spec/jobTemplate/spec/template/spec";
        let expected = ["initContainers/1/image", "containers/0/image", "containers/1/image", "containers/2/image"];
        let expected = expected.into_iter().chain(["ephemeralContainers/0/image", "volumes/1/image/reference"]);
        assert_eq!(places(&findings), expected.map(|rest| format!("{base}/{rest}")).collect::<Vec<_>>());
        assert_eq!(findings[0].message, "image `evil.io/b` comes from elsewhere; allowed: `ghcr.io/acme/`");
    }
}
