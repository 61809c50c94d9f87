//! What says whose a branch is. It is kept beside the branch, at the provider: nothing without it is ever touched.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{
    spec::{INSTALLATION, Spec, maker},
    time,
};
use crate::resolve::names;

/// The mark of one branch, as JSON of short strings, so that it fits a comment, a tag or an annotation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// `dayfly:<policy>:<environment>`; of an installation with a name, `dayfly-<installation>:<policy>:<environment>`.
    pub owner: String,
    /// The environment: the preview's namespace.
    pub environment: String,
    /// The database's name in the policy.
    pub database: String,
    /// What it was branched from ([`crate::input::guardrails::Baseline::subject`]).
    pub baseline: String,
    /// The Secrets with its credentials, in the environment's namespace; with commas between.
    pub secrets: String,
    /// When it was made: RFC 3339.
    pub created: String,
}

impl Mark {
    /// The mark of a branch that is made now.
    pub fn new(spec: &Spec<'_>) -> Self {
        Self {
            owner: spec.owner.to_string(),
            environment: spec.environment.to_string(),
            database: spec.database.to_string(),
            baseline: spec.baseline.entry.subject(),
            secrets: format!("{},{}", spec.names.secret, spec.names.direct_secret),
            created: time::text(SystemTime::now()),
        }
    }

    /// The mark as one name, for providers that keep nothing else: `dayfly.<policy>.<environment>.<database>`, and the
    /// installation as in [`Self::owner`]. Neither that nor a policy's name or a database's has a dot.
    pub fn name(spec: &Spec<'_>) -> String {
        let mut parts = spec.owner.split(':');
        let (maker, policy) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        format!("{maker}.{policy}.{}.{}", spec.environment, spec.database)
    }

    /// What such a name says, with what else is known of the branch. `None`: it is not a name of dayfly's.
    pub fn of_name(name: &str, baseline: String, created: String) -> Option<Self> {
        let (maker, rest) = name.split_once('.').filter(|(maker, _)| is_maker(maker))?;
        let (policy, rest) = rest.split_once('.')?;
        let (environment, database) = rest.rsplit_once('.')?;
        Some(Self {
            owner: format!("{maker}:{policy}:{environment}"),
            environment: environment.to_owned(),
            database: database.to_owned(),
            baseline,
            secrets: secrets(database),
            created,
        })
    }

    /// The installation that made the branch, if it had a name then.
    pub fn installation(&self) -> Option<&str> {
        self.owner.split_once(':')?.0.strip_prefix(INSTALLATION)
    }

    /// The role of its environment, where dayfly makes one: as the spec calls it.
    pub fn role(&self) -> String {
        names::provider(&[&self.environment, &self.database, "user"])
    }

    /// Whether it is the mark of this environment's database, whatever it was branched from. One that was made before the
    /// installation got its name is.
    pub fn is_of(&self, spec: &Spec<'_>) -> bool {
        let is_owner = self.owner == spec.owner
            || self.installation().is_none()
                && spec.owner.split_once(':').map(|(_, owner)| owner)
                    == self.owner.split_once(':').map(|(_, owner)| owner);
        is_owner && self.environment == spec.environment && self.database == spec.database
    }
}

/// A database's Secrets, as the renderer names them and [`Mark::secrets`] lists them.
pub fn secrets(database: &str) -> String {
    format!("{database},{}", names::direct_secret(database))
}

/// Whether some dayfly is called so.
pub fn is_maker(text: &str) -> bool {
    text == maker(None) || text.starts_with(INSTALLATION)
}

#[cfg(test)]
mod tests {
    use super::Mark;
    use crate::database::{local, spec};

    #[test]
    fn a_role_is_called_as_the_spec_calls_it() {
        let spec = local::example("neon", "local-ada");
        assert_eq!(Mark::new(&spec).role(), spec.names.role);
    }

    #[test]
    fn a_name_says_as_much_as_a_mark() {
        let mut spec = spec::example();
        for (maker, environment) in
            [("dayfly", "shop-pr-7"), ("dayfly", "local-ada.lovelace"), ("dayfly-staging", "shop-pr-7")]
        {
            spec.environment = environment.into();
            spec.owner = format!("{maker}:shop:{environment}").into();
            let mark = Mark::new(&spec);
            let name = Mark::name(&spec);
            assert_eq!(Mark::of_name(&name, mark.baseline.clone(), mark.created.clone()), Some(mark));
        }
        for foreign in
            ["shop-pr-7", "dayfly", "dayfly.", "dayfly.shop", "dayfly.shop.main", "dayflyer.shop.shop-pr-7.main"]
        {
            assert_eq!(Mark::of_name(foreign, String::new(), String::new()), None, "{foreign}");
        }
    }

    #[test]
    fn a_branch_without_an_installation_is_everybodys_and_anothers_nobodys() {
        let mut spec = spec::example();
        let mark = Mark::new(&spec);
        assert!(mark.is_of(&spec) && mark.installation().is_none());
        spec.owner = "dayfly-staging:shop:shop-pr-7".into();
        let staging = Mark::new(&spec);
        assert!(mark.is_of(&spec) && staging.is_of(&spec));
        assert_eq!(staging.installation(), Some("staging"));
        for other in ["dayfly-production:shop:shop-pr-7", "dayfly:shop:shop-pr-7", "dayfly-staging:crm:shop-pr-7"] {
            spec.owner = other.into();
            assert!(!staging.is_of(&spec), "{other}");
        }
        assert!(!mark.is_of(&spec), "another policy's");
    }
}
