//! The platform's own templates: files beside the guardrails.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{
    finding::{Finding, Owner, Subject, visible},
    input::{Guardrails, Source, shown},
    rules,
    template::Template,
    yaml::Limits,
};

use super::{Look, fit_or_not};

/// The platform's own templates, beside the guardrails, as far as they are right, and their files.
pub(super) fn templates(
    beside: Option<&Path>,
    source: &Source,
    guardrails: &Guardrails,
    look: Look,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<(Vec<Template>, Vec<Source>)> {
    let (mut templates, mut sources) = (Vec::new(), Vec::new());
    let Some(path) = &guardrails.spec.templates else { return Ok((templates, sources)) };
    let beside = beside.context("the built-in guardrails have no `templates`")?;
    let folder = beside.parent().unwrap_or(Path::new("")).join(&**path);
    let listed: std::io::Result<Vec<PathBuf>> =
        std::fs::read_dir(&folder).and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect());
    let mut files = match listed {
        Ok(files) => files,
        Err(error) => {
            findings.push(unlisted(&folder, &error, source));
            return Ok((templates, sources));
        }
    };
    files.sort();
    let first = findings.len();
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_guardrails =
            || file.file_name() == beside.file_name() && file.canonicalize().ok() == beside.canonicalize().ok();
        // Kubernetes mounts a ConfigMap's files as links into `..data`; editors have files of that kind, too.
        if name.starts_with('.') || is_guardrails() {
            continue;
        }
        let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
        let Some(stem) = stem.filter(|_| file.is_file()) else {
            // Beside the guardrails there may be folders of anything.
            let is_other = &**path == "." && file.is_dir();
            if !is_other && looks_like_one(&file) {
                findings.push(rules::template_file::found(&file, file.is_dir()));
            }
            continue;
        };
        let (template, unfit) = fit_or_not(&file, Limits::DOCUMENT.bytes)?;
        let compile = if look == Look::Quick { Template::compile } else { Template::checked };
        let compiled = match unfit {
            Some(unfit) => Err(vec![unfit.finding(&template, Owner::Platform)]),
            None => compile(&format!("{stem}.yaml"), &template.name, &template.text).map_err(|mistakes| {
                let found =
                    || mistakes.into_iter().map(|mistake| rules::template::found(&template.name, mistake)).collect();
                template.unreadable_template().unwrap_or_else(found)
            }),
        };
        match compiled {
            Ok(compiled) => templates.push(compiled),
            // All that is wrong is told at once.
            Err(_) if look == Look::Quick => {
                findings.truncate(first);
                return self::templates(Some(beside), source, guardrails, Look::Thorough, findings);
            }
            Err(mistakes) => findings.extend(mistakes),
        }
        sources.push(template);
    }
    Ok((templates, sources))
}

/// Whether somebody may take a file for a template, or a folder for one of templates.
fn looks_like_one(path: &Path) -> bool {
    let is_called_so = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        [".yaml", ".yml", ".json", ".tpl", ".tmpl", ".j2"].iter().any(|end| name.contains(end))
    };
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().any(|file| is_called_so(&file.path())),
        Err(_) => is_called_so(path),
    }
}

/// About a folder that cannot be listed, where the guardrails name it.
fn unlisted(folder: &Path, error: &std::io::Error, source: &Source) -> Finding {
    let name = shown(folder);
    let name = visible(&name);
    let message = match error.kind() {
        ErrorKind::NotFound => format!("there is no folder `{name}`"),
        ErrorKind::NotADirectory => format!("`{name}` is a file, expected a folder"),
        _ => format!("failed to list the folder `{name}`: {error}"),
    };
    let place = Subject::Place(source.places().locate("/spec/templates"));
    Finding::new(&rules::template::TEMPLATE, Owner::Platform, place, message)
        .help("name a folder beside the guardrails' file, or remove `templates`")
}
