//! The child Application's source is clear, and from a repository that the platform allows.

use crate::{
    finding::{Rule, Severity, visible},
    input::scalar::Url,
};

pub static APPLICATION_SOURCE: Rule = Rule {
    code: "application-source",
    severity: Severity::Error,
    summary: "a child Application has one source, in an allowed repository",
    explanation: "The repository is the guardrails' (`spec.applications.repository`), or the policy's own if it begins with one of \
                  `spec.applications.repositories`. At most one of `kustomize`, `helm` and `directory`. Only in layout `split`.",
};

pub(crate) fn repository_allowed(repository: &str, allowed: &[Url]) -> Result<(), String> {
    if !leads_straight(repository) {
        let repository = visible(repository);
        return Err(format!("the repository `{repository}` is no plain address: no `.`, `..`, `//`, `%`, `?`, `#`, `@` or `\\`"));
    }
    if allowed.iter().any(|prefix| {
        repository
            .strip_prefix(&**prefix)
            .is_some_and(|rest| prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/'))
    }) {
        return Ok(());
    }
    let allowed: Vec<String> = allowed.iter().map(|prefix| format!("`{prefix}`")).collect();
    let allowed = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
    Err(format!("the repository `{repository}` is not below an allowed one: {allowed}"))
}

/// Whether what begins with an allowed address is also read as below it, by Git and by every server on the way.
fn leads_straight(repository: &str) -> bool {
    let path = repository.split_once("://").map_or(repository, |(_, path)| path);
    let path = path.strip_suffix('/').unwrap_or(path);
    !path.contains(['%', '?', '#', '@', '\\']) && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}
