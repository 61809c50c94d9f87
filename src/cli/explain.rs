//! `dayfly explain`: a view of what was decided.

use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::{explain, finding};

use super::{
    ExitCode, InputFlags,
    load::{self, Look},
    print,
    terminal::{self, Colour, Stream},
};

#[derive(Args, Debug)]
pub(super) struct ExplainArgs {
    /// The folder with preview.yaml
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// A field (`ttl`, `routes.web.host`, `services.web.uses`), an object (`Deployment/web`), a place in one (`Deployment/web/spec/replicas`) or a kind (`Deployment`)
    what: String,
    #[command(flatten)]
    inputs: InputFlags,
}

pub(super) fn run(
    args: &ExplainArgs,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let Some(loaded) = load::load_or_report(&args.folder, &args.inputs, Look::Thorough, colour, err)? else {
        return Ok(ExitCode::Findings);
    };
    let parameters = load::parameters_or_example(&args.inputs, err)?;
    let rendered = loaded.renderer.render(&parameters, true);
    let sources = explain::Sources {
        renderer: &loaded.renderer,
        guardrails: loaded.guardrails.places(),
        policy: loaded.policy.places(),
        parameters: parameters.places(),
    };
    match explain::explain(&rendered, &sources, &args.what) {
        Ok(text) => print(out, &finding::record(&text, &terminal::style(colour, Stream::Out))),
        Err(message) => anyhow::bail!(message),
    }
}
