//! From a command line to a [`Renderer`] and the parameters: files and variables are read here (but for `--each`, which is a stream).

mod locate;
mod templates;

use std::{
    collections::BTreeSet,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};

use crate::{
    finding::{self, Finding, InputFile, Owner, Subject},
    input::{
        Guardrails, Parameters, Policy, Source, Unfit, guardrails::Layout, open_below, parameters, read_file,
        read_policy, read_typed,
    },
    objects::{Object, Origin},
    render::Renderer,
    resolve, rules,
    value::Value,
    yaml::{Cost, Limits},
};

use super::{InputFlags, example, is_open, report, terminal::Colour};
use locate::locate_in_files;
use templates::templates;

/// The guardrails of who has none: small, closed, safe.
pub(super) const BUILT_IN_GUARDRAILS: &str = include_str!("../input/guardrails.yaml");

/// The policy's file.
pub(super) const POLICY: &str = "preview.yaml";

/// Most manifests' files of one policy.
pub(crate) const MOST_FILES: usize = 200;

/// Most documents in all of them: more than any quota lets run, and few enough to compare them with each other.
pub(crate) const MOST_MANIFESTS: usize = 2000;

/// What all of them may cost, what aliases repeat counted again: the sidecar has 256 MiB, and an object is there a few times.
pub(crate) const MOST_COST: Cost = Cost { bytes: 8 << 20, nodes: 1_500_000 };

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
    let (guardrails_source, unfit, guardrails_path) = guardrails(flags)?;
    let guardrails: Result<Guardrails, _> = match unfit {
        None => read_typed(&guardrails_source, Owner::Platform),
        Some(unfit) => Err(vec![unfit.finding(&guardrails_source, Owner::Platform)]),
    };
    let layout = guardrails.as_ref().map_or(Layout::Split, |guardrails| guardrails.spec.layout);
    let owner = layout.owner(InputFile::Policy);
    let (policy_source, unfit) = match folder {
        Some(folder) => policy_source(folder)?,
        None => (example::policy(guardrails.as_ref().ok().map(|guardrails| &guardrails.spec)), None),
    };
    let unfit = unfit.map(|unfit| unfit.finding(&policy_source, owner));
    let policy = read_policy(&policy_source, unfit, layout);
    let mut mistakes = Vec::new();
    let (templates, template_sources) = match &guardrails {
        Ok(guardrails) => templates(guardrails_path.as_deref(), guardrails, look, &mut mistakes)?,
        Err(_) => Default::default(),
    };
    // All findings of all files, not only the first file's.
    let (guardrails, (policy, mut findings)) = match (guardrails, policy) {
        (Ok(guardrails), Ok(policy)) => (guardrails, policy),
        (guardrails, policy) => {
            mistakes.extend(guardrails.err().into_iter().chain(policy.err()).flatten());
            locate_in_files(&mut mistakes, &template_sources);
            match given_parameters(flags) {
                Ok(Some(parameters)) => mistakes.extend(wrong_parameters(&parameters)),
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
            findings.extend(overrides(folder, owner)?);
            manifests(folder, &policy, owner, &mut findings)
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
    colour: Colour,
    err: &mut dyn Write,
) -> anyhow::Result<Option<Loaded>> {
    match load(Some(folder), flags, look) {
        Ok(loaded) => Ok(Some(loaded)),
        Err(Broken::Unreadable(error)) => Err(error),
        Err(Broken::Findings(findings)) => {
            report(&findings, colour, err)?;
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
            let source = Source { name: path.display().to_string(), text: std::mem::take(&mut unfit.text) };
            Ok((source, Some(unfit)))
        }
    }
}

/// The files of guardrails and policy, as far as there are two.
pub(super) fn names(folder: Option<&Path>, flags: &InputFlags) -> (String, String) {
    let guardrails = flags.guardrails.clone().or_else(guardrails_variable);
    let policy = folder.map(|folder| folder.join(POLICY));
    let shown = |first: Option<&PathBuf>, second: Option<&PathBuf>| {
        first.or(second).map_or_else(|| POLICY.to_owned(), |path| path.display().to_string())
    };
    (shown(guardrails.as_ref(), policy.as_ref()), shown(policy.as_ref(), guardrails.as_ref()))
}

/// The file that the environment names.
pub(super) fn guardrails_variable() -> Option<PathBuf> {
    std::env::var_os("DAYFLY_GUARDRAILS").filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn guardrails(flags: &InputFlags) -> anyhow::Result<(Source, Option<Unfit>, Option<PathBuf>)> {
    let path = match &flags.guardrails {
        Some(path) => path.clone(),
        None => match guardrails_variable() {
            None => {
                let source = Source { name: "built-in guardrails".into(), text: BUILT_IN_GUARDRAILS.into() };
                return Ok((source, None, None));
            }
            // In the plugin, the current directory is the source tree.
            Some(path) if is_plugin(flags) && path.is_relative() => {
                bail!(
                    "DAYFLY_GUARDRAILS is `{}`: in the plugin it must be an absolute path, a relative one would lie in the source tree",
                    path.display()
                )
            }
            Some(path) => path,
        },
    };
    let (source, unfit) = fit_or_not(&path, Limits::DOCUMENT.bytes).context("failed to read the guardrails")?;
    Ok((source, unfit, Some(path)))
}

fn policy_source(folder: &Path) -> anyhow::Result<(Source, Option<Unfit>)> {
    let named = folder.join(POLICY).display().to_string();
    // A plain file leads nowhere else; anything else is followed, and looked at.
    let plain = folder.join(POLICY);
    let is_plain = std::fs::symlink_metadata(&plain).is_ok_and(|metadata| metadata.is_file());
    if !is_plain && folder.is_file() {
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        bail!("`{}` is a file: name the folder with the `{POLICY}`, `{}`", folder.display(), parent.display());
    }
    let path = if is_plain { Ok(plain) } else { open_below(folder, POLICY) };
    let shown = |path: &str| path.strip_prefix("./").unwrap_or(path).to_owned();
    if path.is_err()
        && folder.join(POLICY).symlink_metadata().is_err()
        && let Some(other) = misspelt(folder)
    {
        bail!("`{}` is there: rename it to `{POLICY}`", shown(&folder.join(other).display().to_string()));
    }
    // Where something else is, `init` writes nothing, and the cause says what it is.
    let is_free = || folder.join(POLICY).symlink_metadata().is_err();
    let hint = || if is_free() { ": `dayfly init` writes one" } else { "" };
    let path = path.with_context(|| format!("there is no policy `{named}`{}", hint()))?;
    let (source, unfit) = fit_or_not(&path, Limits::DOCUMENT.bytes)?;
    Ok((Source { name: shown(&named), ..source }, unfit))
}

/// A file that is called nearly as the policy.
fn misspelt(folder: &Path) -> Option<String> {
    let names = std::fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|name| matches!(&*name.to_ascii_lowercase(), POLICY | "preview.yml") && name != POLICY).min()
}

/// `.argocd-source*.yaml` beside the policy.
fn overrides(folder: &Path, owner: Owner) -> anyhow::Result<Vec<Finding>> {
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
    let found = |name: &String| {
        let file = folder.join(name).display().to_string();
        rules::argocd_source::found(file.strip_prefix("./").unwrap_or(&file), owner)
    };
    Ok(names.iter().map(found).collect())
}

/// The policy's `manifests`, read as Kubernetes would read them, and their files.
fn manifests(folder: &Path, policy: &Policy, owner: Owner, findings: &mut Vec<Finding>) -> (Vec<Object>, Vec<Source>) {
    let (mut objects, mut sources, mut cost) = (Vec::new(), Vec::new(), Cost::default());
    // What two patterns name is one file.
    let mut named = BTreeSet::new();
    let first = findings.len();
    // Each pattern looks through its folder.
    for (index, pattern) in policy.spec.manifests.iter().enumerate() {
        if index == MOST_FILES {
            let subject = Subject::Input(InputFile::Policy, format!("/spec/manifests/{index}"));
            let message = format!("more than {MOST_FILES} patterns of manifests");
            findings.push(Finding::new(&rules::input::INPUT_LIMIT, owner, subject, message));
            return (objects, sources);
        }
        let finding = |message: String| {
            let subject = Subject::Input(InputFile::Policy, format!("/spec/manifests/{index}"));
            Finding::new(&rules::manifest_file::MANIFEST_FILE, owner, subject, message)
        };
        let files = match rules::manifest_file::matching(folder, pattern, POLICY) {
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
                Ok(source) => Source { name: folder.join(&file).display().to_string(), ..source },
                Err(error) => {
                    findings.push(finding(format!("{error:#}")));
                    continue;
                }
            };
            match source.manifests(owner, &mut cost) {
                Ok(documents) => objects.extend(documents.into_iter().map(|(line, value)| Object {
                    value,
                    origin: Origin::Manifest { file: source.name.clone(), line },
                })),
                Err(problems) => findings.extend(problems),
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

/// Whether this is a call by Argo CD: the parameters come from its variable.
pub(super) fn is_plugin(flags: &InputFlags) -> bool {
    flags.parameters.is_none() && std::env::var_os(parameters::VARIABLE).is_some()
}

/// The pull request.
pub(super) fn parameters(flags: &InputFlags) -> anyhow::Result<Parameters> {
    given_parameters(flags)?
        .context("there are no parameters: pass `--parameters FILE` or `--set number=128 --set head_sha=…`")
}

/// The same for a command that only looks: without any, it looks at [`example::parameters`], and says so.
pub(super) fn parameters_or_example(flags: &InputFlags, err: &mut dyn Write) -> anyhow::Result<Parameters> {
    if let Some(parameters) = given_parameters(flags)? {
        return Ok(parameters);
    }
    is_open(writeln!(err, "note: no parameters were given: this is {}", example::PARAMETERS))?;
    Ok(example::parameters())
}

/// What the command line and the environment say of the pull request. `None`: nothing.
fn given_parameters(flags: &InputFlags) -> anyhow::Result<Option<Parameters>> {
    let mut parameters = match (&flags.parameters, std::env::var(parameters::VARIABLE)) {
        (Some(path), _) => {
            let (source, unfit) = fit_or_not(path, parameters::LIMIT).context("failed to read the parameters")?;
            if let Some(unfit) = unfit {
                bail!(parameters::Unusable(vec![unfit.finding(&source, Owner::PullRequest)]));
            }
            Parameters::from_source(source)?
        }
        (None, Ok(text)) => Parameters::from_argocd(&text)?,
        (None, Err(std::env::VarError::NotUnicode(_))) => bail!("{} is not UTF-8", parameters::VARIABLE),
        (None, Err(_)) if flags.set.is_empty() => return Ok(None),
        (None, Err(_)) => Parameters::default(),
    };
    for pair in &flags.set {
        let (name, value) = pair.split_once('=').with_context(|| format!("`--set {pair}` is no `NAME=VALUE`"))?;
        parameters.set(name, Value::string(value));
    }
    Ok(Some(parameters))
}

/// What is wrong with the parameters by themselves.
fn wrong_parameters(parameters: &Parameters) -> Vec<Finding> {
    let mut findings = resolve::check_parameters(parameters);
    let places = parameters.places();
    for finding in &mut findings {
        if let Subject::Input(InputFile::Parameters, pointer) = &finding.subject {
            finding.subject = Subject::Place(places.locate(pointer));
        }
    }
    findings
}
