//! Names lead somewhere, and to one place only.

use std::collections::BTreeSet;

use crate::{
    finding::{Rule, Severity},
    input::scalar::{EnvName, Scalar as _},
};

/// About a name in the policy, wherever it refers to something.
pub static UNKNOWN_REFERENCE: Rule = Rule {
    code: "unknown-reference",
    severity: Severity::Error,
    summary: "a name refers to something that there is",
    explanation: "Routes name services, `uses` names secrets and databases of the policy; access and egress are names of the guardrails.\n\n\
                  `$(NAME)` in an `env` stands for a variable that the container has from what it `uses`, from the ConfigMap `preview` or \
                  from a line above. Of any other Kubernetes would leave the characters as they are, which `$$(NAME)` says is meant.",
};

/// What `repeated` finds, and a variable that is set twice.
pub static DUPLICATE_NAME: Rule = Rule {
    code: "duplicate-name",
    severity: Severity::Error,
    summary: "a name stands for one thing",
    explanation: "Services, routes, and Secrets (of `secrets` and `databases` together) have names of their own; no service is called \
                  as a database's server in the preview, `database-NAME`; a container gets a variable once, and a folder of `writable` \
                  once.",
};

/// How the variables of the ConfigMap `preview` begin, and those that every container has.
const ALWAYS: [&str; 4] = ["PREVIEW_", "FLAG_", "OTEL_", "KUBERNETES_"];

/// Each NAME of a container's variable that stands there as `$(NAME)`. What Kubernetes reads as one, and no program of a shell's:
/// `expand` of `k8s.io/kubernetes/third_party/forked/golang/expansion`.
pub(crate) fn named(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, after) = rest.split_once('$')?;
            let Some(name) = after.strip_prefix('(') else {
                rest = after.strip_prefix('$').unwrap_or(after);
                continue;
            };
            let (name, after) = name.split_once(')')?;
            rest = after;
            return Some(name);
        }
    })
}

/// The first `$(NAME)` of a container's variable that is none of `known`.
pub(crate) fn unset<'t>(text: &'t str, known: &BTreeSet<&str>) -> Option<&'t str> {
    named(text).find(|name| EnvName::parse(name).is_ok() && !is_known(name, known))
}

/// Whether a container has a variable, beside those that are `known` of it.
pub(crate) fn is_known(name: &str, known: &BTreeSet<&str>) -> bool {
    known.contains(name) || ALWAYS.iter().any(|prefix| name.starts_with(prefix))
}

/// Of some names and their places, each that stood before, behind the one before.
pub(crate) fn repeated<N: Ord + Clone, P: Clone>(mut names: Vec<(N, P)>) -> Vec<[(N, P); 2]> {
    // Stable: of two equal names, the first stays the first.
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| [pair[0].clone(), pair[1].clone()]).collect()
}
