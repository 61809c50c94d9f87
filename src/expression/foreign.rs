//! Names that other programs have for the same.

use crate::finding::visible;

/// The contexts of GitHub Actions, and what is the same here. Source: "Contexts" of GitHub's documentation.
const GITHUB: [(&str, &str); 12] = [
    ("sha", "`pr.headSha`"),
    ("actor", "`pr.author`"),
    ("base_ref", "`pr.targetBranch`"),
    ("head_ref", "`pr.branch`, or `pr.branchSlug` where free text may not stand"),
    ("event.number", "`pr.number`"),
    ("event.pull_request.number", "`pr.number`"),
    ("event.pull_request.title", "`pr.title`"),
    ("event.pull_request.html_url", "`pr.url`"),
    ("event.pull_request.user.login", "`pr.author`"),
    ("event.pull_request.head.sha", "`pr.headSha`"),
    ("event.pull_request.head.ref", "`pr.branch`, or `pr.branchSlug` where free text may not stand"),
    ("event.pull_request.base.ref", "`pr.targetBranch`"),
];

/// What to write instead of a path that begins with a name of another program's; nothing, if that is not sure.
pub(super) fn meant<'p>(path: impl Iterator<Item = &'p str>) -> Option<String> {
    let names: Vec<&str> = path.collect();
    let shown = |name: &str| visible(name).into_owned();
    match names.as_slice() {
        ["github", rest @ ..] => {
            let rest = rest.join(".");
            let (_, here) = GITHUB.iter().find(|(theirs, _)| *theirs == rest)?;
            Some(format!("`github.{rest}` is GitHub's: here it is {here}"))
        }
        ["secrets", name] => Some(format!(
            "no text holds a secret: a service gets `{}` as a variable if a secret of `secrets` has it among its `keys` and \
             the service names that in `uses`",
            shown(name)
        )),
        ["databases", name, ..] => Some(format!(
            "no text holds a database's address: what names `{0}` in `uses` gets it as variables, and Pods of `manifests` or of an \
             `application` read the Secret `{0}`",
            shown(name)
        )),
        ["env", name] => Some(format!(
            "nothing is called `env`: in a container's `env`, `command` and `args`, `$({0})` is its variable `{0}`",
            shown(name)
        )),
        _ => None,
    }
}
