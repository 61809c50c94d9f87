//! Previews get no live personal data.

use crate::{
    finding::{Finding, Rule, Severity, nearest},
    input::{
        GuardrailsSpec, Ordered,
        guardrails::{Anonymized, Baseline, Destination, Fqdn, Layout, Provider},
        scalar::{Cidr, DnsLabel, split_tag},
    },
    objects::{SERVICE_ACCOUNT, STORE_ACCOUNT},
};

use super::egress::{EGRESS_INCOMPLETE, reachable};

/// About the `baseline` that a database of the policy names.
pub static UNKNOWN_BASELINE: Rule = Rule {
    code: "unknown-baseline",
    severity: Severity::Error,
    summary: "a baseline is one of the guardrails'",
    explanation: "Policies name a baseline, never a server: what may be branched is the platform's to say. A baseline's `restricted` names \
                  another, `synthetic` or `schemaOnly` one; of any other name, `dayfly check` tells.",
};

/// About an entry of the guardrails' `baselines` that says none, or more than one, of the four reasons.
pub static BASELINE_NOT_SANITIZED: Rule = Rule {
    code: "baseline-not-sanitized",
    severity: Severity::Error,
    summary: "a baseline says why its data may be seen by everybody who opens a pull request",
    explanation: "Exactly one of `sanitized` (by what, and how old it may be), `schemaOnly: true`, `synthetic` (by what) and \
                  `anonymized` (which columns the provider masks in each branch). \
                  Leaked preview databases are leaked production data.",
};

/// About the fields of such an entry that its provider asks for, and what of `operations` its Jobs need.
pub static BASELINE_INCOMPLETE: Rule = Rule {
    code: "baseline-incomplete",
    severity: Severity::Error,
    summary: "a baseline has what its provider needs",
    explanation: "`postgres`, `mysql` and `mariadb`: `database` and `endpoint`. `neon`: `project` and `parent`. `planetscale`: \
                  `project` (`ORGANIZATION/DATABASE`) and `parent`. `supabase`: `project`. `crunchy-bridge`: `project` (a team's \
                  id), `parent` (a cluster's id) and `database`. `aurora`: `region`, `parent` (a cluster), `database`, `size` (an \
                  instance class) and `endpoint`. `dblab`: `api`, `parent` (a branch of the engine's), `database` and `endpoint`. \
                  `embedded`: `image`. `cnpg`: `database`, `image` (with the version as its tag, as well as the digest: the \
                  operator asks for both) and `cluster`; both also \
                  `operations.apiServer.cidrs`, since their Jobs run beside the pull request's Pods. An `endpoint` that is only an `fqdn` \
                  needs a `network.fqdn` that is not `Closed`; with `Cilium`, not where each branch has a host of its own. `dump` is for `embedded`: \
                  no other provider would load it; `lastPort` is for `dblab`, and `embedded` and `cnpg` have no `endpoint`. All need \
                  `operations`, for `embedded` and `cnpg` with a `serviceAccount` that is no other of the preview's (`preview`, `default`, \
                  and `secret-store` where `secrets` has a `provider`), and layout `single` can have `embedded` only. `anonymized` \
                  is for `neon`; its columns are `SCHEMA.TABLE.COLUMN`, each with a `function` or \
                  a `value`.",
};

/// Why no preview can have a branch of a baseline and reach it.
pub(crate) fn unusable(name: &str, baseline: &Baseline, guardrails: &GuardrailsSpec) -> Option<Finding> {
    check(name, baseline)
        .or_else(|| unreachable(name, baseline, guardrails.network.fqdn))
        .or_else(|| beside_others(name, baseline, guardrails))
}

/// Why a baseline cannot be branched.
pub(crate) fn check(name: &str, baseline: &Baseline) -> Option<Finding> {
    let safe = is_safe(name, baseline).map_err(|message| (&BASELINE_NOT_SANITIZED, message));
    let complete = |()| is_complete(name, baseline).map_err(|message| (&BASELINE_INCOMPLETE, message));
    let (rule, message) = safe.and_then(complete).err()?;
    Some(Finding::of_guardrails(rule, format!("/spec/baselines/{name}"), message))
}

/// Why pull requests of trust `restricted` go without its database, though it names a baseline for them.
pub(crate) fn without_substitute(
    name: &str,
    baseline: &Baseline,
    all: &Ordered<Baseline, DnsLabel>,
) -> Option<Finding> {
    let restricted = baseline.restricted.as_deref()?;
    let message = match all.get_key_value(restricted) {
        // One that claims nothing is a mistake of its own.
        Some((_, other)) if is_safe_for_strangers(other) || is_safe(restricted, other).is_err() => return None,
        Some(_) => format!(
            "the baseline `{name}` gives `{restricted}` to pull requests of trust `restricted`, which get nothing but `synthetic` and `schemaOnly`"
        ),
        None => {
            let hint = nearest(restricted, all.names());
            format!(
                "the baseline `{name}` gives `{restricted}` to pull requests of trust `restricted`, and there is none{hint}"
            )
        }
    };
    Some(Finding::of_guardrails(&UNKNOWN_BASELINE, format!("/spec/baselines/{name}/restricted"), message))
}

/// Whether pull requests of trust `restricted` may have it.
pub(crate) fn is_safe_for_strangers(baseline: &Baseline) -> bool {
    baseline.schema_only || baseline.synthetic.is_some()
}

/// Why its branches cannot be reached: a preview would wait for its database until it gives up. Nothing, if they can.
fn unreachable(name: &str, baseline: &Baseline, fqdn: Fqdn) -> Option<Finding> {
    let endpoint = baseline.endpoint.as_ref()?;
    let (rule, message) = match reachable(endpoint) {
        Err(message) => (&EGRESS_INCOMPLETE, format!("the `endpoint` of the baseline `{name}` is nowhere: {message}")),
        Ok(()) => (&BASELINE_INCOMPLETE, out_of_reach(name, baseline, endpoint, fqdn)?),
    };
    Some(Finding::of_guardrails(rule, format!("/spec/baselines/{name}/endpoint"), message))
}

fn out_of_reach(name: &str, baseline: &Baseline, endpoint: &Destination, fqdn: Fqdn) -> Option<String> {
    let provider = baseline.provider;
    if let Some(last) = baseline.last_port.filter(|last| *last < endpoint.port) {
        return Some(format!("the baseline `{name}` has the `lastPort` {last}, before its first, {}", endpoint.port));
    }
    let host = endpoint.only_name()?;
    match fqdn {
        Fqdn::Closed => Some(format!(
            "the baseline `{name}` is reached at `{host}`, and a NetworkPolicy knows no names: give its `endpoint` `cidrs` or a \
             `namespace`, or set `spec.network.fqdn` to `Cilium` or `PublicInternet`"
        )),
        Fqdn::Cilium if provider.has_a_host_each() => Some(format!(
            "the baseline `{name}` is reached at `{host}`, and each branch of `{}` has a host of its own: give its `endpoint` `cidrs`",
            provider.name()
        )),
        Fqdn::Cilium | Fqdn::PublicInternet => None,
    }
}

/// Whether it claims, in one way, to hold no live data.
pub(crate) fn is_safe(name: &str, baseline: &Baseline) -> Result<(), String> {
    let claims = [
        baseline.sanitized.is_some(),
        baseline.schema_only,
        baseline.synthetic.is_some(),
        baseline.anonymized.is_some(),
    ];
    match claims.iter().filter(|claim| **claim).count() {
        1 => Ok(()),
        0 => Err(format!(
            "the baseline `{name}` is none of `sanitized`, `schemaOnly`, `synthetic` and `anonymized`, so it may hold live data"
        )),
        _ => Err(format!(
            "the baseline `{name}` must be exactly one of `sanitized`, `schemaOnly`, `synthetic` and `anonymized`"
        )),
    }
}

/// Why no policy can have a branch of it: its Jobs have nowhere to run.
pub(crate) fn homeless(name: &str, baseline: &Baseline, guardrails: &GuardrailsSpec) -> Option<String> {
    if guardrails.layout == Layout::Single && baseline.provider != Provider::Embedded {
        return Some(format!(
            "layout `single` has no operations namespace, and the baseline `{name}` (`{}`) needs one: only databases of provider \
             `embedded` can be had",
            baseline.provider.name()
        ));
    }
    let is_missing = guardrails.operations.is_none();
    is_missing.then(|| {
        format!("the baseline `{name}` needs `operations`: Jobs make its branches, and the guardrails do not say where")
    })
}

/// Why its Jobs cannot run where its server is. Those of a server in the preview's namespace reach the Kubernetes API from there, beside
/// the pull request's Pods: what is opened for them is never everything, and their account is nobody else's.
fn beside_others(name: &str, baseline: &Baseline, guardrails: &GuardrailsSpec) -> Option<Finding> {
    let operations = guardrails.operations.as_ref().filter(|_| baseline.provider.is_own())?;
    let subject =
        format!("the baseline `{name}` (`{}`) has its Jobs in the preview's namespace", baseline.provider.name());
    if operations.api_server.cidrs.iter().any(Cidr::is_everything) {
        let message = format!(
            "{subject}, and `operations.apiServer.cidrs` does not say where the Kubernetes API is: write the API server's own addresses \
             (`kubectl -n default get endpointslices`)"
        );
        return Some(Finding::of_guardrails(&BASELINE_INCOMPLETE, "/spec/operations/apiServer", message));
    }
    let account = &*operations.service_account;
    let has_own_store = || guardrails.secrets.as_ref().is_some_and(|secrets| secrets.provider.is_some());
    let others = match account {
        SERVICE_ACCOUNT | "default" => "the preview's Pods run as",
        STORE_ACCOUNT if has_own_store() => "signs in to the preview's own store",
        _ => return None,
    };
    let message = format!("{subject}, where the ServiceAccount `{account}` is what {others}: give the Jobs another");
    Some(Finding::of_guardrails(&BASELINE_INCOMPLETE, "/spec/operations/serviceAccount", message))
}

/// Why a baseline is safe, in words.
pub(crate) fn why_safe(baseline: &Baseline) -> &'static str {
    if baseline.sanitized.is_some() || baseline.anonymized.is_some() {
        "live data, masked"
    } else if baseline.schema_only {
        "a schema without data"
    } else {
        "data that was invented"
    }
}

/// Whether it has what its provider needs.
pub(crate) fn is_complete(name: &str, baseline: &Baseline) -> Result<(), String> {
    let database = ("database", baseline.database.is_some());
    let endpoint = ("endpoint", baseline.endpoint.is_some());
    let (project, parent) = (("project", baseline.project.is_some()), ("parent", baseline.parent.is_some()));
    let (image, cluster) = (("image", baseline.image.is_some()), ("cluster", baseline.cluster.is_some()));
    let (region, size) = (("region", baseline.region.is_some()), ("size", baseline.size.is_some()));
    let api = ("api", baseline.api.is_some());
    let needed: &[(&str, bool)] = match baseline.provider {
        Provider::Postgres | Provider::Mysql | Provider::Mariadb => &[database, endpoint],
        Provider::Neon | Provider::Planetscale => &[project, parent],
        Provider::Embedded => &[image],
        Provider::Cnpg => &[database, image, cluster],
        Provider::Aurora => &[region, parent, database, size, endpoint],
        Provider::Dblab => &[api, parent, database, endpoint],
        Provider::CrunchyBridge => &[project, parent, database],
        Provider::Supabase => &[project],
    };
    if let Some((field, _)) = needed.iter().find(|(_, is_there)| !is_there) {
        return Err(format!("the baseline `{name}` has no `{field}`"));
    }
    if let (Provider::Planetscale, Some(project)) = (baseline.provider, &baseline.project)
        && !project.split_once('/').is_some_and(|(organization, database)| {
            !organization.is_empty() && !database.is_empty() && !database.contains('/')
        })
    {
        return Err(format!("the baseline `{name}` has the project `{project}`: write `ORGANIZATION/DATABASE`"));
    }
    if let (Provider::Cnpg, Some(image)) = (baseline.provider, &baseline.image)
        && !has_version(image)
    {
        return Err(format!(
            "the baseline `{name}` has an image without a PostgreSQL version, which CloudNativePG refuses: write \
             `…/postgresql:17.5@sha256:…`"
        ));
    }
    if baseline.dump.is_some() && baseline.provider != Provider::Embedded {
        return Err(format!(
            "the baseline `{name}` has a `dump`, which `{}` does not load: `embedded` does",
            baseline.provider.name()
        ));
    }
    if baseline.last_port.is_some() && baseline.provider != Provider::Dblab {
        return Err(format!(
            "the baseline `{name}` has a `lastPort`, but `{}` has one port for all branches: `dblab` has one each",
            baseline.provider.name()
        ));
    }
    if baseline.endpoint.is_some() && baseline.provider.is_own() {
        return Err(format!(
            "the baseline `{name}` has an `endpoint`, but a server of `{}` is in the preview's own namespace",
            baseline.provider.name()
        ));
    }
    baseline.anonymized.as_ref().map_or(Ok(()), |anonymized| is_maskable(name, baseline, anonymized))
}

/// The operator reads the server's version out of the tag, and its webhook refuses a digest alone.
fn has_version(image: &str) -> bool {
    let (_, tag) = split_tag(image.split_once('@').map_or(image, |(name, _)| name));
    tag.is_some_and(|tag| tag.starts_with(|first: char| first.is_ascii_digit()))
}

fn is_maskable(name: &str, baseline: &Baseline, anonymized: &Anonymized) -> Result<(), String> {
    if baseline.provider != Provider::Neon {
        return Err(format!(
            "the baseline `{name}` is `anonymized`, which `{}` does not do: mask it beforehand and say `sanitized`",
            baseline.provider.name()
        ));
    }
    if anonymized.mask.is_empty() {
        return Err(format!("the baseline `{name}` is `anonymized` and masks no column"));
    }
    let columns = anonymized.mask.iter().map(|mask| &mask.column).chain(&anonymized.keep);
    if let Some(column) = columns.into_iter().find(|column| column_parts(column).is_none()) {
        return Err(format!("the baseline `{name}` names the column `{column}`: write `SCHEMA.TABLE.COLUMN`"));
    }
    match anonymized.mask.iter().find(|mask| mask.function.is_some() == mask.value.is_some()) {
        Some(mask) => {
            Err(format!("the baseline `{name}` masks `{}`: with exactly one of `function` and `value`", mask.column))
        }
        None => Ok(()),
    }
}

/// Schema, table and column of `SCHEMA.TABLE.COLUMN`.
pub(crate) fn column_parts(column: &str) -> Option<[&str; 3]> {
    let parts: Vec<&str> = column.split('.').collect();
    <[&str; 3]>::try_from(parts).ok().filter(|parts| parts.iter().all(|part| !part.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::{Baseline, is_complete};

    #[test]
    fn says_what_a_hosted_baseline_lacks() {
        let said = |fields: &str| {
            let baseline: Baseline = serde_json::from_str(&format!("{{{fields}}}")).unwrap();
            is_complete("shop", &baseline).err().unwrap_or_default()
        };
        let neon = r#""provider": "neon", "project": "p", "parent": "br-1""#;
        let mask =
            |column: &str, how: &str| format!(r#"{neon}, "anonymized": {{"mask": [{{"column": "{column}"{how}}}]}}"#);
        let function = r#", "function": "anon.fake_email()""#;
        assert_eq!(said(neon), "");
        assert_eq!(said(&mask("public.users.email", function)), "");
        assert!(said(&mask("users.email", function)).contains("SCHEMA.TABLE.COLUMN"));
        assert!(said(&mask("public.users.email", "")).contains("exactly one of `function` and `value`"));
        assert!(said(&format!(r#"{neon}, "anonymized": {{"mask": []}}"#)).contains("masks no column"));
        let planetscale =
            |project: &str| said(&format!(r#""provider": "planetscale", "project": "{project}", "parent": "main""#));
        assert_eq!(planetscale("acme/shop"), "");
        for wrong in ["shop", "acme/", "acme/shop/main"] {
            assert!(planetscale(wrong).contains("ORGANIZATION/DATABASE"), "{wrong}");
        }
        let dump = r#", "dump": "ghcr.io/acme/shop-dump@sha256:"#;
        let dump = format!("{dump}{}\"", "a".repeat(64));
        assert!(said(&format!("{neon}{dump}")).contains("which `neon` does not load"));
        assert!(said(&format!(r#""provider": "embedded"{dump}"#)).contains("no `image`"), "a dump is no server");
        let cnpg = |tag: &str| {
            let image = format!("ghcr.io:443/acme/postgresql{tag}@sha256:{}", "a".repeat(64));
            let cluster = r#""cluster": {"driver": "d", "snapshot": "s", "size": "1Gi"}"#;
            said(&format!(r#""provider": "cnpg", "database": "shop", "image": "{image}", {cluster}"#))
        };
        for good in [":17.5", ":17", ":16.0-10", ":17beta1", ":17.5-minimal-trixie"] {
            assert_eq!(cnpg(good), "", "{good}");
        }
        for bad in ["", ":latest", ":v17", ":"] {
            assert!(cnpg(bad).contains("without a PostgreSQL version"), "{bad}");
        }
        let elsewhere = mask("public.users.email", function).replace("neon", "postgres");
        let elsewhere = format!(r#"{elsewhere}, "database": "d", "endpoint": {{"port": 5432}}"#);
        assert!(said(&elsewhere).contains("which `postgres` does not do"), "{}", said(&elsewhere));
    }
}
