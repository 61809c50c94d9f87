//! Who the pull request is: parameters, judged.

use crate::{
    finding::{Finding, likely, nearest, printable, visible},
    input::{
        Parameters,
        parameters::KNOWN,
        scalar::{Scalar as _, Url},
    },
    rules::input::{INVALID_PARAMETER, UNKNOWN_FIELD},
    value::{Value, child},
};

use super::{names, time};

/// A pull request whose number is none that a code host gives.
const UNNUMBERED: &str = "unnumbered";

/// Most unknown parameters that are reported one by one.
const MOST_UNKNOWN: usize = 20;

/// Most digits of a number: so many fit into 64 bits.
const MOST_DIGITS: usize = 18;

/// Most labels: as many as GitHub allows.
const MOST_LABELS: usize = 100;

/// The beginning of the year 9892. The year 9999 is the last that RFC 3339 can say; a ttl must still fit behind it.
const LATEST: u64 = 249_994_166_400;

/// Longest free text that is kept, in characters.
const LONGEST_TEXT: usize = 200;

/// A pull request. Text from strangers is printable and bounded; whatever else is shown was checked.
#[derive(Clone, Debug, Default, PartialEq, schemars::JsonSchema, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PullRequest {
    /// Its identity: digits, or a stand-in that says there are none.
    pub number: String,
    /// Of the head: 7 to 64 hexadecimal digits in lower case.
    pub head_sha: String,
    /// The first eight characters of it.
    pub head_short_sha: String,
    /// The first seven.
    #[serde(rename = "headShortSha7")]
    pub head_short_sha_7: String,
    /// Where it comes from. Free text.
    pub branch: String,
    /// The branch as lower-case letters, digits and hyphens, at most 50 of them.
    pub branch_slug: String,
    /// Where it goes. Free text.
    pub target_branch: String,
    /// Free text, as all that its author words.
    pub title: String,
    /// Who opened it. Free text.
    pub author: String,
    /// At most 100. Free text.
    pub labels: Vec<String>,
    /// Whether it comes from a fork; null if nobody knows.
    pub fork: Option<bool>,
    /// False, too, if the parameter is left out.
    pub draft: bool,
    /// Its page at the code host. A URL, but free text all the same: anybody can write what they like into one.
    pub url: String,
    /// RFC 3339.
    pub updated_at: String,
    /// Seconds since 1970 of the last activity.
    #[serde(skip)]
    pub updated_seconds: Option<u64>,
}

/// The fields that are the same kind of thing for every pull request: where only these have a say, a mistake is not the pull request's.
pub(crate) const SAME_KIND: [&str; 4] = ["number", "headSha", "headShortSha", "headShortSha7"];

/// The fields that anybody who opens a pull request can fill with what they like.
pub(super) const FREE_TEXT: [&str; 6] = ["branch", "targetBranch", "title", "author", "labels", "url"];

pub(super) fn read(parameters: &Parameters, findings: &mut Vec<Finding>) -> PullRequest {
    findings.extend(parameters.problems().iter().cloned());
    let mut reader = Reader { parameters, findings, meant: Vec::new() };
    reader.unknown_names();
    let number = reader.number();
    let head_sha = reader.sha();
    let short = |length: usize| head_sha.get(..length).unwrap_or(&head_sha).to_owned();
    let updated_at = reader.time();
    PullRequest {
        number,
        head_short_sha: short(8),
        head_short_sha_7: short(7),
        branch: reader.free_text("branch"),
        branch_slug: slug(&reader.free_text("branch_slug")),
        target_branch: reader.free_text("target_branch"),
        title: reader.free_text("title"),
        author: reader.free_text("author"),
        labels: reader.labels(),
        fork: reader.boolean("fork"),
        draft: reader.boolean("draft").unwrap_or(false),
        url: reader.url(),
        updated_at: updated_at.map(time::text).unwrap_or_default(),
        updated_seconds: updated_at,
        head_sha,
    }
}

struct Reader<'a> {
    parameters: &'a Parameters,
    findings: &'a mut Vec<Finding>,
    /// What unknown ones were probably meant to be: they are not missing, too.
    meant: Vec<&'static str>,
}

impl Reader<'_> {
    fn report(&mut self, name: &str, message: String) {
        self.report_at(child("", name), message);
    }

    fn report_at(&mut self, pointer: String, message: String) {
        self.findings.push(Finding::of_parameters(&INVALID_PARAMETER, pointer, message));
    }

    fn unknown_names(&mut self) {
        let mut unknown = self.parameters.names().filter(|name| !KNOWN.iter().any(|known| known.name == *name));
        for name in unknown.by_ref().take(MOST_UNKNOWN) {
            let names = || KNOWN.iter().map(|known| known.name);
            self.meant.extend(likely(name, names()));
            let message = format!("unknown parameter `{}`{}", visible(name), nearest(name, names()));
            self.findings.push(Finding::of_parameters(&UNKNOWN_FIELD, child("", name), message));
        }
        if let Some(next) = unknown.next() {
            let message = format!("{} more unknown parameters", 1 + unknown.count());
            self.findings.push(Finding::of_parameters(&UNKNOWN_FIELD, child("", next), message));
        }
    }

    /// The text of a parameter; nothing if it is left out or empty, and a finding if it is something else.
    fn text(&mut self, name: &str) -> Option<String> {
        match self.parameters.get(name)? {
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(text.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null => None,
            other => {
                self.report(name, format!("the parameter `{name}` is {}, expected text", other.kind_name()));
                None
            }
        }
    }

    fn free_text(&mut self, name: &str) -> String {
        self.text(name).map(|text| printable(&text, LONGEST_TEXT).into_owned()).unwrap_or_default()
    }

    /// The same, with a finding where it is left out.
    fn required(&mut self, name: &str, why: &str) -> Option<String> {
        let known = self.findings.len();
        let text = self.text(name);
        let is_told = self.findings.len() > known || self.meant.contains(&name) || self.parameters.lacks_value(name);
        if text.is_none() && !is_told {
            self.report(name, format!("the parameter `{name}` is missing: {why}"));
        }
        text
    }

    fn number(&mut self) -> String {
        let Some(text) = self.required("number", "it is the pull request's identity") else {
            return UNNUMBERED.to_owned();
        };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let meant = text.trim_start_matches('0');
        if digits && meant.len() == text.len() && text.len() <= MOST_DIGITS {
            return text;
        }
        let wrong = if !digits {
            "is no pull request's: expected digits, such as `128`".to_owned()
        } else if meant.len() > MOST_DIGITS {
            format!("is no pull request's: expected at most {MOST_DIGITS} digits")
        } else if meant.is_empty() {
            "is no pull request's: they begin at `1`".to_owned()
        } else {
            format!("has a zero in front: expected `{meant}`")
        };
        let message = format!("the number `{}` {wrong}", visible(&text));
        self.report("number", message);
        // A letter first, so that it can never be another pull request's.
        format!("x{}", names::hash(&["number", &text]))
    }

    fn sha(&mut self) -> String {
        let Some(text) = self.required("head_sha", "images and labels need it") else { return String::new() };
        if (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return text;
        }
        self.report(
            "head_sha",
            format!("`{}` is no SHA: expected 7 to 64 hexadecimal digits in lower case", visible(&text)),
        );
        String::new()
    }

    fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.text(name)?.as_str() {
            "true" => Some(true),
            "false" => Some(false),
            other => {
                self.report(
                    name,
                    format!("the parameter `{name}` is `{}`, expected `true` or `false`", visible(other)),
                );
                None
            }
        }
    }

    fn time(&mut self) -> Option<u64> {
        let text = self.text("updated_at")?;
        let message = match time::parse(&text) {
            Some(seconds) if seconds < LATEST => return Some(seconds),
            Some(_) => format!("`{}` is too late: the last year that is taken is 9891", visible(&text)),
            None => format!("`{}` is no time: expected RFC 3339, such as `2026-11-20T09:30:00Z`", visible(&text)),
        };
        self.report("updated_at", message);
        None
    }

    fn url(&mut self) -> String {
        let Some(text) = self.text("url") else { return String::new() };
        if Url::parse(&text).is_ok() {
            return text;
        }
        self.report("url", format!("the parameter `url` is `{}`, expected {}", visible(&text), Url::EXPECTED));
        String::new()
    }

    fn labels(&mut self) -> Vec<String> {
        let parsed;
        let items = match self.parameters.get("labels") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::List(items)) => items,
            Some(Value::String(text)) if text.trim().is_empty() => return Vec::new(),
            Some(Value::String(text)) => match serde_json::from_str::<serde_json::Value>(text).map(Value::from) {
                Ok(Value::List(items)) => {
                    parsed = items;
                    &parsed
                }
                Ok(Value::Null) => return Vec::new(),
                _ => {
                    self.report(
                        "labels",
                        format!("the labels `{}` are no JSON list, such as `[\"preview\"]`", visible(text)),
                    );
                    return Vec::new();
                }
            },
            Some(other) => {
                self.report("labels", format!("the parameter `labels` is {}, expected a list", other.kind_name()));
                return Vec::new();
            }
        };
        if items.len() > MOST_LABELS {
            self.report("labels", format!("{} labels, allowed are {MOST_LABELS}", items.len()));
        }
        let items = &items[..items.len().min(MOST_LABELS)];
        // What is no text keeps its place, so that the others keep theirs.
        let text = |item: &Value| printable(item.as_str().unwrap_or_default(), LONGEST_TEXT).into_owned();
        let labels: Vec<String> = items.iter().map(text).collect();
        if let Some(other) = items.iter().position(|item| item.as_str().is_none()) {
            self.report_at(format!("/labels/{other}"), "the parameter `labels` holds something other than text".into());
        }
        labels
    }
}

/// A slug is letters, digits and hyphens, whatever was passed as one.
fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len().min(50));
    for c in text.chars() {
        let c = c.to_ascii_lowercase();
        match c {
            'a'..='z' | '0'..='9' => slug.push(c),
            _ if !slug.ends_with('-') && !slug.is_empty() => slug.push('-'),
            _ => {}
        }
        if slug.len() == 50 {
            break;
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_is_words_of_letters_and_digits_with_one_hyphen_between_two() {
        for (text, expected) in [
            ("feature-cart", "feature-cart"),
            ("Feature/Cart_2", "feature-cart-2"),
            ("--a // b--", "a-b"),
            ("ä", ""),
            ("", ""),
        ] {
            assert_eq!(slug(text), expected, "{text}");
        }
        let most = "a".repeat(50);
        assert_eq!(slug(&format!("{most}b")), most);
        assert_eq!(slug(&format!("{}-b", &most[1..])), &most[1..]);
    }
}
