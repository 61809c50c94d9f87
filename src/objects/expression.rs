//! `${{ … }}` in the images of manifests: a commit cannot hold its own SHA, and a protected file not that of every pull request.

use std::ops::ControlFlow;

use crate::{
    expression::{
        Budget, Facts, Interpolated, Scope,
        mistake::{self, Mistake},
    },
    finding::{Finding, visible},
    resolve::{Environment, SAME_KIND},
    rules::{
        MOST,
        common::{finding, for_each_image},
        input::{BAD_EXPRESSION, INPUT_LIMIT},
        manifest_kind::MANIFEST_KIND,
    },
    value::Value,
};

use super::Object;

const NAME: &str = "/metadata/name";

/// Puts values where the images of manifests have expressions, and the names of Jobs: Kubernetes takes no other image for a Job that is
/// there, so it has to be another. They see what is the same kind of thing for every pull request.
pub(crate) fn fill_in(manifests: &mut Vec<Object>, environment: &Environment) -> Vec<Finding> {
    let mut filler = Filler { environment, budget: Budget::default(), mistakes: Vec::new() };
    for index in 0..manifests.len() {
        if filler.mistakes.len() > MOST {
            break;
        }
        if filler.fill_in(&mut manifests[index]).is_break() {
            // With expressions in them, the rest would be told as mistakes, one by one.
            manifests.truncate(index);
            break;
        }
    }
    filler.mistakes
}

struct Filler<'e> {
    environment: &'e Environment,
    budget: Budget,
    mistakes: Vec<Finding>,
}

impl Filler<'_> {
    /// One manifest; the end, if the budget is spent.
    fn fill_in(&mut self, object: &mut Object) -> ControlFlow<()> {
        let mut places: Vec<(String, String)> = Vec::new();
        for_each_image(object, |pointer, image| {
            if let Some(image) = image.and_then(Value::as_str).filter(|image| image.contains("${{")) {
                places.push((pointer(), image.to_owned()));
            }
        });
        if places.is_empty() {
            return ControlFlow::Continue(());
        }
        let pr = &self.environment.pr;
        let seen = facts(self.environment, [&pr.head_sha, &pr.head_short_sha, &pr.head_short_sha_7]);
        let name = object.name().to_owned();
        let is_job = object.kind() == "Job";
        if is_job && name.contains("${{") {
            places.push((NAME.to_owned(), name));
        }
        let later = is_job.then(|| facts(self.environment, ["0"; 3]));
        let changes = |written: &str, text: &String| {
            let comes_to = |later| Interpolated::parse(written)?.text(&Scope::Facts(later));
            later.as_ref().is_some_and(|later| comes_to(later).as_ref() != Ok(text))
        };
        let (mut is_lasting, mut new_name, mut is_named_anew) = (true, None, false);
        for (pointer, written) in places {
            match evaluated(&written, &seen, &mut self.budget) {
                Ok(text) if pointer == NAME => {
                    is_named_anew = changes(&written, &text);
                    new_name = Some(text);
                }
                Ok(text) => {
                    is_lasting &= !changes(&written, &text);
                    if let Some(place) = object.value.pointer_mut(&pointer) {
                        *place = Value::string(text);
                    }
                }
                Err(error) => {
                    is_named_anew |= pointer == NAME;
                    self.wrong(object, &pointer, &written, &seen, &error)?;
                }
            }
        }
        if !is_lasting && !is_named_anew {
            let message = "a Job cannot be changed, so with another image it needs another name";
            let help = "end the name with `-${{ pr.headShortSha7 }}`";
            self.mistakes.push(finding(&MANIFEST_KIND, object, NAME, message).help(help));
        }
        if let (Some(name), Some(place)) = (new_name, object.value.pointer_mut(NAME)) {
            *place = Value::string(name);
        }
        ControlFlow::Continue(())
    }

    /// Reports each expression of a text that is wrong; `error` is what is wrong with it as a whole.
    fn wrong(&mut self, object: &Object, pointer: &str, written: &str, seen: &Facts, error: &str) -> ControlFlow<()> {
        let whole = || format!("`{}`: {error}", visible(written));
        if self.budget.is_exceeded() {
            self.mistakes.push(finding(&INPUT_LIMIT, object, pointer, whole()));
            return ControlFlow::Break(());
        }
        let most = if self.mistakes.len() > MOST { 1 } else { mistake::MOST };
        let wrong = mistake::mistakes(written, most, |one| one.text(&Scope::Facts(seen)));
        if wrong.is_empty() {
            self.mistakes.push(finding(&BAD_EXPRESSION, object, pointer, whole()));
        }
        self.mistakes.extend(wrong.into_iter().map(|Mistake { excerpt, message, .. }| {
            finding(&BAD_EXPRESSION, object, pointer, message).of_excerpt(excerpt)
        }));
        ControlFlow::Continue(())
    }
}

fn evaluated(written: &str, facts: &Facts, budget: &mut Budget) -> Result<String, String> {
    let text = Interpolated::parse(written)?;
    budget.allow(&text)?;
    text.text(&Scope::Facts(facts)).inspect(|text| budget.spend(text))
}

/// What expressions see at a head: its SHA, and the two short ones.
fn facts(environment: &Environment, [head, short, short_7]: [&str; 3]) -> Facts {
    let pr = SAME_KIND.into_iter().zip([&*environment.pr.number, head, short, short_7]);
    let policy = Value::map([("name", Value::string(&environment.policy.name))]);
    let pr = Value::map(pr.map(|(name, value)| (name, Value::string(value))));
    Value::map([("policy", policy), ("pr", pr)]).into()
}
