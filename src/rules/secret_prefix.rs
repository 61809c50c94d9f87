//! Secrets come from below the guardrails' prefix.

use crate::finding::{Rule, Severity};

pub static SECRET_OUTSIDE_PREFIX: Rule = Rule {
    code: "secret-outside-prefix",
    severity: Severity::Error,
    summary: "a secret's key lies below the guardrails' prefix",
    explanation: "Keys are read below `spec.secrets.prefix`: `storefront/stripe` with the prefix `preview/` is `preview/storefront/stripe`. \
                  A key that begins with `/`, or climbs with `..`, would leave it. The store's own role must see the prefix only: \
                  the operator cannot hold that.",
};

fn climbs(text: &str) -> bool {
    text.split('/').any(|part| part.is_empty() || part == "." || part == "..")
}

/// Whether anything can be below it.
pub(crate) fn is_folder(prefix: &str) -> Result<(), String> {
    if climbs(prefix.trim_end_matches('/')) {
        return Err(format!("the prefix `{prefix}` is none: it names a folder of the store, such as `preview/`"));
    }
    Ok(())
}

/// The whole key of a path, if it lies below the prefix, which is a folder.
pub(crate) fn below(prefix: &str, path: &str) -> Result<String, String> {
    if climbs(path) || path.contains(['\\', '%']) {
        return Err(format!("`{path}` is not below the prefix `{prefix}`: no `/` in front, no `.`, no `..`, no `%`"));
    }
    let joint = if prefix.ends_with('/') { "" } else { "/" };
    match path.strip_prefix(prefix) {
        // Written out in full by somebody careful.
        Some(_) if prefix.ends_with('/') => Ok(path.to_owned()),
        _ => Ok(format!("{prefix}{joint}{path}")),
    }
}

#[cfg(test)]
mod tests {
    use super::{below, is_folder};

    #[test]
    fn keys_stay_below() {
        assert_eq!(below("preview/", "a/b").as_deref(), Ok("preview/a/b"));
        assert_eq!(below("preview", "a/b").as_deref(), Ok("preview/a/b"));
        assert_eq!(below("preview/", "preview/a").as_deref(), Ok("preview/a"));
        assert_eq!(below("preview", "preview-prod/a").as_deref(), Ok("preview/preview-prod/a"));
        for path in ["/prod/a", "../prod", "a/../../prod", "a//b", "", ".", "a/%2e%2e/b", "a\\b"] {
            assert!(below("preview/", path).is_err(), "{path}");
        }
        for prefix in ["", "/", "../", "a/../"] {
            assert!(is_folder(prefix).is_err(), "{prefix}");
        }
    }
}
