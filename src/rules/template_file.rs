//! The folder of the platform's templates has templates.

use std::path::Path;

use crate::finding::{Finding, Location, Owner, Rule, Severity, Subject, visible};

/// About what lies among the platform's templates and is none.
pub static TEMPLATE_FILE: Rule = Rule {
    code: "template-file",
    severity: Severity::Warning,
    summary: "what is called like a template is read as one",
    explanation: "Files that end in `.yaml` and `.yml` are read as templates, those of the folder itself only. What is called like one, such as \
                  `extra.yaml.tpl` or `extra.json`, and a folder with such files, lay nothing out, which may not be what was meant. \
                  What begins with a dot is left out, and the guardrails' own file.",
};

/// Whether somebody may take a file for a template, or a folder for one of templates.
pub(crate) fn looks_like_one(path: &Path) -> bool {
    let is_called_so = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        [".yaml", ".yml", ".json", ".tpl", ".tmpl", ".j2"].iter().any(|end| name.contains(end))
    };
    match std::fs::read_dir(path) {
        Ok(files) => files.flatten().any(|file| is_called_so(&file.path())),
        Err(_) => is_called_so(path),
    }
}

/// A file or folder that is no template.
pub(crate) fn found(path: &Path) -> Finding {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message = if path.is_dir() {
        format!("`{}` is a folder: templates are files", visible(&name))
    } else {
        format!("`{}` is not read as a template: those end in `.yaml` or `.yml`", visible(&name))
    };
    let place = Subject::Place(Location::of_file(path.display().to_string()));
    Finding::new(&TEMPLATE_FILE, Owner::Platform, place, message)
        .help("move it elsewhere, or give it a name that begins with a dot")
}
