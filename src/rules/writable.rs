//! Folders that a program writes to hide nothing that it needs.

use crate::{
    finding::{Rule, Severity, visible},
    value::is_below,
};

/// About an entry of `writable`.
pub static WRITABLE: Rule = Rule {
    code: "writable",
    severity: Severity::Error,
    summary: "a folder of `writable` is one that can be empty",
    explanation: "An empty volume takes the folder's place. No container starts with one at `/proc`, `/sys` or `/dev` or below (`/dev/shm` \
                  is memory, and may be one), nor at `/etc/hosts`, `/etc/hostname` or `/etc/resolv.conf`, which Kubernetes mounts itself; \
                  and one at `/usr`, `/etc`, `/bin` or `/lib` would hide the program, its libraries and their configuration. \
                  A folder below, such as `/etc/nginx/conf.d`, is nobody's but the image's. Of migrate and seed, `/dayfly` is where dayfly is \
                  that runs them.",
};

/// The kernel's, with all below them.
pub(super) const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Files that the kubelet mounts. Source: `makeMounts` of Kubernetes 1.36, `pkg/kubelet/kubelet_pods.go`, and the runtimes' sandboxes.
pub(super) const MOUNTED: [&str; 3] = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];

/// What a program starts from. `/bin` and its like are links into `/usr` nowadays.
pub(super) const PROGRAMS: [&str; 13] = [
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/usr",
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/lib",
    "/etc",
];

/// Why an empty volume cannot take a folder's place, where dayfly's `own` are in the container already.
pub(crate) fn refusal(path: &str, own: &[&str]) -> Option<String> {
    let shown = visible(path);
    let why = if KERNEL.iter().any(|kernel| is_below(path, kernel)) && !is_below(path, "/dev/shm") {
        format!("`{shown}` is the kernel's: no container starts with a volume there")
    } else if MOUNTED.iter().any(|file| is_below(path, file)) {
        format!("`{shown}` is a file that Kubernetes mounts itself: no container starts with a folder there")
    } else if own.iter().any(|own| is_below(path, own) || is_below(own, path)) {
        format!("`{shown}` is where dayfly itself is: it would not start")
    } else if PROGRAMS.contains(&path) {
        format!("`{shown}` holds what the program starts from: an empty folder in its place would hide it")
    } else {
        return None;
    };
    Some(format!("{why}; allowed: folders that the program itself writes to, such as `/var/cache`"))
}
