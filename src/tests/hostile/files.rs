//! Files that are none, lead elsewhere, or have names of their own; and manifests.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use super::{growth::many, run};
use crate::{
    cli::ExitCode,
    tests::scratch::{POLICY, Scratch},
};

#[test]
fn links_do_not_lead_out() {
    let secret = "preview-secret-in-another-folder";
    let outside = std::env::temp_dir().join(format!("dayfly-outside-{}", std::process::id()));
    fs::create_dir_all(&outside).expect("a folder");
    fs::write(outside.join("secret.yaml"), format!("{secret}: 1\n")).expect("a file");

    let manifests = |pattern: &str| {
        let scratch = Scratch::new("storefront-single");
        scratch.replace(POLICY, "deploy/*.yaml", pattern);
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        scratch
    };
    let policy_is_a_link = Scratch::new("storefront");
    fs::remove_file(policy_is_a_link.path(POLICY)).expect("a file");
    symlink(outside.join("secret.yaml"), policy_is_a_link.path(POLICY)).expect("a link");
    let a_file = manifests("deploy/*.yaml");
    symlink(outside.join("secret.yaml"), a_file.path("deploy/x.yaml")).expect("a link");
    let a_folder = manifests("linked/*.yaml");
    symlink(&outside, a_folder.path("linked")).expect("a link");
    let by_name = manifests("linked/secret.yaml");
    symlink(&outside, by_name.path("linked")).expect("a link");
    let a_loop = manifests("deploy/*.yaml");
    symlink("x.yaml", a_loop.path("deploy/x.yaml")).expect("a link");
    let to_nothing = manifests("deploy/*.yaml");
    symlink("/dev/zero", to_nothing.path("deploy/x.yaml")).expect("a link");
    let upwards = manifests("../guardrails.yaml");
    let absolute = manifests("/etc/passwd");
    for (what, scratch) in [
        ("policy", policy_is_a_link),
        ("file", a_file),
        ("folder", a_folder),
        ("by name", by_name),
        ("loop", a_loop),
        ("/dev/zero", to_nothing),
        ("upwards", upwards),
        ("absolute", absolute),
    ] {
        let run = run(&scratch, what);
        assert_ne!(run.code, ExitCode::Fine, "{what}");
        assert!(!run.out.contains(secret) && !run.err.contains(secret), "{what}: {}{}", run.out, run.err);
    }

    // A link that stays inside is a file like any other.
    let inside = manifests("deploy/*.yaml");
    inside.write("x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: linked-inside}\n");
    symlink("../x.yaml", inside.path("deploy/x.yaml")).expect("a link");
    assert!(run(&inside, "inside").out.contains("linked-inside"));
    let _ = fs::remove_dir_all(outside);
}

#[test]
fn files_that_are_none() {
    let policy = || {
        let scratch = Scratch::new("storefront-single");
        fs::remove_file(scratch.path(POLICY)).expect("a file");
        scratch
    };
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    let missing = policy();
    let folder = policy();
    fs::create_dir(folder.path(POLICY)).expect("a folder");
    let pipe = policy();
    fifo(&pipe.path(POLICY));
    let bytes = policy();
    bytes.write(POLICY, b"b: \xc3\xa4\na: \xc3\xa4\xff\xfe\n");
    let utf16 = policy();
    utf16.write(POLICY, b"\xff\xfea\0:\0 \x001\0");
    let zeros = policy();
    zeros.write(POLICY, [0; 4096]);
    // `init` would write nothing there.
    let led = policy();
    symlink("../../guardrails.yaml", led.path(POLICY)).expect("a link");
    for (scratch, what) in [
        (&pipe, "there is no policy `source/preview.yaml`: `preview.yaml` is neither a file nor a folder"),
        (&led, "there is no policy `source/preview.yaml`: "),
    ] {
        let run = run(scratch, what);
        assert!(run.err.contains(what) && !run.err.contains("init"), "{what}: {}", run.err);
    }
    for (what, scratch) in [
        ("there is no policy", missing),
        ("Is a directory", folder),
        ("there is no policy", pipe),
        ("is not UTF-8: line 2, column 5 has the byte 0xff (source/preview.yaml:2:5)", bytes),
        ("is UTF-16: save it as UTF-8", utf16),
        ("not YAML: found unprintable character", zeros),
    ] {
        let run = run(&scratch, what);
        assert!(run.err.contains(what), "{what}: {}", run.err);
        assert!(run.out.is_empty(), "{what}");
        assert_ne!(run.code, ExitCode::Fine, "{what}");
    }

    let manifest = |make: &dyn Fn(&Path)| {
        let scratch = Scratch::new("storefront-single");
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        make(&scratch.path("deploy/x.yaml"));
        run(&scratch, "a manifest that is none")
    };
    // In layout `single` manifests are the pull request's, so it is quarantined.
    let none = "error[manifest-file]: ";
    let bytes = "error[not-yaml]: the file is not UTF-8: line 1, column 1 has the byte 0xff (source/deploy/x.yaml:1:1)";
    for (make, expected) in [
        (&(|path: &Path| fs::create_dir(path).expect("a folder")) as &dyn Fn(&Path), none),
        (&|path| fifo(path), none),
        (&|path| fs::write(path, b"\xff").expect("a file"), bytes),
    ] {
        let run = manifest(make);
        assert!(run.out.contains("dayfly-findings") && run.err.contains(expected), "{}", run.err);
    }
}

/// Argo CD would read such a file in place of the Application's own source.
#[test]
fn overrides_of_the_source() {
    for name in [".argocd-source.yaml", ".argocd-source-storefront-pr-128.yaml"] {
        let scratch = Scratch::new("storefront-single");
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        scratch.write("deploy/x.yaml", "---\n");
        scratch.write(name, "plugin: {name: evil}\n");
        let run = run(&scratch, name);
        assert!(run.out.contains("dayfly-findings") && run.err.contains(name), "{}", run.err);
    }
}

/// Manifests come from pull requests as well.
#[test]
fn hostile_manifests() {
    let cases: Vec<(&str, String)> = vec![
        ("no object", "- a\n- b\n".into()),
        ("text", "hello".into()),
        ("a number", "7".into()),
        ("no kind", "apiVersion: v1\nmetadata: {name: x}\n".into()),
        ("kinds that are lists", "apiVersion: [v1]\nkind: {a: b}\nmetadata: [x]\nspec: 7\n".into()),
        ("a List", "apiVersion: v1\nkind: List\nitems: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: x}}]\n".into()),
        ("nulls", "apiVersion: ~\nkind: ~\nmetadata: ~\n".into()),
        ("keys that are none", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {\"a\\0\\e[31m\": b, '../../x': c}\n".into()),
        ("a name that is none", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"\\e[31m../x\\u202e\"}\n".into()),
        ("documents", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".repeat(2_000)),
        ("nesting", format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {}", "{a: ".repeat(50_000))),
        ("a namespace", "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n".into()),
        ("tags", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: !!binary aGk=\n".into()),
        ("floats", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [.nan, .inf, -.inf, 1e999, 0x7fffffffffffffffffff]\n".into()),
    ];
    let scratch = Scratch::new("storefront-single");
    fs::create_dir_all(scratch.path("deploy")).expect("a folder");
    for (what, text) in cases {
        scratch.write("deploy/x.yaml", &text);
        let run = run(&scratch, what);
        assert!(!run.out.is_empty(), "{what}: {}", run.err);
    }
}

/// Each address in a text is looked at, but not all that follows it.
#[test]
fn many_addresses_in_a_text() {
    let scratch = Scratch::new("storefront-single");
    for unit in [
        "postgres://localhost/?a&",
        "postgres://localhost/ ",
        "postgres://",
        "xjdbc:",
        "jdbc:mysql ",
        "jdbc:",
        "jdbc:x://localhost/?a:",
        "://",
    ] {
        let text = unit.repeat(900_000 / unit.len());
        let document = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {{a: '{text}'}}\n");
        scratch.write("deploy/x.yaml", document);
        run(&scratch, unit);
    }
}

/// What is compared with each other is bounded, and documents are not files.
#[test]
fn many_manifests() {
    let scratch = Scratch::new("storefront-single");
    let document = |kind: &str, n: usize, spec: &str| {
        format!("---\napiVersion: policy/v1\nkind: {kind}\nmetadata: {{name: n{n}}}\nspec: {spec}\n")
    };
    let write = |files: usize| {
        for file in 0..files {
            let documents: String = (0..66)
                .map(|n| {
                    let n = 66 * file + n;
                    document("Deployment", n, "{template: {metadata: {labels: {a: b}}}}")
                        + &document("HorizontalPodAutoscaler", n, "{scaleTargetRef: {kind: Deployment, name: x}}")
                        + &document("PodDisruptionBudget", n, "{minAvailable: 1, selector: {matchLabels: {a: b}}}")
                })
                .collect();
            scratch.write(&format!("deploy/x{file}.yaml"), documents);
        }
        run(&scratch, "many manifests");
        scratch.run("check", &[]).out
    };
    let found = write(2);
    assert!(found.contains("more than 100 budgets") && !found.contains("files of manifests"), "{found}");
    assert!(write(11).contains("more than 2000 documents in the files of manifests"));
}

/// What is small in each file, or on disk, is bounded in all of them together.
#[test]
fn large_manifests() {
    let map =
        |n: usize, data: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: n{n}}}\ndata:\n{data}");
    let long = "x".repeat(900_000);
    let aliases = |count| many(count, &|n| format!("  k{n}: *a\n"));
    for (what, files, data, message) in [
        (
            "bytes",
            10,
            format!("  a: {long}\n"),
            "more than 8388608 bytes, with what aliases repeat, in the files of manifests",
        ),
        (
            "broken",
            10,
            format!("  a: [{long}\n"),
            "more than 8388608 bytes, with what aliases repeat, in the files of manifests",
        ),
        ("aliases", 1, format!("  a: &a {long}\n{}", aliases(99)), "more than 1048576 bytes, with what aliases repeat"),
        (
            "aliases in files",
            12,
            format!("  a: &a {}\n{}", &long[..90_000], aliases(9)),
            "more than 8388608 bytes, with what aliases repeat, in the files of manifests",
        ),
        (
            "nodes in files",
            25,
            format!("  a: &a [{}]\n{}", "x,".repeat(1500), aliases(40)),
            "more than 1500000 keys, values and lists, with what aliases repeat, in the files of manifests",
        ),
    ] {
        let scratch = Scratch::new("storefront-single");
        for file in 0..files {
            scratch.write(&format!("deploy/x{file:02}.yaml"), map(file, &data));
        }
        let run = scratch.run("check", &[]);
        assert!(
            run.out.contains(message) && run.out.len() < 64 << 10,
            "{what}: {}",
            &run.out[..run.out.len().min(2000)]
        );
    }
    let scratch = Scratch::new("storefront-single");
    for file in 0..10 {
        scratch.write(&format!("deploy/x{file}.yaml"), map(file, "") + &"k: 1\n".repeat(2_000));
    }
    let run = scratch.run("check", &[]);
    assert_eq!(run.out.matches("error[duplicate-key]").count(), 1000, "{}", &run.out[run.out.len() - 2000..]);
    assert!(run.out.contains("more mistakes"));
    let scratch = Scratch::new("storefront-single");
    for file in 0..200 {
        scratch.write(&format!("deploy/x{file}.yaml"), map(file, &format!("  a: &a {}\n  b: *a\n", &long[..9_000])));
    }
    let run = scratch.run("check", &[]);
    assert_eq!(run.code, ExitCode::Fine, "{}{}", run.out, run.err);
}

/// Names of files are foreign text, too.
#[test]
fn hostile_names_of_files() {
    let scratch = Scratch::new("storefront-single");
    fs::create_dir_all(scratch.path("deploy")).expect("a folder");
    scratch.write("deploy/\u{1b}[31m\u{202e}x.yaml", "apiVersion: v1\nkind: ClusterRole\nmetadata: {name: x}\n");
    scratch.write("deploy/a\nb.yaml", "a: [");
    scratch.write(".argocd-source-\u{1b}[2J.yaml", "x");
    let run = run(&scratch, "names of files");
    assert!(run.out.contains("dayfly-findings"), "{}", run.err);
    for format in ["text", "json", "sarif", "github"] {
        let check = scratch.run("check", &["--format", format]);
        assert!(!check.out.contains('\u{1b}') && !check.out.contains('\u{202e}'), "{format}: {}", check.out);
    }
}
