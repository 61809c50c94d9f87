//! Where findings stand in the files that were read.

use crate::{
    finding::{self, Finding, InputFile, Location, Subject},
    input::{Parameters, Places, Source},
    rules::service_file::SERVICE_FILE,
    yaml::Mark,
};

use super::{Loaded, pull_request};

impl Loaded {
    /// Looks up where findings stand, and puts them in the order in which they are told.
    pub(in crate::cli) fn locate(&self, findings: &mut Vec<Finding>, parameters: Option<&Parameters>) {
        let (guardrails, policy) = (self.guardrails.places(), self.policy.places());
        if let Some(parameters) = parameters {
            pull_request::locate(findings, parameters);
        }
        locate_in_files(findings, &self.templates);
        self.locate_in_manifests(findings);
        for finding in findings.iter_mut() {
            let excerpt = finding.excerpt.as_deref();
            let location = match &finding.subject {
                Subject::Input(InputFile::Guardrails, pointer) => guardrails.locate_excerpt(pointer, excerpt),
                // About its path, not the text behind it.
                Subject::Input(InputFile::Policy, pointer) if finding.rule == &SERVICE_FILE => {
                    policy.locate_name(pointer)
                }
                Subject::Input(InputFile::Policy, pointer) => policy.locate_excerpt(pointer, excerpt),
                Subject::Input(InputFile::Parameters, pointer) => {
                    Location { pointer: Some(pointer.clone()), ..Location::default() }
                }
                _ => continue,
            };
            finding.subject = Subject::Place(location);
        }
        for finding in findings.iter_mut() {
            let Some(patch) = &finding.patch else { continue };
            let Location { object, pointer, .. } = finding.location();
            finding.subject = Subject::Place(Location { object, pointer, ..guardrails.locate(patch) });
        }
        finding::arrange(findings);
    }

    /// Of a manifest, what is known is the document and the place in it. A file at a time: what is read of all of them with their places
    /// would take more memory than a render.
    fn locate_in_manifests(&self, findings: &mut [Finding]) {
        for source in &self.manifests {
            let places = source.places();
            for finding in findings.iter_mut() {
                if let Subject::Place(Location {
                    file: Some(file),
                    line: Some(line),
                    object,
                    pointer: Some(pointer),
                    ..
                }) = &finding.subject
                    && *file == source.name
                {
                    let location = Location {
                        object: object.clone(),
                        ..places.locate_in(*line, pointer, finding.excerpt.as_deref())
                    };
                    finding.subject = Subject::Place(location);
                }
            }
        }
    }
}

/// Looks up the lines of findings whose places in some files are known.
pub(super) fn locate_in_files(findings: &mut [Finding], files: &[Source]) {
    let places: Vec<Places<'_>> = files.iter().map(Source::places).collect();
    for finding in findings {
        let Subject::Place(Location { file: Some(file), line: Some(line), column: Some(column), .. }) =
            &finding.subject
        else {
            continue;
        };
        let Some(file) = files.iter().position(|source| source.name == *file) else { continue };
        finding.subject = Subject::Place(places[file].location(Mark { line: *line, column: *column }));
    }
}
