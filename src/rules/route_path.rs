//! A route's path is one that the controller takes.
//!
//! Source: ingress-nginx, `strict-validate-path-type` and pull request 13798, which added the dot.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::Implementation,
};

/// What `refused` finds in a route's `path`.
pub static ROUTE_PATH: Rule = Rule {
    code: "route-path",
    severity: Severity::Error,
    summary: "a route's path is one that the ingress controller takes",
    explanation: "ingress-nginx takes letters, digits, `/`, `-`, `_` and, in versions since August 2025, `.` in a path that is no \
                  regular expression. It refuses an Ingress with any other character, and so the sync of the whole preview.",
};

/// What is wrong with a path, if anything.
pub(crate) fn refused(path: &str, implementation: Implementation) -> Option<String> {
    let takes = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    let strange = path.chars().find(|c| !takes(*c)).filter(|_| implementation == Implementation::Nginx)?;
    Some(format!("ingress-nginx takes no `{strange}` in a path: letters, digits, `/`, `-`, `_` and `.`"))
}

#[cfg(test)]
mod tests {
    use super::{Implementation, refused};

    #[test]
    fn what_ingress_nginx_takes() {
        for path in ["/", "/api/v1.0", "/.well-known/x", "/a-b_C/9"] {
            assert_eq!(refused(path, Implementation::Nginx), None, "{path}");
        }
        for path in ["/a;b", "/x+y", "/f(1)", "/a@b", "/a:b", "/a,b", "/~me"] {
            assert!(refused(path, Implementation::Nginx).is_some(), "{path}");
            assert_eq!(refused(path, Implementation::Traefik), None, "{path}");
        }
    }
}
