//! A service's files stand where a container can have them.

use std::collections::BTreeSet;

use super::writable::{KERNEL, MOUNTED, PROGRAMS};
use crate::{
    finding::{Rule, Severity, visible},
    value::is_below,
};

/// About the path of one of a service's `files`.
pub static SERVICE_FILE: Rule = Rule {
    code: "service-file",
    severity: Severity::Error,
    summary: "a file of a service is where a container can have one",
    explanation: "Each is mounted by itself, over what the image has there, beside whatever else is in the folder. Folders on the way to it are \
                  made where there are none, and are root's. No container starts with a file below `/proc` or `/sys`, below a file, in the place of a folder \
                  that the image has, such as `/etc` or `/var/lib`, or of one that the service has below it: where another file is, or a folder of `writable`; \
                  `/dev` is for devices. A file inside of a folder of `writable` is there, and cannot be written to. At `/etc/hosts`, \
                  `/etc/hostname` and `/etc/resolv.conf` a file takes the place of the one that Kubernetes mounts.",
};

/// What images have as folders, or as links to some, beside [`PROGRAMS`]. Source: "Filesystem Hierarchy Standard" 3.0; Debian's and Alpine's
/// images.
const FOLDERS: [&str; 18] = [
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/run",
    "/srv",
    "/usr/local/etc",
    "/usr/local/sbin",
    "/usr/local/share",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/run",
    "/var/spool",
    "/var/tmp",
];

/// Why no file can be at a path, where `files` are all of the service, and `folders` those that it writes to.
pub(crate) fn refusal(path: &str, files: &BTreeSet<&str>, folders: &BTreeSet<&str>) -> Option<String> {
    let shown = visible(path);
    let start = format!("{path}/");
    let below = |all: &BTreeSet<&'_ str>| {
        all.range(start.as_str()..)
            .next()
            .filter(|next| next.starts_with(&start))
            .map(|next| visible(next).into_owned())
    };
    let why = if KERNEL.iter().any(|kernel| is_below(path, kernel)) {
        format!("`{shown}` is the kernel's, which has no files of others")
    } else if let Some(file) = MOUNTED.iter().find(|file| path != **file && is_below(path, file)) {
        format!("`{file}` is a file that Kubernetes mounts itself: no container starts with `{shown}` below it")
    } else if folders.contains(path) {
        format!("`{shown}` is a folder that the service writes to, and cannot be a file")
    } else if PROGRAMS.contains(&path) || FOLDERS.contains(&path) {
        format!("`{shown}` is a folder: no container starts with a file in its place")
    } else if let Some(below) = below(folders).or_else(|| below(files)) {
        format!("`{shown}` cannot be a file, since `{below}` is below it")
    } else {
        return None;
    };
    Some(format!("{why}; allowed: files such as `/etc/nginx/nginx.conf`"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::refusal;

    #[test]
    fn files_are_where_they_can_be() {
        let files = BTreeSet::from(["/a", "/a-b", "/a/c", "/b", "/b-c", "/data/x", "/data/y/z"]);
        let folders = BTreeSet::from(["/tmp", "/data", "/data/y", "/d/e"]);
        for (path, said) in [
            ("/a", "since `/a/c` is below it"),
            ("/d", "since `/d/e` is below it"),
            ("/tmp", "a folder that the service writes to"),
            ("/data/y", "a folder that the service writes to"),
            ("/proc", "the kernel's"),
            ("/proc/sys/x", "the kernel's"),
            ("/sys/x", "the kernel's"),
            ("/dev/shm/x", "the kernel's"),
            ("/etc", "`/etc` is a folder"),
            ("/usr/local/bin", "is a folder"),
            ("/var", "is a folder"),
            ("/var/lib", "`/var/lib` is a folder"),
            ("/usr/share", "is a folder"),
            ("/mnt", "is a folder"),
            ("/etc/hosts/x", "`/etc/hosts` is a file that Kubernetes mounts itself"),
            ("/etc/resolv.conf/y", "`/etc/resolv.conf` is a file"),
        ] {
            let found = refusal(path, &files, &folders);
            assert!(found.as_ref().is_some_and(|found| found.contains(said)), "{path}: {found:?}");
        }
        for path in [
            "/b",
            "/var/lib/x",
            "/etc/hosts.allow",
            "/a/c",
            "/a-b",
            "/data/x",
            "/data/y/z",
            "/tmp/x",
            "/process",
            "/etc/hosts",
            "/usr/bin/x",
            "/d/e/f",
        ] {
            assert_eq!(refusal(path, &files, &folders), None, "{path}");
        }
    }
}
