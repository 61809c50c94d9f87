//! The team's file, and what lies beside it.

use std::{io::ErrorKind, path::Path};

use anyhow::{Context as _, anyhow, bail};

use crate::{
    cli::folder_of,
    finding::{Finding, Owner},
    input::{Source, Unfit, open_below, shown},
    rules,
    yaml::Limits,
};

use super::fit_or_not;

/// The policy's file.
pub(in crate::cli) const POLICY: &str = "preview.yaml";

/// Its text, and what is wrong with it as a whole.
pub(super) fn source(folder: &Path) -> anyhow::Result<(Source, Option<Unfit>)> {
    // A plain file leads nowhere else; anything else is followed, and looked at.
    let plain = folder.join(POLICY);
    let named = shown(&plain);
    let is_plain = std::fs::symlink_metadata(&plain).is_ok_and(|metadata| metadata.is_file());
    if !is_plain && folder.is_file() {
        let parent = folder_of(folder).display();
        bail!("`{}` is a file: name the folder with the `{POLICY}`, `{parent}`", folder.display());
    }
    let path = if is_plain { Ok(plain) } else { open_below(folder, POLICY) };
    let path = path.map_err(|error| {
        missing(folder, &named).unwrap_or_else(|| error.context(format!("there is no policy `{named}`")))
    })?;
    let (source, unfit) = fit_or_not(&path, Limits::DOCUMENT.bytes)?;
    Ok((Source { name: named, ..source }, unfit))
}

/// What to do about a policy that is not there. Where something else is, `init` writes nothing, and the cause says what it is.
fn missing(folder: &Path, named: &str) -> Option<anyhow::Error> {
    let is_missing = |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    if is_missing(folder) {
        return Some(anyhow!("there is no folder `{}`", folder.display()));
    }
    if !is_missing(&folder.join(POLICY)) {
        return None;
    }
    if let Some(other) = misspelt(folder) {
        return Some(anyhow!("`{}` is there: rename it to `{POLICY}`", shown(&folder.join(other))));
    }
    let here = shown(folder);
    let init = if here == "." { "dayfly init".to_owned() } else { format!("dayfly init {here}") };
    Some(anyhow!("there is no policy `{named}`: `{init}` writes one"))
}

/// A file that is called nearly as the policy.
fn misspelt(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| matches!(&*name.to_ascii_lowercase(), POLICY | "preview.yml")).min()
}

/// `.argocd-source*.yaml` beside the policy.
pub(super) fn overrides(folder: &Path, owner: Owner) -> anyhow::Result<Vec<Finding>> {
    let mut names: Vec<String> = Vec::new();
    // `std::fs::read_dir` would make musl set up its own allocator for this one folder.
    let entries = std::fs::File::open(folder).and_then(|file| Ok(rustix::fs::Dir::new(file)?));
    for entry in entries.with_context(|| format!("failed to list `{}`", folder.display()))? {
        let entry = entry.with_context(|| format!("failed to list `{}`", folder.display()))?;
        let name = entry.file_name().to_bytes();
        if name.starts_with(b".argocd-source") {
            names.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    names.sort();
    let found = |name: &String| rules::argocd_source::found(&shown(&folder.join(name)), owner);
    Ok(names.iter().map(found).collect())
}
