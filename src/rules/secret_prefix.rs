//! Secrets come from below the guardrails' prefix.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::{Secrets, StoreProvider},
};

/// What [`Folder::new`] finds in the guardrails, and [`Folder::key`] in the policy.
pub static SECRET_OUTSIDE_PREFIX: Rule = Rule {
    code: "secret-outside-prefix",
    severity: Severity::Error,
    summary: "a secret's key lies below the guardrails' prefix",
    explanation: "Keys are read below `spec.secrets.prefix`: `storefront/stripe` with the prefix `preview/` is `preview/storefront/stripe`. \
                  A key that begins with `/`, or climbs with `..`, would leave it. The store's own role must see the prefix only: \
                  the operator cannot hold that.\n\n\
                  A prefix that ends with `-` or `_` is the beginning of a name, for stores without folders: `storefront-stripe` with the prefix \
                  `preview-` is `preview-storefront-stripe`. Google's (`provider: gcp`) is one: names there are letters, digits, `-` and `_`.",
};

/// What a store's names are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Paths,
    /// Letters, digits, `-` and `_`. Source: Google Cloud's documentation, "Method: projects.secrets.create".
    Flat,
}

impl Names {
    pub(crate) fn of(secrets: &Secrets) -> Self {
        match secrets.provider {
            Some(StoreProvider::Gcp(_)) => Self::Flat,
            _ => Self::Paths,
        }
    }

    fn allow(self, text: &str) -> Result<(), String> {
        let is_flat = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if self == Self::Paths || text.bytes().all(is_flat) {
            return Ok(());
        }
        Err(format!("`{text}` is no name of a secret at Google's Secret Manager: letters, digits, `-` and `_`"))
    }
}

fn climbs(text: &str) -> bool {
    text.split('/').any(|part| part.is_empty() || part == "." || part == "..")
}

/// What a prefix ends with that is complete.
const SEPARATORS: [char; 3] = ['/', '-', '_'];

/// What keys are read below: a folder of the store, or the beginning of a name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Folder<'p> {
    prefix: &'p str,
    names: Names,
}

impl<'p> Folder<'p> {
    /// The prefix, if anything can be below it.
    pub(crate) fn new(prefix: &'p str, names: Names) -> Result<Self, String> {
        if climbs(prefix.trim_end_matches('/')) {
            return Err(format!("the prefix `{prefix}` is none: it names a folder of the store, such as `preview/`"));
        }
        names.allow(prefix)?;
        if names == Names::Flat && !prefix.ends_with(SEPARATORS) {
            return Err(format!("the prefix `{prefix}` must end with `-` or `_`: this store has no folders"));
        }
        Ok(Self { prefix, names })
    }

    /// The whole key of a path, if it lies below.
    pub(crate) fn key(self, path: &str) -> Result<String, String> {
        let Self { prefix, names } = self;
        names.allow(path)?;
        if climbs(path) || path.contains(['\\', '%']) {
            return Err(format!(
                "`{path}` is not below the prefix `{prefix}`: no `/` in front, no `.`, no `..`, no `%`"
            ));
        }
        let is_complete = prefix.ends_with(SEPARATORS);
        match path.strip_prefix(prefix) {
            // Written out in full by somebody careful.
            Some(rest) if is_complete && !rest.is_empty() => Ok(path.to_owned()),
            _ => Ok(format!("{prefix}{}{path}", if is_complete { "" } else { "/" })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Folder, Names};

    fn below(prefix: &str, path: &str, names: Names) -> Result<String, String> {
        Folder::new(prefix, names)?.key(path)
    }

    fn is_folder(prefix: &str, names: Names) -> bool {
        Folder::new(prefix, names).is_ok()
    }

    #[test]
    fn keys_stay_below() {
        let of = |prefix, path| below(prefix, path, Names::Paths);
        assert_eq!(of("preview/", "a/b").as_deref(), Ok("preview/a/b"));
        assert_eq!(of("preview", "a/b").as_deref(), Ok("preview/a/b"));
        assert_eq!(of("preview/", "preview/a").as_deref(), Ok("preview/a"));
        assert_eq!(of("preview", "preview-prod/a").as_deref(), Ok("preview/preview-prod/a"));
        for path in ["/prod/a", "../prod", "a/../../prod", "a//b", "", ".", "a/%2e%2e/b", "a\\b"] {
            assert!(of("preview/", path).is_err(), "{path}");
        }
        for prefix in ["", "/", "../", "a/../"] {
            assert!(!is_folder(prefix, Names::Paths), "{prefix}");
        }
    }

    /// Google's Secret Manager and Azure's Key Vault have no folders.
    #[test]
    fn a_prefix_may_be_the_beginning_of_a_name() {
        for names in [Names::Paths, Names::Flat] {
            for prefix in ["preview-", "preview_"] {
                assert!(is_folder(prefix, names));
                assert_eq!(below(prefix, "stripe", names), Ok(format!("{prefix}stripe")));
                assert_eq!(below(prefix, &format!("{prefix}stripe"), names), Ok(format!("{prefix}stripe")));
                assert_eq!(below(prefix, prefix, names), Ok(format!("{prefix}{prefix}")));
            }
        }
        for prefix in ["preview", "preview/", "a/preview-", "prévue-", ""] {
            assert!(!is_folder(prefix, Names::Flat), "{prefix}");
        }
        for path in ["shop/stripe", "stripe.key", "", "..", "a b"] {
            assert!(below("preview-", path, Names::Flat).is_err(), "{path}");
        }
    }
}
