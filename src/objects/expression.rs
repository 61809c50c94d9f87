//! `${{ … }}` in the images of manifests: a commit cannot hold its own SHA, and a protected file not that of every pull request.

use crate::{
    expression::{Budget, Interpolated, Scope},
    finding::{Finding, visible},
    input::scalar::Scalar as _,
    resolve::Environment,
    rules::{
        MOST, containers::finding, image_registry::for_each_image, input::BAD_EXPRESSION, manifest_kind::MANIFEST_KIND,
    },
    value::Value,
};

use super::Object;

const NAME: &str = "/metadata/name";

/// Puts values where the images of manifests have expressions, and the names of Jobs: Kubernetes takes no other image for a Job that is
/// there, so it has to be another. They see what is the same kind of thing for every pull request.
pub(crate) fn fill_in(manifests: &mut [Object], environment: &Environment) -> Vec<Finding> {
    let (mut mistakes, mut budget) = (Vec::new(), Budget::default());
    for object in manifests {
        if mistakes.len() > MOST || budget.is_exceeded() {
            break; // nothing of this is rendered, and no more is told
        }
        let mut places: Vec<(String, String)> = Vec::new();
        for_each_image(object, |pointer, image| {
            if let Some(image) = image.and_then(Value::as_str).filter(|image| image.contains("${{")) {
                places.push((pointer(), image.to_owned()));
            }
        });
        if places.is_empty() {
            continue;
        }
        let pr = &environment.pr;
        let seen = facts(environment, [&pr.head_sha, &pr.head_short_sha, &pr.head_short_sha_7]);
        if object.kind() == "Job" {
            let name = object.name().to_owned();
            let later = facts(environment, ["0"; 3]);
            let mut is_lasting =
                |written: &str| evaluated(written, &seen, &mut budget) == evaluated(written, &later, &mut budget);
            if places.iter().any(|(_, image)| !is_lasting(image))
                && is_lasting(&name)
                && evaluated(&name, &seen, &mut budget).is_ok()
            {
                let message = "a Job cannot be changed, so with another image it needs another name";
                let help = "end the name with `-${{ pr.headShortSha7 }}`";
                mistakes.push(finding(&MANIFEST_KIND, object, NAME, message).help(help));
            }
            if name.contains("${{") {
                places.push((NAME.to_owned(), name));
            }
        }
        for (pointer, written) in places {
            match evaluated(&written, &seen, &mut budget) {
                Ok(text) => {
                    if let Some(place) = place(&mut object.value, &pointer) {
                        *place = Value::string(text);
                    }
                }
                Err(error) => {
                    let message = format!("`{}`: {error}", visible(&written));
                    mistakes.push(finding(&BAD_EXPRESSION, object, pointer, message));
                }
            }
        }
    }
    mistakes
}

fn evaluated(written: &str, facts: &Value, budget: &mut Budget) -> Result<String, String> {
    let text = Interpolated::parse(written)?;
    budget.allow(&text)?;
    text.text(&Scope::Context(facts)).inspect(|text| budget.spend(text))
}

/// The value at a pointer without escapes.
fn place<'v>(value: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    pointer.split('/').skip(1).try_fold(value, |value, segment| match value {
        Value::Map(map) => map.get_mut(segment),
        Value::List(items) => items.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

/// What expressions see at a head: its SHA, and the two short ones.
fn facts(environment: &Environment, [head, short, short_7]: [&str; 3]) -> Value {
    let pr = [
        ("number", environment.pr.number.as_str()),
        ("headSha", head),
        ("headShortSha", short),
        ("headShortSha7", short_7),
    ];
    let policy = Value::map([("name", Value::string(&environment.policy.name))]);
    Value::map([("policy", policy), ("pr", Value::map(pr.map(|(name, value)| (name, Value::string(value)))))])
}
