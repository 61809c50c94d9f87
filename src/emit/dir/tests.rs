use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{file_name, make, new_below, replaceable, swap::Swap, write};
use crate::{
    objects::{Object, Origin},
    value::Value,
};

/// A folder of the test's own, gone after it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("dayfly-dir-{}-{number}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn names(&self, below: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.0.join(below))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn object(kind: &str, name: &str) -> Object {
    let metadata = Value::map([("name", Value::string(name))]);
    let value = Value::map([("kind", Value::string(kind)), ("metadata", metadata)]);
    Object { value, origin: Origin::Template("test".into()) }
}

fn error(path: &Path) -> String {
    write(path, &[object("A", "a")]).unwrap_err().to_string()
}

#[test]
fn names_are_harmless() {
    assert_eq!(file_name(1, 2, &object("ConfigMap", "preview")), "01-configmap-preview.yaml");
    assert_eq!(file_name(7, 3, &object("../x", "System:a\n/ü")), "007-..-x-system-a---.yaml");
    assert_eq!(file_name(1, 2, &object("", "")), "01.yaml");
    assert_eq!(file_name(1, 2, &object("K", &"x".repeat(300))).len(), 205);
}

#[test]
fn a_second_run_replaces_the_first() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("Namespace", "a"), object("Service", "web"), object("Service", "web")]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly", "01-namespace-a.yaml", "02-service-web.yaml", "03-service-web.yaml"]);
    assert_eq!(fs::read_to_string(out.join("02-service-web.yaml")).unwrap(), "kind: Service\nmetadata:\n  name: web\n");
    write(&out, &[object("Namespace", "b")]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly", "01-namespace-b.yaml"]);
    assert_eq!(scratch.names(""), ["out"], "nothing is left beside it");
}

#[test]
fn a_run_like_the_last_one_leaves_every_file() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    for _ in 0..2 {
        write(&out, &[object("A", "a"), object("B", "b")]).unwrap();
        assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml", "02-b-b.yaml"]);
    }
}

#[test]
fn an_empty_folder_is_taken() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.0.join("out")).unwrap();
    write(&scratch.0.join("out/"), &[]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly"]);
}

#[test]
fn what_others_wrote_stays() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a")]).unwrap();
    fs::write(out.join("mine.txt"), "precious").unwrap();
    fs::create_dir(out.join("sub")).unwrap();
    let expected = format!(
        "`{}` holds what dayfly did not write (`mine.txt`, `sub`): name another folder, or empty this one",
        out.display()
    );
    assert_eq!(error(&out), expected);
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml", "mine.txt", "sub"]);
    assert_eq!(scratch.names(""), ["out"]);
    for name in ["d", "c", "b", "a"] {
        fs::write(out.join(name), "precious").unwrap();
    }
    assert!(error(&out).contains("(`a`, `b`, `c` and 3 more)"), "{}", error(&out));
}

#[test]
fn a_marker_cannot_list_a_folder_or_lead_away() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join("outside"), "precious").unwrap();
    let out = scratch.0.join("out");
    fs::create_dir_all(out.join("sub")).unwrap();
    fs::write(out.join(".dayfly"), "sub\n../outside\n").unwrap();
    assert!(error(&out).contains("(`sub`)"));
    fs::remove_dir(out.join("sub")).unwrap();
    write(&out, &[object("A", "a")]).unwrap();
    assert_eq!(scratch.names(""), ["out", "outside"]);
}

#[test]
fn what_cannot_be_a_folder_is_said() {
    let scratch = Scratch::new();
    let file = scratch.0.join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(error(&file), format!("`{}` is a file: name a folder", file.display()));
    let parent = scratch.0.join("none");
    let expected =
        format!("`{0}/out` cannot be made, because the folder `{0}` does not exist: make that first", parent.display());
    assert_eq!(error(&parent.join("out")), expected);
    let expected = format!("`{0}` is not a folder, so `{0}/out` cannot be made", file.display());
    assert_eq!(error(&file.join("out")), expected);
    let slash = format!("{}/", file.display());
    assert_eq!(error(Path::new(&slash)), format!("`{slash}` is a file: name a folder"));
    let link = scratch.0.join("link");
    symlink(&parent, &link).unwrap();
    assert_eq!(error(&link), format!("`{}` is a link that leads nowhere: remove it first", link.display()));
    assert_eq!(scratch.names(""), ["file", "link"], "nothing is left beside it");
}

#[test]
fn a_name_alone_is_a_folder_where_one_stands() {
    let here = fs::canonicalize(".").unwrap();
    assert_eq!(new_below(Path::new("no-such-folder")).unwrap(), here.join("no-such-folder"));
}

/// The slower one of two runs finds a folder where none was.
#[test]
fn a_folder_that_somebody_else_has_just_made_is_none_of_ours() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("mine.txt"), "precious").unwrap();
    assert!(!make(&out, &[object("A", "a")]).unwrap());
    assert_eq!(scratch.names("out"), ["mine.txt"]);
    assert_eq!(scratch.names(""), ["out"], "nothing is left beside it");
}

/// In a container, every process may have the same number.
#[test]
fn what_a_killed_run_of_the_same_number_left_is_not_in_the_way() {
    let scratch = Scratch::new();
    let left = format!(".out.dayfly-new-{}-0", std::process::id());
    fs::create_dir(scratch.0.join(&left)).unwrap();
    fs::write(scratch.0.join(&left).join("01.yaml"), "half").unwrap();
    write(&scratch.0.join("out"), &[object("A", "a")]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml"]);
    assert_eq!(scratch.names(&left), ["01.yaml"]);
}

/// Somebody may stand in it, share it with a group, or have it mounted.
#[test]
fn a_folder_stays_what_it_is() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o2770)).unwrap();
    let before = fs::metadata(&out).unwrap();
    for name in ["a", "b"] {
        write(&out, &[object("A", name)]).unwrap();
        let after = fs::metadata(&out).unwrap();
        assert_eq!((after.ino(), after.mode()), (before.ino(), before.mode()));
    }
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-b.yaml"]);
}

#[test]
fn many_runs_at_once_leave_the_output_of_one() {
    let scratch = Scratch::new();
    for _ in 0..5 {
        std::thread::scope(|scope| {
            for count in 1..=12 {
                let out = scratch.0.join("out");
                let objects = vec![object("A", &format!("of-{count}")); count];
                scope.spawn(move || write(&out, &objects).unwrap());
            }
        });
        let names = scratch.names("out");
        let of = format!("of-{}.yaml", names.len() - 1);
        assert!(names[1..].iter().all(|name| name.ends_with(&of)), "{names:?}");
        assert_eq!(scratch.names(""), ["out"], "nothing is left beside it");
        fs::remove_dir_all(scratch.0.join("out")).unwrap();
    }
}

#[test]
fn a_failure_leaves_the_former_files() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a"), object("B", "b")]).unwrap();
    let swap = Swap::new(&out, replaceable(&out).unwrap()).unwrap();
    for name in ["01-a-a.yaml", "01-new.yaml", ".dayfly"] {
        fs::write(swap.new_files().join(name), "new").unwrap();
    }
    // The last one is not there.
    let new = ["01-a-a.yaml", "01-new.yaml", "02-none.yaml"].map(str::to_owned);
    swap.put(&new).unwrap_err();
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml", "02-b-b.yaml"]);
    assert!(fs::read_to_string(out.join("01-a-a.yaml")).unwrap().starts_with("kind: A"));
    assert_eq!(fs::read_to_string(out.join(".dayfly")).unwrap(), "01-a-a.yaml\n02-b-b.yaml\n");
    // What came in meanwhile stays.
    let swap = Swap::new(&out, replaceable(&out).unwrap()).unwrap();
    fs::write(swap.new_files().join("01-c.yaml"), "new").unwrap();
    fs::write(out.join("01-c.yaml"), "precious").unwrap();
    let error = swap.put(&["01-c.yaml".to_owned()]).unwrap_err();
    assert_eq!(error.to_string(), "somebody else has just written `01-c.yaml`");
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-a.yaml", "01-c.yaml", "02-b-b.yaml"]);
    assert_eq!(fs::read_to_string(out.join("01-c.yaml")).unwrap(), "precious");
}

#[test]
fn a_failure_leaves_an_empty_folder_empty() {
    let scratch = Scratch::new();
    let swap = Swap::new(&scratch.0, BTreeSet::new()).unwrap();
    swap.put(&["01-none.yaml".to_owned()]).unwrap_err();
    assert!(scratch.names("").is_empty());
}

#[test]
fn what_cannot_be_put_back_is_kept_and_named() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a")]).unwrap();
    let swap = Swap::new(&out, replaceable(&out).unwrap()).unwrap();
    fs::write(swap.new_files().join("01-a-a.yaml"), "new").unwrap();
    // Meanwhile, somebody makes a folder of that name.
    fs::remove_file(out.join("01-a-a.yaml")).unwrap();
    fs::create_dir(out.join("01-a-a.yaml")).unwrap();
    let error = swap.put(&["01-a-a.yaml".to_owned()]).unwrap_err().to_string();
    let old = out.join(".dayfly-swap/old");
    assert!(error.ends_with(&format!("; what it held is in `{}`, until the next run", old.display())), "{error}");
    assert!(fs::read_to_string(old.join("01-a-a.yaml")).unwrap().starts_with("kind: A"));
}

/// A run that is killed there leaves files of both, and the next one may replace them.
#[test]
fn while_files_change_places_the_marker_lists_the_old_and_the_new() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a"), object("B", "b")]).unwrap();
    let swap = Swap::new(&out, replaceable(&out).unwrap()).unwrap();
    fs::write(swap.new_files().join("01-new.yaml"), "new").unwrap();
    // So nothing can be put back.
    fs::remove_dir_all(out.join(".dayfly-swap/old")).unwrap();
    swap.put(&["01-new.yaml", "02-none.yaml"].map(str::to_owned)).unwrap_err();
    let both = "01-a-a.yaml\n01-new.yaml\n02-b-b.yaml\n02-none.yaml\n";
    assert_eq!(fs::read_to_string(out.join(".dayfly")).unwrap(), both);
    write(&out, &[object("C", "c")]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly", "01-c-c.yaml"]);
}

#[test]
fn what_a_killed_run_left_is_cleaned_up() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a")]).unwrap();
    let swap = Swap::new(&out, replaceable(&out).unwrap()).unwrap();
    fs::write(swap.new_files().join("01-a-b.yaml"), "half").unwrap();
    std::mem::forget(swap);
    assert_eq!(scratch.names("out"), [".dayfly", ".dayfly-swap", "01-a-a.yaml"]);
    write(&out, &[object("A", "c")]).unwrap();
    assert_eq!(scratch.names("out"), [".dayfly", "01-a-c.yaml"]);
    // Somebody's own folder is none of them, whatever it and what is in it are called.
    for mine in
        ["mine.txt", "new/mine.txt", "old/notes.yaml", "old/1.txt", "new/01-a.yaml/01-b.yaml", "both/01-a.yaml", "new"]
    {
        let mine = out.join(".dayfly-swap").join(mine);
        fs::create_dir_all(mine.parent().unwrap()).unwrap();
        fs::write(&mine, "precious").unwrap();
        assert!(error(&out).contains("(`.dayfly-swap`)"), "{mine:?}");
        assert!(mine.exists());
        fs::remove_dir_all(out.join(".dayfly-swap")).unwrap();
    }
}

#[test]
fn beside_what_a_killed_run_left_somebody_s_own_stays() {
    let scratch = Scratch::new();
    let out = scratch.0.join("out");
    write(&out, &[object("A", "a")]).unwrap();
    let left = out.join(".dayfly-swap");
    for mine in [OsStr::new("mine.txt"), OsStr::new("new/mine.txt"), OsStr::from_bytes(b"new/01-\xff.yaml")] {
        fs::create_dir_all(left.join("new")).unwrap();
        fs::create_dir(left.join("old")).unwrap();
        fs::write(left.join("new/01-a-b.yaml"), "half").unwrap();
        fs::write(left.join(mine), "precious").unwrap();
        assert!(error(&out).contains("(`.dayfly-swap`)"), "{mine:?}");
        assert!(left.join(mine).exists());
        fs::remove_dir_all(&left).unwrap();
    }
    // A link is none, wherever it leads.
    fs::create_dir(scratch.0.join("mine")).unwrap();
    symlink(scratch.0.join("mine"), &left).unwrap();
    assert!(error(&out).contains("(`.dayfly-swap`)"));
    assert!(left.is_symlink());
}
