//! Where a branch's credentials are kept: two Secrets in the preview's namespace, or a file of variables.
//!
//! They are written once and kept while they work: a Pod reads its environment when it starts, and never again.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{
    connection::ConnectionUrl,
    engine,
    failure::refuse,
    kubernetes::{self, Kubernetes, Secret},
    log::Log,
    random,
    spec::Spec,
};

/// Whose eyes they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Migrate and seed: straight to the server, as soon as the branch is checked.
    Steps,
    /// The workload: once everything is verified.
    Workload,
}

/// What was written for one audience.
#[derive(Clone, Debug)]
pub struct Written {
    pub url: ConnectionUrl,
    /// The branch that it leads to.
    pub branch: String,
    /// Whether that was checked before these were published, and not made anew since. The branch's login cannot write this.
    pub is_checked: bool,
}

impl Written {
    /// What leads to a branch that is checked.
    pub fn checked(url: ConnectionUrl, branch: String) -> Self {
        Self { url, branch, is_checked: true }
    }
}

/// Where they are kept.
pub enum Credentials {
    /// Inside a cluster.
    Secrets(Kubernetes),
    /// Anywhere else: both audiences read one file.
    File(PathBuf),
}

/// The variable in the Secret of migrate and seed, whatever the workload's is called.
pub(super) const DIRECT: &str = "DATABASE_URL";
const EXPORT: &str = "export ";
const BRANCH: &str = "dayfly.dev/branch";
/// While the branch is made anew, and until it is checked: `true`.
const UNCHECKED: &str = "dayfly.dev/branch-unchecked";
/// The same behind the branch in a file.
const UNCHECKED_HERE: &str = " (unchecked)";

impl Credentials {
    /// The file, if one is given, else the cluster that this process runs in.
    pub fn open(env_file: Option<&Path>, log: &Log) -> Result<Self> {
        match env_file {
            Some(file) => Ok(Self::File(target(file)?)),
            None if kubernetes::is_inside() => Ok(Self::Secrets(Kubernetes::inside(log)?)),
            None => bail!("outside a cluster, say with `--env-file FILE` where the credentials go"),
        }
    }

    /// The same, for what ends with writing them: nothing is made whose login could not be kept.
    pub fn open_to_write(env_file: Option<&Path>, log: &Log) -> Result<Self> {
        let opened = Self::open(env_file, log)?;
        if let Self::File(path) = &opened {
            if path.exists() && !path.is_file() {
                bail!("`{}` is no file: name one with `--env-file`", path.display());
            }
            let beside = beside(path);
            let written = new_file(&beside).and_then(|_| fs::remove_file(&beside));
            written.with_context(|| format!("`{}` cannot be written, so nothing was done", path.display()))?;
        }
        Ok(opened)
    }

    /// What was written for an audience, if anything was.
    pub async fn read(&self, spec: &Spec<'_>, audience: Audience) -> Result<Option<Written>> {
        match self {
            Self::Secrets(cluster) => {
                let (name, variable) = place(spec, audience);
                let Some(secret) = cluster.secret(&spec.names.namespace, name).await? else { return Ok(None) };
                is_ours(&secret, spec, name)?;
                let Some((_, text)) = secret.data.iter().find(|(key, _)| key == variable) else { return Ok(None) };
                let url = ConnectionUrl::parse(text, &format!("`{variable}` of the Secret `{name}`"))?;
                let url = engine::from_here(&spec.baseline, url)?;
                let branch = secret.annotations[BRANCH].as_str().unwrap_or_default().to_owned();
                let is_checked = secret.annotations[UNCHECKED] != "true";
                Ok(Some(Written { url, branch, is_checked }))
            }
            Self::File(path) => {
                let lines = lines(path)?;
                let variable = &*spec.names.variable;
                let Some(text) = lines.iter().find_map(|line| value(line, variable)) else { return Ok(None) };
                let Some(branch) = lines.iter().find_map(|line| line.strip_prefix(&file_mark(spec))) else {
                    refuse!(
                        "`{}` has a {variable} of somebody else's: remove that line, or name another file",
                        path.display()
                    );
                };
                let url = ConnectionUrl::parse(text, &format!("`{variable}` in `{}`", path.display()))?;
                let checked = branch.strip_suffix(UNCHECKED_HERE);
                let (branch, is_checked) = (checked.unwrap_or(branch).to_owned(), checked.is_none());
                Ok(Some(Written { url, branch, is_checked }))
            }
        }
    }

    /// Writes for an audience, in place of what was written before.
    pub async fn write(&self, spec: &Spec<'_>, audience: Audience, written: &Written) -> Result<()> {
        match self {
            Self::Secrets(cluster) => {
                let (name, variable) = place(spec, audience);
                if let Some(there) = cluster.secret(&spec.names.namespace, name).await? {
                    is_ours(&there, spec, name)?;
                }
                let url = &written.url;
                let secret = Secret {
                    owner: None,
                    data: vec![
                        (variable.to_owned(), url.reveal().to_owned()),
                        ("host".into(), url.host().to_owned()),
                        ("port".into(), url.port().to_string()),
                        ("username".into(), url.user()),
                        ("password".into(), url.password()),
                        ("database".into(), url.database()),
                    ],
                    annotations: json!({BRANCH: written.branch, UNCHECKED: (!written.is_checked).to_string()}),
                    labels: labels(spec),
                };
                cluster.write_secret(&spec.names.namespace, name, &secret).await
            }
            Self::File(path) => {
                let before = lines(path)?;
                let variable = &*spec.names.variable;
                let is_exported = before.iter().any(|line| value(line, variable).is_some() && exported(line).is_some());
                let mut kept = without(before, spec);
                let unchecked = if written.is_checked { "" } else { UNCHECKED_HERE };
                kept.push(format!("{}{}{unchecked}", file_mark(spec), written.branch));
                let export = if is_exported { EXPORT } else { "" };
                kept.push(format!("{export}{variable}={}", written.url.reveal_here()));
                replace(path, &kept)
            }
        }
    }

    /// What is published leads to a branch that nobody has checked, from now on: it is made anew. A Job that is killed there leaves
    /// this to the next one.
    pub async fn doubt(&self, spec: &Spec<'_>) -> Result<()> {
        match self.read(spec, Audience::Steps).await? {
            Some(written) if written.is_checked => {
                self.write(spec, Audience::Steps, &Written { is_checked: false, ..written }).await
            }
            _ => Ok(()),
        }
    }

    /// Removes everything that was written for this database.
    pub async fn remove(&self, spec: &Spec<'_>) -> Result<()> {
        match self {
            Self::Secrets(cluster) => {
                for name in [&spec.names.secret, &spec.names.direct_secret] {
                    cluster.delete_secret(&spec.names.namespace, name).await?;
                }
                Ok(())
            }
            Self::File(path) => {
                let before = lines(path)?;
                let kept = without(before.clone(), spec);
                if kept == before {
                    Ok(())
                } else if kept.is_empty() {
                    fs::remove_file(path).with_context(|| format!("failed to remove `{}`", path.display()))
                } else {
                    replace(path, &kept)
                }
            }
        }
    }

    /// The password of an embedded server: made once, before the server starts with it.
    pub async fn server_password(&self, spec: &Spec<'_>) -> Result<String> {
        let (Self::Secrets(cluster), Some(name)) = (self, &spec.names.server_secret) else {
            bail!("an embedded database lives in a cluster: there is nothing to do for it here");
        };
        let namespace = &spec.names.namespace;
        if let Some(secret) = cluster.secret(namespace, name).await? {
            is_ours(&secret, spec, name)?;
            if let Some((_, password)) = secret.data.iter().find(|(key, _)| key == "password") {
                return Ok(password.clone());
            }
        }
        let password = random::password();
        let secret = Secret {
            owner: None,
            data: vec![("password".into(), password.clone())],
            annotations: json!({}),
            labels: labels(spec),
        };
        cluster.write_secret(namespace, name, &secret).await?;
        Ok(password)
    }
}

/// The Secret and its variable.
fn place<'s>(spec: &'s Spec<'_>, audience: Audience) -> (&'s str, &'s str) {
    match audience {
        Audience::Steps => (&spec.names.direct_secret, DIRECT),
        Audience::Workload => (&spec.names.secret, &spec.names.variable),
    }
}

fn labels(spec: &Spec<'_>) -> serde_json::Value {
    json!({
        "app.kubernetes.io/managed-by": "dayfly",
        "dayfly.dev/environment": spec.environment,
        "dayfly.dev/database": spec.database,
    })
}

/// A Secret that somebody else made is not ours to read or to replace.
fn is_ours(secret: &Secret, spec: &Spec<'_>, name: &str) -> Result<()> {
    if kubernetes::is_ours(&secret.labels, &spec.environment) {
        return Ok(());
    }
    refuse!("the Secret `{name}` is there and was not made by dayfly: remove it, or give the database another name")
}

/// The comment above the variable: whose it is.
fn file_mark(spec: &Spec<'_>) -> String {
    format!("# dayfly: {} of {}, branch ", spec.database, spec.environment)
}

/// The value of a variable, if a line sets it as shells and `.env` files do.
fn value<'l>(line: &'l str, variable: &str) -> Option<&'l str> {
    exported(line).unwrap_or(line).trim_start().strip_prefix(variable)?.strip_prefix('=')
}

/// What a line exports.
fn exported(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix(EXPORT)
}

/// The file that a symbolic link leads to: it stays a link.
fn target(path: &Path) -> Result<PathBuf> {
    if !path.is_symlink() {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).with_context(|| {
        format!("`{}` is a symbolic link that leads to no file: make that, or remove the link", path.display())
    })
}

fn lines(path: &Path) -> Result<Vec<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", path.display())),
    }
}

/// Somebody else's lines: the file may be a developer's own `.env`.
fn without(mut lines: Vec<String>, spec: &Spec<'_>) -> Vec<String> {
    let mark = file_mark(spec);
    if lines.iter().any(|line| line.starts_with(&mark)) {
        lines.retain(|line| !line.starts_with(&mark) && value(line, &spec.names.variable).is_none());
    }
    lines
}

/// What becomes the file at once.
fn beside(path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.{}", path.file_name().unwrap_or_default().to_string_lossy(), random::nonce()))
}

/// A file for its owner's eyes only.
fn new_file(path: &Path) -> std::io::Result<fs::File> {
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// All or nothing.
fn replace(path: &Path, lines: &[String]) -> Result<()> {
    let beside = beside(path);
    let write = || -> std::io::Result<()> {
        let mut file = new_file(&beside)?;
        for line in lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write()
        .inspect_err(|_| drop(fs::remove_file(&beside)))
        .with_context(|| format!("failed to write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_keeps_its_owners_other_lines() {
        let folder = std::env::temp_dir().join(format!("dayfly-credentials-{}", random::nonce()));
        fs::create_dir(&folder).unwrap();
        let path = folder.join(".env");
        fs::write(&path, "A=1\n# mine\n").unwrap();
        let spec = crate::database::spec::example();
        let credentials = Credentials::File(path.clone());
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        let written = Written::checked(url, "1.2".into());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            assert!(credentials.read(&spec, Audience::Steps).await.unwrap().is_none());
            credentials.write(&spec, Audience::Steps, &written).await.unwrap();
            credentials.write(&spec, Audience::Workload, &written).await.unwrap();
            assert_eq!(credentials.read(&spec, Audience::Workload).await.unwrap().unwrap().branch, "1.2");
        });
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "A=1\n# mine\n# dayfly: main of shop-pr-7, branch 1.2\nDATABASE_URL=postgres://u:p@h:5432/d\n"
        );
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        runtime.block_on(credentials.remove(&spec)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "A=1\n# mine\n");

        fs::write(&path, "DATABASE_URL=postgres://mine/mine\n").unwrap();
        let error = runtime.block_on(credentials.read(&spec, Audience::Steps)).unwrap_err();
        assert!(error.to_string().contains("somebody else's"), "{error}");
        runtime.block_on(credentials.remove(&spec)).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "DATABASE_URL=postgres://mine/mine\n");
        fs::remove_dir_all(&folder).unwrap();
    }

    fn folder() -> PathBuf {
        let folder = std::env::temp_dir().join(format!("dayfly-credentials-{}", random::nonce()));
        fs::create_dir(&folder).unwrap();
        folder
    }

    fn log() -> Log {
        Log::new(crate::database::log::LogFormat::Text, "test", "")
    }

    fn runs<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    #[test]
    fn an_exported_variable_is_one() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let path = folder.join(".env");
        let credentials = Credentials::open_to_write(Some(&path), &log()).unwrap();
        fs::write(&path, "export DATABASE_URL=postgres://mine/mine\n").unwrap();
        let error = runs(credentials.read(&spec, Audience::Steps)).unwrap_err();
        assert!(error.to_string().contains("somebody else's"), "{error}");
        let mark = "# dayfly: main of shop-pr-7, branch 1";
        fs::write(&path, format!("{mark}\nexport DATABASE_URL=postgres://u:p@h:5432/d\n")).unwrap();
        let written = runs(credentials.read(&spec, Audience::Steps)).unwrap().unwrap();
        assert_eq!(written.url.host(), "h");
        let url = ConnectionUrl::parse("postgres://u:q@h:5432/d", "test").unwrap();
        runs(credentials.write(&spec, Audience::Steps, &Written { url, ..written })).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{mark}\nexport DATABASE_URL=postgres://u:q@h:5432/d\n"));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_symbolic_link_stays_one() {
        let (folder, spec) = (folder(), crate::database::spec::example());
        let link = folder.join(".env");
        std::os::unix::fs::symlink("shared", &link).unwrap();
        let refused = |path: &Path| format!("{:#}", Credentials::open_to_write(Some(path), &log()).err().unwrap());
        assert!(refused(&link).contains("a symbolic link that leads to no file"), "{}", refused(&link));
        fs::write(folder.join("shared"), "A=1\n").unwrap();
        let credentials = Credentials::open_to_write(Some(&link), &log()).unwrap();
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        runs(credentials.write(&spec, Audience::Steps, &Written::checked(url, "1".into()))).unwrap();
        assert!(link.is_symlink());
        assert!(fs::read_to_string(folder.join("shared")).unwrap().contains("DATABASE_URL=postgres://u:p@h:5432/d"));
        assert!(refused(&folder).contains("is no file"));
        assert!(refused(&folder.join("none/.env")).contains("so nothing was done: No such file"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "the file and the link");
        fs::remove_dir_all(&folder).unwrap();
    }
}
