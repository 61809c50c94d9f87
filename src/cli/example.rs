//! What stands for all pull requests and all policies, where a command only looks.

use crate::input::{
    Parameters, Source,
    guardrails::{GuardrailsSpec, Layout},
};

/// What [`parameters`] are, in words.
pub(super) const PARAMETERS: &str = "pull request 1, from no fork, without labels";

/// A pull request that may have all that its policy asks for.
pub(super) fn parameters() -> Parameters {
    Parameters::example(&[("number", "1"), ("head_sha", "0123456789abcdef0123456789abcdef01234567"), ("fork", "false")])
}

/// A policy that asks for a profile, all of `egress`, a secret, an application, and a service with a route, as far as guardrails offer
/// them: what is wrong with its preview is wrong with them.
pub(super) fn policy(guardrails: Option<&GuardrailsSpec>) -> Source {
    let mut asked = vec!["team: any".to_owned(), "costCenter: any".to_owned()];
    if let Some(offered) = guardrails {
        let first = offered.profiles.iter().next().map(|(name, _)| name);
        if let Some(profile) = offered.default_profile.as_deref().or(first) {
            asked.push(format!("profile: \"{profile}\""));
        }
        let egress: Vec<String> = offered.egress.names().map(|name| format!("\"{name}\"")).collect();
        asked.push(format!("egress: [{}]", egress.join(", ")));
        if offered.secrets.is_some() {
            asked.push("secrets: [{name: any, keys: {ANY: any}}]".to_owned());
        }
        let has_repository = offered.applications.as_ref().is_some_and(|all| all.repository.is_some());
        if offered.layout == Layout::Split && has_repository {
            asked.push("application: {path: any}".to_owned());
        }
        if let Some(registry) = offered.registries.first() {
            let image = format!("{registry}any:${{{{ pr.headSha }}}}");
            asked.push(format!("services: [{{name: any, port: 8080, image: \"{image}\"}}]"));
            if let (Some(_), Some((access, _))) = (&offered.ingress, offered.access.iter().next()) {
                asked.push(format!("routes: [{{name: any, service: any, access: \"{access}\"}}]"));
            }
        }
    }
    let spec = asked.join("\n  ");
    let text =
        format!("apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\nmetadata: {{name: any}}\nspec:\n  {spec}\n");
    Source { name: "an example of a policy".into(), text }
}
