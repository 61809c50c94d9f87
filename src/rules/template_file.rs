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

/// A file or folder that is no template.
pub(crate) fn found(path: &Path, is_folder: bool) -> Finding {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let message = if is_folder {
        format!("`{}` is a folder: templates are files", visible(&name))
    } else {
        format!("`{}` is not read as a template: those end in `.yaml` or `.yml`", visible(&name))
    };
    let place = Subject::Place(Location::of_file(path.display().to_string()));
    Finding::new(&TEMPLATE_FILE, Owner::Platform, place, message)
        .help("move it elsewhere, or give it a name that begins with a dot")
}
