//! `dayfly init`: a preview.yaml to start from, and the schema that editors complete it with.

use std::{fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;

use super::{ExitCode, console::Console, folder_of, load::POLICY, schema};
use crate::{
    input::scalar::{DnsLabel, Scalar as _},
    rules::policy_name::LOCAL,
};

#[derive(Args, Debug)]
pub(super) struct InitArgs {
    /// The folder to write preview.yaml and preview.schema.json to; made if it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

const POLICY_TEMPLATE: &str = include_str!("preview.yaml");

/// What the template is about; the folder's name stands for it, where that can be a policy's and says more than where the file is.
const NAME: &str = "my-app";

/// Names that two teams' folders have.
const COMMON: [&str; 4] = ["deploy", "k8s", "preview", "previews"];

/// Named in the policy's first line, for editors.
const SCHEMA: &str = "preview.schema.json";

pub(super) fn run(args: &InitArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let named = &args.folder;
    if named.is_file() || named.file_name().is_some_and(|name| name == POLICY) && !named.is_dir() {
        bail!("`{}` is a file: name the folder to write to, `{}`", named.display(), folder_of(named).display());
    }
    let (policy, schema) = (args.folder.join(POLICY), args.folder.join(SCHEMA));
    if let Some(path) = [&policy, &schema].into_iter().find(|path| path.symlink_metadata().is_ok()) {
        bail!("`{}` is there already: nothing was written", path.display());
    }
    fs::create_dir_all(&args.folder).with_context(|| format!("failed to make `{}`", args.folder.display()))?;
    let folder = args.folder.canonicalize().unwrap_or_default();
    let is_own = |name: &&str| DnsLabel::parse(name).is_ok() && *name != LOCAL && !COMMON.contains(name);
    let name = folder.file_name().and_then(|name| name.to_str()).filter(is_own);
    let template = POLICY_TEMPLATE.replace(NAME, name.unwrap_or(NAME));
    let mut written = String::new();
    for (path, text) in [(&schema, schema::schema(schema::Of::Policy)), (&policy, template)] {
        fs::write(path, text).with_context(|| format!("failed to write `{}`", path.display()))?;
        let _ = writeln!(written, "wrote {}", path.display());
    }
    console.print(&written)
}
