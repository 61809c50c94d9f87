//! Kubernetes objects on their way from the templates to the output.

pub mod expression;
pub mod keys;
mod object;
pub mod order;
pub mod patch;
pub mod stamp;

pub use object::{Object, Origin, pod_spec};

/// The ServiceAccount of the preview's Pods. It has no token.
pub const SERVICE_ACCOUNT: &str = "preview";

/// The ConfigMap that is their environment.
pub const CONFIG_MAP: &str = "preview";

/// The `SecretStore` of a preview that has its own.
pub const SECRET_STORE: &str = "preview";

/// The ServiceAccount that signs in to it.
pub const STORE_ACCOUNT: &str = "secret-store";

/// Traefik's Middleware that keeps search engines out, where a route cannot say it.
pub const NOINDEX_MIDDLEWARE: &str = "noindex";

/// The ConfigMap that does so for ingress-nginx.
pub const NOINDEX_HEADERS: &str = "preview-headers";

/// The ConfigMap with the findings of a quarantined pull request.
pub const FINDINGS: &str = "dayfly-findings";

#[cfg(test)]
mod tests {
    use super::{CONFIG_MAP, FINDINGS, NOINDEX_HEADERS, NOINDEX_MIDDLEWARE, SECRET_STORE, SERVICE_ACCOUNT};
    use crate::yaml::{Limits, Node, read};

    /// What else refers to these objects is made by the program.
    #[test]
    fn templates_call_objects_as_the_program_does() {
        for (file, kind, name) in [
            ("service-account.yaml", "ServiceAccount", SERVICE_ACCOUNT),
            ("config-map.yaml", "ConfigMap", CONFIG_MAP),
            ("secret-store.yaml", "SecretStore", SECRET_STORE),
            ("access.yaml", "Middleware", NOINDEX_MIDDLEWARE),
            ("access.yaml", "ConfigMap", NOINDEX_HEADERS),
            ("quarantine.yaml", "ConfigMap", FINDINGS),
        ] {
            let text = std::fs::read_to_string(format!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/{}"), file))
                .expect("a template");
            let is_it = |document: &Node<'_>| {
                let called = document.get("metadata").and_then(|metadata| metadata.get("name")).and_then(Node::text);
                document.get("kind").and_then(Node::text) == Some(kind) && called == Some(name)
            };
            let documents = read(&text, Limits::MANIFESTS).expect("YAML");
            assert!(documents.iter().any(is_it), "{file} makes no {kind} `{name}`");
        }
    }
}
