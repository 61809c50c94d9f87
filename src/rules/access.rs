//! A route that only some may reach is never left open.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::{Access, Implementation, Ingress},
};

/// About an entry of the guardrails' `access`, wherever `enforceable` is asked.
pub static ACCESS_NOT_ENFORCEABLE: Rule = Rule {
    code: "access-not-enforceable",
    severity: Severity::Error,
    summary: "access says exactly one thing, and the ingress implementation can hold it",
    explanation: "An access is `cidrs`, `oauth2Proxy` or `public: true`. Neither Ingress nor HTTPRoute has a standard word for the \
                  first two, so they need an implementation that has one; `Standard` has none. The address of an \
                  oauth2-proxy is that of its pages, with its prefix and without a query: `https://sso.acme.dev/oauth2`.",
};

pub(crate) fn enforceable(name: &str, access: &Access, ingress: &Ingress) -> Result<(), String> {
    if access.oauth2_proxy.as_ref().is_some_and(|proxy| proxy.contains(['?', '#'])) {
        return Err(format!(
            "the access `{name}`: below `oauth2Proxy` are `/auth` and `/start`, so it is an address without `?` and `#`"
        ));
    }
    match (access.cidrs.is_empty(), &access.oauth2_proxy, access.public) {
        (true, None, true) => Ok(()),
        (false, None, false) | (true, Some(_), false) if ingress.implementation == Implementation::Standard => {
            Err(format!("the access `{name}` needs an ingress implementation, `Standard` can only do `public`"))
        }
        (true, Some(_), false) if ingress.implementation == Implementation::Envoy => Err(format!(
            "the access `{name}`: Envoy Gateway takes an oauth2-proxy as a Service on the Gateway, not as an address on a route"
        )),
        (false, None, false) | (true, Some(_), false) => Ok(()),
        _ => Err(format!("the access `{name}` must say exactly one of `cidrs`, `oauth2Proxy` and `public: true`")),
    }
}
