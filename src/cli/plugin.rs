//! `dayfly plugin` and `dayfly parameters`: what Argo CD needs to know.

use std::fmt::Write as _;

use clap::Args;
use serde_json::json;

use crate::{finding::pretty, input::parameters::KNOWN};

#[derive(Args, Debug)]
pub(super) struct PluginArgs {
    /// Print the health checks for the ConfigMap argocd-cm instead
    #[arg(long)]
    argocd_cm: bool,
}

/// Health checks, for `argocd-cm`: findings of a quarantined preview as its health, and child Applications.
const ARGOCD_CM: &str = include_str!("argocd-cm.yaml");

const HEAD: &str = "\
# dayfly as a config management plugin of Argo CD: `dayfly plugin` prints this file.
# Without `discover`, Argo CD sends the source tree once instead of twice, and no Application matches by accident.
apiVersion: argoproj.io/v1alpha1
kind: ConfigManagementPlugin
metadata:
  name: dayfly
spec:
  generate:
    command: [dayfly, render, -o, ndjson]
  parameters:
    static:
";

/// The plugin.yaml of this version; the file of that name in the repository.
fn manifest() -> String {
    let mut text = HEAD.to_owned();
    for known in KNOWN {
        let _ = write!(text, "      - name: {}\n        title: \"{}\"\n", known.name, known.title.replace('"', "\\\""));
        if known.required {
            text.push_str("        required: true\n");
        }
        if known.is_list {
            text.push_str("        collectionType: array\n");
        }
    }
    text
}

pub(super) fn plugin(args: &PluginArgs) -> String {
    if args.argocd_cm { ARGOCD_CM.to_owned() } else { manifest() }
}

/// A JSON array, as Argo CD's `parameters.dynamic` reads it.
pub(super) fn announcement() -> String {
    let announced: Vec<_> = KNOWN
        .iter()
        .map(|known| {
            let mut parameter = json!({"name": known.name, "title": known.title});
            if known.required {
                parameter["required"] = json!(true);
            }
            if known.is_list {
                parameter["collectionType"] = json!("array");
            }
            parameter
        })
        .collect();
    pretty(&announced)
}
