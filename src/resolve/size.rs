//! How large and for how long: profile and ttl, asked for by labels or the policy, within the guardrails.

use crate::{
    finding::{Finding, InputFile, nearest},
    input::{
        Ordered,
        guardrails::{Profile, Provider},
        scalar::{Duration, Quantity, Scalar as _},
    },
    rules,
    value::Value,
};

use super::{Decision, Origin, PullRequest, Resolver, time};

/// The field of the decision which profile it is.
pub(crate) const PROFILE: &str = "profile";

impl<'a> Resolver<'a> {
    /// The profile, and the `LimitRange`'s item.
    pub(super) fn profile(&mut self, pr: &PullRequest) -> (Option<(&'a str, &'a Profile)>, Value) {
        let guardrails = self.guardrails;
        for (file, offered) in
            [(InputFile::Guardrails, &guardrails.labels.profile), (InputFile::Policy, &self.policy.labels.profile)]
        {
            for (index, name) in offered.iter().enumerate() {
                if guardrails.profiles.get(name).is_none() {
                    let message = rules::profile::unknown(name, &guardrails.profiles);
                    self.report(
                        &rules::profile::UNKNOWN_PROFILE,
                        file,
                        format!("/spec/labels/profile/{index}"),
                        message,
                    );
                }
            }
        }
        let Some((name, origin)) = self.chosen(pr) else { return (None, Value::Null) };
        let Some((name, profile)) = guardrails.profiles.get_key_value(&name) else {
            // One that a label asks for was offered, and reported there.
            if let Origin::Input(file, pointer) = &origin {
                let message = rules::profile::unknown(&name, &guardrails.profiles);
                self.report(&rules::profile::UNKNOWN_PROFILE, *file, pointer.clone(), message);
            }
            return (None, Value::Null);
        };
        for message in rules::profile::unbounded(name, profile) {
            self.report(
                &rules::profile::UNBOUNDED_PROFILE,
                InputFile::Guardrails,
                format!("/spec/profiles/{name}"),
                message,
            );
        }
        let asked = self.policy.profile.as_ref().map(ToString::to_string).filter(|asked| asked != name);
        self.decisions.record(|| Decision {
            field: PROFILE.into(),
            origin,
            asked,
            granted: name.to_owned(),
            rule: None,
            reason: "a size from the guardrails".into(),
        });
        (Some((name, profile)), rules::limit_range::item(profile))
    }

    /// Which profile it is, and who chose it.
    fn chosen(&mut self, pr: &PullRequest) -> Option<(String, Origin)> {
        let guardrails = self.guardrails;
        let prefix = &guardrails.labels.prefix;
        self.findings.extend(
            pr.labels.iter().enumerate().filter_map(|(index, label)| rules::label::unknown(index, label, prefix)),
        );
        let label = self.label(pr, "profile", |resolver, text| {
            let offered = resolver.guardrails.labels.profile.iter().chain(&resolver.policy.labels.profile);
            let names: Vec<&str> = offered.map(|name| &**name).collect();
            if names.contains(&text) { Ok(text.to_owned()) } else { Err(rules::label::offered(text, &names)) }
        });
        if let Some((name, label, _)) = label.filter(|_| self.heed_profile_label) {
            self.profile_label = Some(label.clone());
            return Some((name, Origin::Label(label)));
        }
        let mut names = guardrails.profiles.names();
        let only = names.next().filter(|_| names.next().is_none());
        let (name, file, pointer) = match (&self.policy.profile, &guardrails.default_profile, only) {
            (Some(name), ..) => (&**name, InputFile::Policy, "/spec/profile"),
            (None, Some(name), _) => (&**name, InputFile::Guardrails, "/spec/defaultProfile"),
            (None, None, Some(only)) => (only, InputFile::Guardrails, "/spec/profiles"),
            (None, None, None) => {
                let there = nearest("", guardrails.profiles.names());
                let message = format!("the policy names no `profile` and the guardrails no `defaultProfile`{there}");
                self.policy_finding(&rules::profile::UNKNOWN_PROFILE, "/spec", message);
                return None;
            }
        };
        Some((name.to_owned(), Origin::Input(file, pointer.into())))
    }

    /// `spec.hard` of the `ResourceQuota`: the profile's, and unless it says so, no Service that leads past the routes and no volume.
    pub(super) fn quota(&mut self, profile: Option<(&str, &Profile)>) -> Value {
        let Some((name, profile)) = profile else { return Value::Null };
        let past_routes = "requests come through `routes` only";
        let mut closed = vec![("services.loadbalancers", past_routes), ("services.nodeports", past_routes)];
        // CloudNativePG claims what its servers need; also where this pull request gets none, the policy is the same.
        let mut baselines = self.policy.databases.iter().flat_map(|database| self.guardrails.baselines_of(database));
        let claims = baselines.any(|(_, baseline)| baseline.provider == Provider::Cnpg);
        if !claims && !profile.quota.names().any(rules::capacity::counts_claims) {
            closed.push((rules::capacity::CLAIMS, "volumes are claimed only where it does"));
        }
        let mut hard = profile.quota.to_value();
        for (resource, why) in closed {
            if let Some(hard) = hard.as_map_mut().filter(|hard| hard.get(resource).is_none()) {
                hard.push(resource, Value::from("0"));
                self.decisions.record(|| {
                    let reason = format!("the profile `{name}` does not say: {why}");
                    Decision::new(format!("quota.{resource}"), Origin::BuiltIn, "0", reason)
                });
            }
        }
        hard
    }

    /// How long it lives, and when that ends, if it is known since when.
    pub(super) fn ttl(&mut self, pr: &PullRequest) -> (String, String) {
        let bounds = &self.guardrails.ttl;
        if bounds.default > bounds.max {
            let message = format!("the default `{}` is longer than the maximum `{}`", bounds.default, bounds.max);
            self.report(&rules::ttl::TTL_BOUNDS, InputFile::Guardrails, "/spec/ttl/default", message);
        }
        let label = self.label(pr, "ttl", |resolver, text| {
            let offered: Vec<Duration> =
                resolver.guardrails.labels.ttl.iter().chain(&resolver.policy.labels.ttl).copied().collect();
            let names = || {
                let names: Vec<String> = offered.iter().map(ToString::to_string).collect();
                rules::label::offered(text, &names.iter().map(String::as_str).collect::<Vec<_>>())
            };
            let asked = Duration::parse(text).map_err(|_| names())?;
            if offered.contains(&asked) { Ok(asked) } else { Err(names()) }
        });
        let place = label.as_ref().map(|(.., index)| rules::label::pointer(*index));
        let (asked, origin) = match (label, self.policy.ttl) {
            (Some((ttl, label, _)), _) => (ttl, Origin::Label(label)),
            (None, Some(ttl)) => (ttl, Origin::Input(InputFile::Policy, "/spec/ttl".into())),
            (None, None) => (bounds.default, Origin::Input(InputFile::Guardrails, "/spec/ttl/default".into())),
        };
        let granted = asked.min(bounds.max);
        if granted < asked {
            let message = format!("`{asked}` is longer than the guardrails' maximum: the preview lives `{granted}`");
            match &origin {
                Origin::Label(_) => {
                    let place = place.unwrap_or_default();
                    self.findings.push(Finding::of_parameters(&rules::ttl::TTL_CLAMPED, place, message));
                }
                Origin::Input(InputFile::Policy, pointer) => {
                    self.policy_finding(&rules::ttl::TTL_CLAMPED, pointer.clone(), message);
                }
                // The guardrails' own default: that was told above.
                _ => {}
            }
        }
        // With a label, the policy asked for something else; clamped, whoever asked did.
        let otherwise = if asked == granted { self.policy.ttl.filter(|ttl| *ttl != granted) } else { Some(asked) };
        self.decisions.record(|| Decision {
            field: "ttl".into(),
            origin,
            asked: otherwise.map(|ttl| ttl.to_string()),
            granted: granted.to_string(),
            rule: (asked != granted).then_some(&rules::ttl::TTL_CLAMPED),
            reason: format!("at most `{}`, the guardrails' maximum", bounds.max),
        });
        let expires_at = pr.updated_seconds.map(|since| time::text(since + granted.seconds)).unwrap_or_default();
        self.decisions.record(|| {
            let (origin, granted, reason) = if expires_at.is_empty() {
                (Origin::BuiltIn, "unknown", "no parameter `updated_at`: the ttl stands on the Namespace")
            } else {
                (Origin::parameter("updated_at"), &*expires_at, "the last activity and the ttl")
            };
            Decision::new("expiresAt", origin, granted, reason)
        });
        (granted.to_string(), expires_at)
    }

    /// What a label `preview/NAME=VALUE` asks for, if it may, and which label it is.
    fn label<T: PartialEq>(
        &mut self,
        pr: &PullRequest,
        name: &str,
        offered: impl Fn(&Self, &str) -> Result<T, String>,
    ) -> Option<(T, String, usize)> {
        let prefix = &self.guardrails.labels.prefix;
        let mut asked: Option<(T, String, usize)> = None;
        for (index, label) in pr.labels.iter().enumerate() {
            let value = label.strip_prefix(prefix.as_str()).and_then(|rest| rest.strip_prefix(name)?.strip_prefix('='));
            let Some(value) = value else { continue };
            match offered(self, value) {
                Ok(value) => match &asked {
                    None => asked = Some((value, label.clone(), index)),
                    Some((other, first, _)) if *other != value => {
                        self.findings.push(rules::label::contradiction(first, (index, label)));
                    }
                    Some(_) => {}
                },
                Err(choices) => self.findings.push(rules::label::not_offered(index, label, &choices)),
            }
        }
        asked
    }
}

/// The limits of what requests more than its profile's default: as much as it requests.
pub(super) fn own_limits(profile: &Profile, requests: &Ordered<Quantity>) -> Ordered<Quantity> {
    let is_more = |(resource, amount): &(&str, &Quantity)| {
        profile.container.default.get(resource).is_some_and(|default| *amount > default)
    };
    let own = requests.iter().filter(is_more);
    own.map(|(resource, amount)| (resource.to_owned(), amount.clone())).collect()
}
