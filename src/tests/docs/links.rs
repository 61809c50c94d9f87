//! What is read: links, and the projects of `deploy/`.

use std::{fs, path::Path};

use serde_json::Value as Json;

use super::{Part, pages, parts, read};
use crate::tests::support::{self, root};

/// Links within the repository lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for path in pages() {
        for part in parts(&read(&path), &path) {
            let Part::Line(line) = part else { continue };
            for target in links(&line) {
                if target.contains("://") {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let folder = root().join(&path).parent().expect("a folder").to_owned();
                let file = if file.is_empty() { root().join(&path) } else { folder.join(file) };
                let exists = file.exists();
                let leads = exists && (anchor.is_empty() || anchors(&file).iter().any(|found| found == anchor));
                if !leads {
                    broken.push(format!("{path}: {target}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// The targets of `[text](target)`.
fn links(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(file: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    let headings = parts(&text, &file.display().to_string()).into_iter().filter_map(|part| match part {
        Part::Line(line) => line.strip_prefix('#').map(|rest| anchor(rest.trim_start_matches('#').trim())),
        Part::Block(_) => None,
    });
    headings.collect()
}

pub(super) fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The projects of `deploy/` let through what storefront is made of.
#[test]
fn projects_allow_what_is_rendered() {
    for (case, project) in [("storefront", "environments"), ("storefront-single", "single")] {
        let file = format!("deploy/projects/{project}.yaml");
        let project: Json = serde_yaml::from_str(&read(&file)).expect("a project");
        let listed = |list: &str, group: &str, kind: &str| {
            let list = project["spec"][list].as_array().expect("a list");
            list.iter().any(|entry| entry["group"] == group && entry["kind"] == kind)
        };
        let destinations = project["spec"]["destinations"].as_array().expect("a list");
        let reaches = |namespace: &str| {
            destinations.iter().filter_map(|to| to["namespace"].as_str()).any(|to| match to.strip_suffix('*') {
                Some(prefix) => namespace.starts_with(prefix),
                None => namespace == to,
            })
        };
        for object in support::dayfly_on("render", case, &["-o", "json"]).list() {
            let (group, _) = object["apiVersion"].as_str().unwrap_or_default().split_once('/').unwrap_or_default();
            let kind = object["kind"].as_str().unwrap_or_default();
            let allowed = match object["metadata"]["namespace"].as_str() {
                Some(namespace) => listed("namespaceResourceWhitelist", group, kind) && reaches(namespace),
                None => listed("clusterResourceWhitelist", group, kind),
            };
            assert!(allowed, "{file} refuses {case}'s {group}/{kind} {}", object["metadata"]["name"]);
        }
    }
}
