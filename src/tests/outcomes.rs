//! What people and Argo CD are told of a call: how much, where, and with which exit code.

use std::fmt::Write as _;

use crate::cli::ExitCode;

use super::scratch::{POLICY, Scratch};

/// Argo CD puts all that a failed render says into the Application, which must fit into etcd.
#[test]
fn a_render_does_not_tell_thousands_of_findings() {
    let scratch = Scratch::new("storefront");
    let names = (0..15_000).fold(String::new(), |mut names, n| {
        let _ = write!(names, "mial{n}, ");
        names
    });
    scratch.replace(POLICY, "egress: [stripe-sandbox, mail]", &format!("egress: [{names}mail]"));
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::Findings, ""));
    let (told, more) = run.err.rsplit_once("\nand ").expect("more");
    assert!((16 << 10..=32 << 10).contains(&told.len()), "{}", told.len());
    let told = told.matches("error[").count();
    assert_eq!(more, format!("{} more: `dayfly check` tells all\n\n15000 errors\n", 15_000 - told));
    let check = scratch.run("check", &[]);
    assert_eq!(check.out.matches("error[").count(), 15_000);
    assert!(check.out.ends_with("\n\n15000 errors\n") && !check.out.contains(" more: "));
}
