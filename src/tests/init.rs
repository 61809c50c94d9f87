//! `init`, and the folders that it is for.

use std::fs;

use super::{
    scratch::{POLICY, Scratch},
    support::dayfly,
};
use crate::cli::ExitCode;

#[test]
fn init_overwrites_nothing() {
    for file in ["preview.yaml", "preview.schema.json"] {
        let scratch = Scratch::new("storefront");
        let folder = scratch.path("new");
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join(file), "mine").expect("a file");
        let run = dayfly(&["init", &folder.display().to_string()]);
        assert_eq!(run.code, ExitCode::CannotRun, "{}", run.out);
        assert!(run.err.contains("is there already: nothing was written"), "{}", run.err);
        let files: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(files, [file]);
        assert_eq!(fs::read_to_string(folder.join(file)).expect("a file"), "mine");
    }
}

/// So that namespaces are called as the platform expects them.
#[test]
fn init_names_the_policy_after_its_folder() {
    for (folder, name) in [("web-shop", "web-shop"), ("Web Shop", "my-app"), ("local", "my-app"), ("preview", "my-app")]
    {
        let scratch = Scratch::new("storefront");
        let folder = scratch.path(folder);
        let run = dayfly(&["init", &folder.display().to_string()]);
        assert_eq!(run.code, ExitCode::Fine, "{}", run.err);
        let policy = fs::read_to_string(folder.join(POLICY.rsplit('/').next().unwrap_or_default())).expect("a policy");
        assert!(policy.contains(&format!("  name: {name} # part of every name: {name}-pr-128\n")), "{policy}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_no_policy_that_is_missing() {
    let scratch = Scratch::new("storefront");
    let folder = scratch.named("new");
    let check = || dayfly(&["check", &folder, "--set", "number=1"]);
    assert!(check().err.ends_with(&format!("error: there is no folder `{folder}`\n")), "{}", check().err);
    fs::create_dir(&folder).expect("a folder");
    let expected = format!("error: there is no policy `{folder}/preview.yaml`: `dayfly init {folder}` writes one\n");
    assert!(check().err.ends_with(&expected), "{}", check().err);
    assert_eq!(dayfly(&["init", &folder]).code, ExitCode::Fine);
    // The file instead of its folder, whether or not it is there.
    for file in [format!("{folder}/preview.yaml"), format!("{folder}/sub/preview.yaml")] {
        let run = dayfly(&["init", &file]);
        let named = file.strip_suffix("/preview.yaml").expect("a folder");
        assert_eq!(run.err, format!("error: `{file}` is a file: name the folder to write to, `{named}`\n"));
        assert_eq!((run.code, scratch.path("new/sub").exists()), (ExitCode::CannotRun, false));
    }
}
