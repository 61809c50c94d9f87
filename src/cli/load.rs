//! From a command line to a [`Renderer`] and the parameters: files and variables are read here (but for `--each`, which is a stream).

mod guardrails;
mod locate;
mod manifests;
mod matching;
mod policy;
mod pull_request;
mod templates;

use std::path::{Path, PathBuf};

use crate::{
    finding::{self, Finding, InputFile, Owner},
    input::{Guardrails, Source, Unfit, guardrails::Layout, parameters, read_file, read_policy, read_typed, shown},
    render::Renderer,
};

use super::{InputFlags, console::Console, example};
#[cfg(feature = "in-cluster")]
pub(super) use guardrails::unread;
pub(super) use guardrails::{BUILT_IN_GUARDRAILS, are_given, guardrails_variable, note_built_in};
use locate::locate_in_files;
#[cfg(test)]
pub(crate) use manifests::{MOST_COST, MOST_FILES, MOST_MANIFESTS};
pub(super) use policy::POLICY;
pub(super) use pull_request::{is_plugin, parameters, parameters_or_example};
use templates::templates;

/// What was read. Findings that leave nothing to render with are the error case of [`load`].
pub(super) struct Loaded {
    pub renderer: Renderer,
    pub guardrails: Source,
    pub policy: Source,
    /// The platform's own templates.
    templates: Vec<Source>,
    /// The files of the policy's `manifests`.
    manifests: Vec<Source>,
}

/// Why nothing can be rendered.
pub(super) enum Broken {
    /// The inputs are wrong.
    Findings(Vec<Finding>),
    /// They could not be read at all.
    Unreadable(anyhow::Error),
}

impl From<anyhow::Error> for Broken {
    fn from(error: anyhow::Error) -> Self {
        Self::Unreadable(error)
    }
}

/// How closely the platform's templates are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// As far as a render comes to them: to know every name of the Environment takes longer than a whole render.
    Quick,
    Thorough,
}

/// Reads guardrails, policy, templates and manifests. Without a `folder`, [`example::policy`] stands for a policy.
pub(super) fn load(folder: Option<&Path>, flags: &InputFlags, look: Look) -> Result<Loaded, Broken> {
    flags.ensure_one_stream(None)?;
    let (guardrails_source, unfit, guardrails_path) = guardrails::guardrails(flags)?;
    let guardrails: Result<Guardrails, _> = match unfit {
        None => read_typed(&guardrails_source, Owner::Platform),
        Some(unfit) => Err(vec![unfit.finding(&guardrails_source, Owner::Platform)]),
    };
    let layout = guardrails.as_ref().map_or(Layout::Split, |guardrails| guardrails.spec.layout);
    let owner = layout.owner(InputFile::Policy);
    let (policy_source, unfit) = match folder {
        Some(folder) => policy::source(folder)?,
        None => (example::policy(guardrails.as_ref().ok().map(|guardrails| &guardrails.spec)), None),
    };
    let unfit = unfit.map(|unfit| unfit.finding(&policy_source, owner));
    let policy = read_policy(&policy_source, unfit, layout);
    let mut mistakes = Vec::new();
    let (templates, template_sources) = match &guardrails {
        Ok(guardrails) => templates(guardrails_path.as_deref(), &guardrails_source, guardrails, look, &mut mistakes)?,
        Err(_) => Default::default(),
    };
    // All findings of all files, not only the first file's.
    let (guardrails, (policy, mut findings)) = match (guardrails, policy) {
        (Ok(guardrails), Ok(policy)) => (guardrails, policy),
        (guardrails, policy) => {
            mistakes.extend(guardrails.err().into_iter().chain(policy.err()).flatten());
            locate_in_files(&mut mistakes, &template_sources);
            match pull_request::given(flags) {
                Ok(Some(parameters)) => mistakes.extend(pull_request::wrong(&parameters)),
                Ok(None) => {}
                // What cannot be read at all is told by whoever needs it.
                Err(error) => {
                    let unusable = error.downcast().into_iter();
                    mistakes.extend(unusable.flat_map(|parameters::Unusable(findings)| findings));
                }
            }
            finding::arrange(&mut mistakes);
            return Err(Broken::Findings(mistakes));
        }
    };
    // With a template that is missing nothing is rendered, but everything else is looked at.
    findings.extend(mistakes);
    let (objects, manifests) = match folder {
        Some(folder) => {
            findings.extend(policy::overrides(folder, owner)?);
            manifests::manifests(folder, &policy, owner, &mut findings)
        }
        None => Default::default(),
    };
    let renderer = Renderer::new(guardrails, policy, templates, objects, findings);
    Ok(Loaded {
        renderer,
        guardrails: guardrails_source,
        policy: policy_source,
        templates: template_sources,
        manifests,
    })
}

/// The same for a command that renders: `None`, if the inputs are wrong, which was shown.
pub(super) fn load_or_report(
    folder: &Path,
    flags: &InputFlags,
    look: Look,
    console: &mut Console<'_>,
) -> anyhow::Result<Option<Loaded>> {
    match load(Some(folder), flags, look) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(Broken::Unreadable(error)) => Err(error),
        Err(Broken::Findings(findings)) => {
            console.report(&findings)?;
            Ok(None)
        }
    }
}

/// A file, and what is wrong with it as a whole.
fn fit_or_not(path: &Path, limit: usize) -> anyhow::Result<(Source, Option<Unfit>)> {
    match read_file(path, limit) {
        Ok(source) => Ok((source, None)),
        Err(error) => {
            let mut unfit: Unfit = error.downcast()?;
            let source = Source { name: shown(path), text: std::mem::take(&mut unfit.text) };
            Ok((source, Some(unfit)))
        }
    }
}

/// The files of guardrails and policy, as far as there are two.
pub(super) fn names(folder: Option<&Path>, flags: &InputFlags) -> (String, String) {
    let guardrails = flags.guardrails.clone().or_else(guardrails_variable);
    let policy = folder.map(|folder| folder.join(POLICY));
    let name = |first: Option<&PathBuf>, second: Option<&PathBuf>| {
        first.or(second).map_or_else(|| POLICY.to_owned(), |path| shown(path))
    };
    (name(guardrails.as_ref(), policy.as_ref()), name(policy.as_ref(), guardrails.as_ref()))
}
