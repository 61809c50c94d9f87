//! What the Jobs of a database are told: written while rendering, read inside the cluster. No secret is in it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    input::{
        guardrails::{Baseline, Provider},
        scalar::ImagePath,
    },
    resolve::names,
};

/// The version of this format.
pub const VERSION: u8 = 1;

/// What a database's Jobs are told.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec<'a> {
    /// [`VERSION`].
    pub version: u8,
    /// The environment's identity: its namespace.
    pub environment: Cow<'a, str>,
    /// What a branch is marked with. Nothing without this mark is ever touched.
    pub owner: Cow<'a, str>,
    /// The database's name in the policy.
    pub database: Cow<'a, str>,
    /// What the branch is made from.
    pub baseline: BaselineSpec<'a>,
    /// What is called how.
    pub names: Names<'a>,
    /// Which programs the branch waits for.
    pub steps: Steps,
    /// How long a branch and its login live unless somebody renews them.
    pub lease_seconds: u64,
    /// How long one command may take, its retries included.
    pub deadline_seconds: u64,
}

/// A baseline of the guardrails, and its name there.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BaselineSpec<'a> {
    /// The entry's name.
    pub name: Cow<'a, str>,
    /// Without what only rendering needs ([`Baseline`]).
    #[serde(flatten)]
    pub entry: Cow<'a, Baseline>,
}

/// What everything of a database is called.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Names<'a> {
    /// The preview's namespace, where the Secrets are.
    pub namespace: Cow<'a, str>,
    /// The Secret that the workload reads, and the variable in it.
    pub secret: Cow<'a, str>,
    /// The variable with the URL.
    pub variable: Cow<'a, str>,
    /// The Secret of migrate and seed.
    pub direct_secret: Cow<'a, str>,
    /// The branch at the provider.
    pub branch: Cow<'a, str>,
    /// The role at the provider.
    pub role: Cow<'a, str>,
    /// Of a server of the preview's own: its name, and the Secret with its password (`embedded`: key `password`) or its
    /// application's URL (`cnpg`: key `uri`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Cow<'a, str>>,
    /// That Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_secret: Option<Cow<'a, str>>,
}

/// The programs of the team's that a branch waits for: a hash of image, command and files each. What has run with a hash does not
/// run with it again.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Steps {
    /// Of the program that changes the schema; none, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrate: Option<String>,
    /// Of the program that adds data; none, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// Where the files are that `migrate` only ever gets more of.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ImagePath>,
}

impl Baseline {
    /// What an attestation is about: `postgres/storefront_baseline`, `neon/late-frost-1234/br-sanitized`,
    /// `embedded/ghcr.io/acme/storefront-baseline`.
    pub fn subject(&self) -> String {
        // The attested data are in the image, or in the dump beside it, so its digest comes later; a volume's snapshot comes
        // later, too.
        let image = self.dump.as_deref().or(self.image.as_deref()).filter(|_| self.provider == Provider::Embedded);
        let image = image.and_then(|image| image.split('@').next());
        let parts = [self.project.as_deref(), self.parent.as_deref(), self.database.as_deref(), image];
        let mut subject = self.provider.name().to_owned();
        for part in parts.into_iter().flatten() {
            subject.push('/');
            subject.push_str(part);
        }
        // What is left out of a branch, or masked in it, makes it another branch.
        if matches!(self.provider, Provider::Neon | Provider::Planetscale) && self.schema_only {
            subject.push_str("/schema-only");
        }
        if let Some(anonymized) = &self.anonymized {
            let rules = anonymized.mask.iter().flat_map(|mask| {
                let text = |part: &'_ Option<String>| part.clone().unwrap_or_default();
                [mask.column.clone(), text(&mask.function), text(&mask.value)]
            });
            let rules: Vec<String> = rules.collect();
            let hash = names::hash(&rules.iter().map(String::as_str).collect::<Vec<_>>());
            subject.push_str("/anonymized-");
            subject.push_str(&hash);
        }
        subject
    }
}

/// What begins an owner where installations have names, before that name.
pub const INSTALLATION: &str = "dayfly-";

/// What begins an owner: dayfly, and which one.
pub fn maker(installation: Option<&str>) -> String {
    installation.map_or_else(|| "dayfly".to_owned(), |name| format!("{INSTALLATION}{name}"))
}

/// A spec to test with.
#[cfg(all(test, feature = "in-cluster"))]
pub(crate) fn example() -> Spec<'static> {
    let json = r#"{"version":1,"environment":"shop-pr-7","owner":"dayfly:shop:shop-pr-7","database":"main",
        "baseline":{"name":"shop","provider":"postgres","database":"shop_baseline","synthetic":{"by":"seeds"}},
        "names":{"namespace":"shop-pr-7","secret":"main","variable":"DATABASE_URL","directSecret":"main-direct",
                 "branch":"shop_pr_7_main_aaaaaaaa","role":"shop_pr_7_main_user_bbbbbbbb"},
        "steps":{},"leaseSeconds":172800,"deadlineSeconds":900}"#;
    serde_json::from_str(json).expect("a spec")
}

#[cfg(test)]
mod tests {
    use super::Baseline;

    #[test]
    fn what_is_left_out_of_a_branch_makes_it_another() {
        for (provider, differs) in [("neon", true), ("planetscale", true), ("supabase", false)] {
            let subject = |schema_only: bool| {
                let json = format!(
                    r#"{{"provider": "{provider}", "project": "acme/shop", "parent": "main", "schemaOnly": {schema_only}}}"#
                );
                serde_json::from_str::<Baseline>(&json).unwrap().subject()
            };
            assert_eq!(subject(true) != subject(false), differs, "{provider}");
        }
    }

    #[test]
    fn an_embedded_baseline_is_attested_where_its_data_are() {
        let subject = |provider: &str, images: &str| {
            let json = format!(r#"{{"provider": "{provider}", "schemaOnly": true{images}}}"#);
            serde_json::from_str::<Baseline>(&json).unwrap().subject()
        };
        let digest = "a".repeat(64);
        let image = format!(r#", "image": "ghcr.io/acme/postgres@sha256:{digest}""#);
        let both = format!(r#"{image}, "dump": "ghcr.io/acme/shop-dump@sha256:{digest}""#);
        assert_eq!(subject("embedded", &image), "embedded/ghcr.io/acme/postgres");
        assert_eq!(subject("embedded", &both), "embedded/ghcr.io/acme/shop-dump");
        assert_eq!(subject("cnpg", &both), "cnpg", "a snapshot comes later");
    }
}
