//! The pull request: from a file, the plugin's variable and `--set`.

use anyhow::{Context as _, bail};

use crate::{
    cli::{InputFlags, console::Console, example},
    finding::{Finding, InputFile, Owner, Subject},
    input::{
        Parameters,
        parameters::{self, KNOWN},
    },
    resolve,
    value::{Value, child},
};

use super::fit_or_not;

/// Whether this is a call by Argo CD: the parameters come from its variable.
pub(in crate::cli) fn is_plugin(flags: &InputFlags) -> bool {
    flags.parameters.is_none() && std::env::var_os(parameters::VARIABLE).is_some()
}

/// The pull request.
pub(in crate::cli) fn parameters(flags: &InputFlags) -> anyhow::Result<Parameters> {
    given(flags)?.context("there are no parameters: pass `--parameters FILE` or `--set number=128 --set head_sha=…`")
}

/// The same for a command that only looks: without any, it looks at [`example::parameters`], and says so.
pub(in crate::cli) fn parameters_or_example(
    flags: &InputFlags,
    console: &mut Console<'_>,
) -> anyhow::Result<Parameters> {
    if let Some(parameters) = given(flags)? {
        return Ok(parameters);
    }
    console.say("note", &format!("no parameters were given: this is {}", example::PARAMETERS))?;
    Ok(example::parameters())
}

/// What the command line and the environment say of the pull request. `None`: nothing.
pub(super) fn given(flags: &InputFlags) -> anyhow::Result<Option<Parameters>> {
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
pub(super) fn wrong(parameters: &Parameters) -> Vec<Finding> {
    let mut findings = resolve::check_parameters(parameters);
    locate(&mut findings, parameters);
    findings
}

/// Looks up where parameters stand. Of one that is missing there is no place to look at, so it is said how to give it.
pub(super) fn locate(findings: &mut [Finding], parameters: &Parameters) {
    let places = parameters.places();
    for finding in findings {
        let Subject::Input(InputFile::Parameters, pointer) = &finding.subject else { continue };
        let missing = KNOWN.iter().find(|known| *pointer == child("", known.name));
        let missing = missing.filter(|known| parameters.get(known.name).is_none() && !parameters.is_argocds());
        if let Some(known) = missing.filter(|_| finding.help.is_none()) {
            finding.help = Some(format!("pass `--set {}=…`, or write it into the file of `--parameters`", known.name));
        }
        finding.subject = Subject::Place(places.locate(pointer));
    }
}
