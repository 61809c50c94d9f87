//! The child Application's source is clear, and from a repository that the platform allows.

use crate::{
    finding::{Rule, Severity, listed, visible},
    input::scalar::Url,
};

/// About the policy's `application`, and the `applications` that the guardrails let it choose from.
pub static APPLICATION_SOURCE: Rule = Rule {
    code: "application-source",
    severity: Severity::Error,
    summary: "a child Application has one source, in an allowed repository",
    explanation: "The repository is the guardrails' (`spec.applications.repository`), or the policy's own if it begins with one of \
                  `spec.applications.repositories` and leads straight below it. At most one of `kustomize`, `helm` and `directory`. A Helm release's name has at most \
                  53 characters: Helm takes no longer one. Only in layout `split`.",
};

/// Source: `ValidateReleaseName` in Helm 3, `pkg/chartutil/validate_name.go`.
pub(crate) const LONGEST_RELEASE: usize = 53;

pub(crate) fn release_allowed(name: &str) -> Result<(), String> {
    if name.len() <= LONGEST_RELEASE {
        return Ok(());
    }
    Err(format!("the release `{name}` has a name of {} characters; allowed: {LONGEST_RELEASE}", name.len()))
}

pub(crate) fn repository_allowed(repository: &str, allowed: &[Url]) -> Result<(), String> {
    let mut below = allowed.iter().filter_map(|prefix| {
        let rest = repository.strip_prefix(&**prefix)?;
        (prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')).then_some((prefix.ends_with('/'), rest))
    });
    let repository = visible(repository);
    match below.next() {
        Some((_, "")) => Ok(()),
        Some((is_open, rest)) if leads_straight(if is_open { rest } else { &rest[1..] }) => Ok(()),
        Some(_) => {
            Err(format!("the repository `{repository}` is no plain address: no `.`, `..`, `//`, `%`, `?`, `#` or `@`"))
        }
        None => Err(format!("the repository `{repository}` is not below an allowed one: {}", listed(allowed))),
    }
}

/// Whether Git, and every server on the way, reads a path below an address as one below it.
fn leads_straight(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    !path.contains(['%', '?', '#', '@', '\\']) && path.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}
