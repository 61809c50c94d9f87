//! `${{ … }}` in the images of manifests: a commit cannot hold its own SHA, and a protected file not that of every pull request.

use crate::{
    expression::{Interpolated, Scope},
    finding::{Finding, visible},
    input::scalar::Scalar as _,
    resolve::Environment,
    rules::{
        MOST, containers::finding, image_registry::for_each_image, input::BAD_EXPRESSION, manifest_kind::MANIFEST_KIND,
    },
    value::{Map, Value},
};

use super::Object;

const NAME: &str = "/metadata/name";

/// Puts values where the images of manifests have expressions, and the names of Jobs: Kubernetes takes no other image for a Job that is
/// there, so it has to be another. They see what is the same kind of thing for every pull request.
pub(crate) fn fill_in(manifests: &mut [Object], environment: &Environment) -> Vec<Finding> {
    let mut mistakes = Vec::new();
    for object in manifests {
        if mistakes.len() > MOST {
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
        if object.kind() == "Job" {
            if object.name().contains("${{") {
                places.push((NAME.to_owned(), object.name().to_owned()));
            } else {
                let message = "a Job cannot be changed, so with another image it needs another name";
                let help = "end the name with `-${{ pr.headShortSha7 }}`";
                mistakes.push(finding(&MANIFEST_KIND, object, NAME, message).help(help));
            }
        }
        let facts = facts(environment);
        for (pointer, written) in places {
            match Interpolated::parse(&written).and_then(|text| text.text(Scope::new(&facts))) {
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

/// The value at a pointer without escapes.
fn place<'v>(value: &'v mut Value, pointer: &str) -> Option<&'v mut Value> {
    pointer.split('/').skip(1).try_fold(value, |value, segment| match value {
        Value::Map(map) => map.get_mut(segment),
        Value::List(items) => items.get_mut(segment.parse::<usize>().ok()?),
        _ => None,
    })
}

fn facts(environment: &Environment) -> Value {
    let map = |entries: &[(&'static str, &str)]| {
        Value::Map(entries.iter().map(|(name, value)| ((*name).into(), Value::string(*value))).collect::<Map>())
    };
    let pr = &environment.pr;
    let pr = [
        ("number", &*pr.number),
        ("headSha", &*pr.head_sha),
        ("headShortSha", &*pr.head_short_sha),
        ("headShortSha7", &*pr.head_short_sha_7),
    ];
    let facts = [("policy".into(), map(&[("name", &*environment.policy.name)])), ("pr".into(), map(&pr))];
    Value::Map(facts.into_iter().collect::<Map>())
}
