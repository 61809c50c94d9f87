//! The team's own manifests.

use std::{collections::BTreeSet, path::Path};

use crate::{
    finding::{Finding, InputFile, Owner, Subject},
    input::{Policy, Source, Unfit, open_below, read_file, shown},
    objects::{Object, Origin},
    rules,
    yaml::{Cost, Limits},
};

use super::{POLICY, matching::matching};

/// Most manifests' files of one policy.
pub(crate) const MOST_FILES: usize = 200;

/// Files that are no YAML, and of which it is looked for why.
const MOST_TRACED: usize = 10;

/// Most documents in all of them: more than any quota lets run, and few enough to compare them with each other.
pub(crate) const MOST_MANIFESTS: usize = 2000;

/// What all of them may cost, what aliases repeat counted again: the sidecar has 256 MiB, and an object is there a few times.
pub(crate) const MOST_COST: Cost = Cost { bytes: 8 << 20, nodes: 1_500_000 };

/// The policy's `manifests`, read as Kubernetes would read them, and their files.
pub(super) fn manifests(
    folder: &Path,
    policy: &Policy,
    owner: Owner,
    findings: &mut Vec<Finding>,
) -> (Vec<Object>, Vec<Source>) {
    let (mut objects, mut sources, mut cost, mut unread) = (Vec::new(), Vec::new(), Cost::default(), 0);
    // What two patterns name is one file.
    let mut named = BTreeSet::new();
    let first = findings.len();
    // Each pattern looks through its folder.
    for (index, pattern) in policy.spec.manifests.iter().enumerate() {
        let about = |rule, message: String| {
            let subject = Subject::Input(InputFile::Policy, format!("/spec/manifests/{index}"));
            Finding::new(rule, owner, subject, message)
        };
        if index == MOST_FILES {
            let message = format!("more than {MOST_FILES} patterns of manifests");
            findings.push(about(&rules::input::INPUT_LIMIT, message));
            return (objects, sources);
        }
        let finding = |message| about(&rules::manifest_file::MANIFEST_FILE, message);
        let files = match matching(folder, pattern, POLICY) {
            Ok(files) => files,
            Err(message) => {
                findings.push(finding(message));
                continue;
            }
        };
        let files = files.into_iter().map(|file| (open_below(folder, &file), file));
        let files: Vec<_> =
            files.filter(|(path, _)| path.as_ref().map_or(true, |path| named.insert(path.clone()))).collect();
        if sources.len() + files.len() > MOST_FILES {
            findings.push(finding(format!("more than {MOST_FILES} files of manifests")));
            return (objects, sources);
        }
        for (path, file) in files {
            let read = path.and_then(|path| read_file(&path, Limits::MANIFESTS.bytes));
            let source = match read {
                Ok(source) => Source { name: shown(&folder.join(&file)), ..source },
                Err(error) => {
                    findings.push(match error.downcast::<Unfit>() {
                        Ok(mut unfit) => {
                            let text = std::mem::take(&mut unfit.text);
                            unfit.finding(&Source { name: shown(&folder.join(&file)), text }, owner)
                        }
                        Err(error) => finding(format!("{error:#}")),
                    });
                    continue;
                }
            };
            match source.manifests(owner, &mut cost, unread < MOST_TRACED) {
                Ok(documents) => objects.extend(documents.into_iter().map(|(line, value)| Object {
                    value,
                    origin: Origin::Manifest { file: source.name.clone(), line },
                })),
                Err(problems) => {
                    unread += 1;
                    findings.extend(problems);
                }
            }
            sources.push(source);
            if rules::cut(findings, first) {
                return (objects, sources);
            }
            let counted = [
                (objects.len(), MOST_MANIFESTS, "documents"),
                (cost.bytes, MOST_COST.bytes, "bytes, with what aliases repeat,"),
                (cost.nodes, MOST_COST.nodes, "keys, values and lists, with what aliases repeat,"),
            ];
            if let Some((_, most, what)) = counted.iter().find(|(count, most, _)| count > most) {
                findings.push(finding(format!("more than {most} {what} in the files of manifests")));
                return (objects, sources);
            }
        }
    }
    (objects, sources)
}
