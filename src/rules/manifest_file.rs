//! The team's manifests are files beside the policy.

use crate::finding::{Rule, Severity};

/// About an entry of `manifests` and the files that it names.
pub static MANIFEST_FILE: Rule = Rule {
    code: "manifest-file",
    severity: Severity::Error,
    summary: "`manifests` names files below the policy's folder",
    explanation: "`deploy/*.yaml` matches names in one folder; `*` stands for any part of a file's name, and never for the \
                  policy's own. A file that two patterns match is read once. Links that lead out of the folder are refused, and a \
                  pattern that matches nothing is a mistake. A file has at most 1 MiB and 200 documents, all files together have 8 MiB, 2000 documents and \
                  1500000 keys, values and lists; what YAML's aliases repeat counts again.",
};

/// Whether `name` is what a pattern with `*` says: each stretch between stars is found behind the one before it.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let mut stretches = pattern.split('*');
    let first = stretches.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let stretches: Vec<&str> = stretches.collect();
    let Some((last, middle)) = stretches.split_last() else { return rest.is_empty() };
    for stretch in middle {
        match rest.find(stretch) {
            Some(found) => rest = &rest[found + stretch.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn stars_stand_for_any_part() {
        for (pattern, name, fine) in [
            ("*.yaml", "a.yaml", true),
            ("*.yaml", "a.yml", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("*", "x", true),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), fine, "{pattern} {name}");
        }
    }
}
