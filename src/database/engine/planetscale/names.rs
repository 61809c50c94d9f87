//! What names say: PlanetScale keeps nothing else that could be a mark.

use crate::{
    database::{local, mark::is_maker, spec::Spec},
    resolve::names::hash,
};

/// What the name of a credential of dayfly's begins with.
pub(super) const PREFIX: &str = "dayfly-";

/// `dayfly_ENVIRONMENT_DATABASE`: all are DNS labels, so they hold no underscore. The first may name an installation.
pub(super) fn branch_name(spec: &Spec<'_>) -> String {
    let maker = spec.owner.split(':').next().unwrap_or_default();
    format!("{maker}_{}_{}", spec.environment, spec.database)
}

/// What a name of dayfly's says: who made it, environment and database.
pub(super) fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (maker, rest) = name.split_once('_').filter(|(maker, _)| is_maker(maker))?;
    let (environment, database) = rest.split_once('_')?;
    (!environment.is_empty() && !database.is_empty() && !database.contains('_')).then_some((
        maker,
        environment,
        database,
    ))
}

/// What the names of all credentials of an environment's database begin with: hashes, since nothing says which characters a name
/// may have.
pub(super) fn credentials_of(spec: &Spec<'_>) -> String {
    beginning(&spec.owner, &spec.environment, &spec.database)
}

/// The name of one for a branch of this baseline.
pub(super) fn credential_name(spec: &Spec<'_>, baseline: &str) -> String {
    format!("{}{}", credentials_of(spec), hash(&[baseline]))
}

fn beginning(owner: &str, environment: &str, database: &str) -> String {
    format!("{PREFIX}{}-", hash(&[owner, environment, database]))
}

/// Whose a branch is, by its credential's name. A hash tells no policy, but whether it is one that is known: that of a branch of somebody's own. Before
/// there is a login, the environment's name is all there is.
pub(super) fn owner(maker: &str, environment: &str, database: &str, credential: Option<&str>) -> String {
    let own = format!("{}{environment}", local::OWNER);
    let is_own = match credential {
        Some(name) => name.starts_with(&beginning(&own, environment, database)),
        None => environment.starts_with(local::ENVIRONMENT),
    };
    if is_own { own } else { format!("{maker}:?:{environment}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_a_branch_is() {
        assert_eq!(parts("dayfly_shop-pr-7_main"), Some(("dayfly", "shop-pr-7", "main")));
        assert_eq!(parts("dayfly-eu_shop-pr-7_main"), Some(("dayfly-eu", "shop-pr-7", "main")));
        for other in ["main", "dayfly_shop-pr-7", "dayfly__main", "dayfly_shop-pr-7_main_2", "xdayfly_a_b"] {
            assert_eq!(parts(other), None, "{other}");
        }
    }

    #[test]
    fn a_branch_of_somebodys_own_is_known_by_its_login_or_its_environment() {
        let credential = |spec: &Spec<'_>| credential_name(spec, "planetscale/acme/shop/main");
        for environment in ["local-ada", "ada"] {
            let spec = local::example("planetscale", environment);
            assert_eq!(owner("dayfly", environment, "shop", Some(&credential(&spec))), spec.owner);
        }
        assert_eq!(owner("dayfly", "local-ada", "shop", None), "dayfly:local:local-ada");
        // A policy's, whatever it is called.
        for environment in ["shop-pr-7", "local-shop-pr-7"] {
            let owned = format!("dayfly:shop:{environment}");
            let spec = Spec { owner: owned.into(), ..local::example("planetscale", environment) };
            assert_eq!(
                owner("dayfly", environment, "shop", Some(&credential(&spec))),
                format!("dayfly:?:{environment}")
            );
        }
        assert_eq!(owner("dayfly-eu", "shop-pr-7", "shop", None), "dayfly-eu:?:shop-pr-7");
    }
}
