//! What a profile of the guardrails comes to: as a `LimitRange` and a `ResourceQuota`, and for the databases' Jobs.

use crate::{
    finding::{Finding, InputFile, Location, Subject},
    input::{
        Ordered,
        guardrails::{ContainerLimits, Profile},
        scalar::Quantity,
    },
    objects::{Object, Origin},
    rules::{Bounds, common::given},
    value::{Map, Value, child, pointer_segments},
};

/// Checks what a profile comes to, whether or not a policy has it.
pub(crate) fn check_profile(name: &str, profile: &Profile, findings: &mut Vec<Finding>) {
    let object = |kind: &'static str, spec| {
        let metadata = Value::map([("name", Value::from("preview"))]);
        let fields = [("apiVersion", "v1".into()), ("kind", kind.into()), ("metadata", metadata), ("spec", spec)];
        Object { value: Value::map(fields), origin: Origin::Template(kind.into()) }
    };
    let range = Value::map([("limits", Value::list([item(profile)]))]);
    let quota = Value::map([("hard", profile.quota.to_value())]);
    let bounds = Bounds { profile: Some((name, profile)), ..Bounds::default() };
    super::check(&[object("LimitRange", range), object("ResourceQuota", quota)], &bounds, findings);
}

/// What a container of a profile gets that states nothing.
pub(crate) fn default_of<'p>(profile: &'p Profile, resource: &str, limits: bool) -> Option<&'p Quantity> {
    let of = |field: &str| field_of(profile, field)?.1.get(resource);
    given(limits, of).map(|(_, amount)| amount)
}

/// The `LimitRange`'s item, as a profile has it. What that leaves out the API server derives from the rest (see [`given`]), and
/// Argo CD does so too before it compares.
pub(crate) fn item(profile: &Profile) -> Value {
    let mut item = Map::with_capacity(5);
    for (name, _, amounts) in &FIELDS {
        let amounts = amounts(profile);
        if !amounts.is_empty() {
            item.push(*name, amounts.to_value());
        }
    }
    item.push("type", Value::from("Container"));
    Value::Map(item)
}

/// A field of that item, where a profile says what is in it, and that.
type Field = (&'static str, &'static str, fn(&Profile) -> &Ordered<Quantity>);

pub(crate) static FIELDS: [Field; 4] = [
    ("default", "container/default", |profile| &profile.container.default),
    ("defaultRequest", "container/request", |profile| &profile.container.request),
    ("max", "container/max", |profile| &profile.container.max),
    ("min", "container/min", |profile| &profile.container.min),
];

/// Where a profile says what is in a field of the item, and that.
fn field_of<'p>(profile: &'p Profile, field: &str) -> Option<(&'static str, &'p Ordered<Quantity>)> {
    let (_, place, amounts) = FIELDS.iter().find(|(name, ..)| *name == field)?;
    Some((*place, amounts(profile)))
}

/// Leads findings that a profile brought to where it says so.
pub(super) fn blame((name, profile): (&str, &Profile), objects: &[Object], findings: &mut [Finding]) {
    for finding in findings {
        if let Some(below) = in_profile(finding, objects, profile) {
            finding.subject = Subject::Input(InputFile::Guardrails, format!("/spec/profiles/{name}/{below}"));
        }
    }
}

/// Where a profile says what a finding is about: below it. Templates lay out what it says, unless a patch says otherwise.
fn in_profile(finding: &Finding, objects: &[Object], profile: &Profile) -> Option<String> {
    let Subject::Place(Location { file: None, object: Some(id), pointer: Some(pointer), .. }) = &finding.subject else {
        return None;
    };
    let (laid_out, field, resource) = match id.as_str() {
        "LimitRange/preview" => {
            let (field, _) = pointer.strip_prefix("/spec/limits/0/")?.split_once('/')?;
            (&["spec", "limits"][..], field, 4)
        }
        "ResourceQuota/preview" => (&["spec"][..], pointer.strip_prefix("/spec/")?.split_once('/')?.0, 2),
        _ => return None,
    };
    // Of the whole pointer: a name may be empty.
    let resource = &*pointer_segments(pointer).nth(resource)?;
    let object = objects.iter().find(|object| object.id() == *id)?;
    let parent = object.value.at(laid_out)?;
    let laid_out = parent.items().first().unwrap_or(parent).str_at(&[field, resource])?;
    let (place, amounts) = if field == "hard" { ("quota", &profile.quota) } else { field_of(profile, field)? };
    let amount = amounts.get(resource)?;
    (amount.as_str() == laid_out).then(|| child(place, resource))
}

/// Bounds of a profile that no container with these requests and limits keeps: where below `container`, and the message.
pub(crate) fn keeps_out(
    profile: &Profile,
    requests: &Ordered<Quantity>,
    limits: &Ordered<Quantity>,
) -> Vec<(String, String)> {
    let ContainerLimits { min, max, .. } = &profile.container;
    let mut found = Vec::new();
    for (resource, request) in requests.iter() {
        if let Some(least) = min.get(resource).filter(|least| *least > request) {
            let message = format!(
                "`min` of {resource} is {least}, but the databases' Jobs in this namespace request {request}, so none would start; allowed: at most {request}"
            );
            found.push((format!("min/{resource}"), message));
        }
    }
    for (resource, limit) in limits.iter() {
        if let Some(most) = max.get(resource).filter(|most| *most < limit) {
            let message = format!(
                "`max` of {resource} is {most}, but the databases' Jobs in this namespace have a limit of {limit}, so none would start; allowed: at least {limit}"
            );
            found.push((format!("max/{resource}"), message));
        }
    }
    found
}
