//! What makes branches: one file a provider, behind one small trait.

pub mod aurora;
pub mod cnpg;
pub mod crunchy_bridge;
pub mod dblab;
pub mod embedded;
mod keys;
pub mod mysql;
pub mod neon;
pub mod planetscale;
pub mod postgres;
pub mod supabase;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

// What every engine is made of.
use super::{
    connection::ConnectionUrl,
    failure::{Refused, refuse},
    log::Log,
    mark::Mark,
    retry::Pauses,
    session::{self, Marker, Session},
    spec::{BaselineSpec, Spec},
};
use crate::input::guardrails::{Baseline, Provider};
pub(super) use keys::page;
pub use keys::{AdminRefused, account_keys, from_here, has_key, is_withheld, lasting_keys, variable, with_key};
use keys::{admin_url, key};

/// A branch that dayfly made, as its provider tells it.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The provider's own identifier: what is deleted is deleted by it, never by name.
    pub id: String,
    /// What the provider calls it, for messages.
    pub name: String,
    /// Whose it is: nothing without dayfly's mark is touched.
    pub mark: Mark,
    /// When the provider itself ends it or its login.
    pub expires: Option<SystemTime>,
    /// What it costs, where the provider says so.
    pub cost: Option<String>,
    /// Whether it can be used. What a killed Job left half made is found too, and completed or removed.
    pub is_complete: bool,
}

/// What a provider has with dayfly's mark.
#[derive(Default)]
pub struct Listed {
    /// Of every environment, half made ones too.
    pub branches: Vec<Branch>,
    /// In words, what has a mark that cannot be read, which nobody renews or reclaims.
    pub unreadable: Vec<String>,
}

impl FromIterator<Branch> for Listed {
    fn from_iter<T: IntoIterator<Item = Branch>>(branches: T) -> Self {
        Self { branches: branches.into_iter().collect(), unreadable: Vec::new() }
    }
}

/// Another Job removed the branch, or put another in its place.
pub const GONE: &str = "the branch is gone already: call this again";

/// A provider's branches, seen from one baseline. Every call may be repeated, and raced by another process.
#[async_trait(?Send)]
pub trait Engine {
    /// Whether [`Self::create`] and [`Self::reset`] let nobody into a branch before [`super::check::fresh_branch`] passed,
    /// whatever login was published before; what that refuses they remove. Else it is checked with the branch's own login.
    fn checks(&self) -> bool {
        false
    }

    /// All that has dayfly's mark.
    async fn list(&self) -> Result<Listed>;

    /// This environment's branch. The name's being taken by something that doesn't carry its mark is an error.
    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        Ok(self.list().await?.branches.into_iter().find(|branch| branch.mark.is_of(spec)))
    }

    /// Makes the branch, or completes what was left half made. Returns once it can be used.
    async fn create(&self, spec: &Spec<'_>) -> Result<Branch>;

    /// A login to the branch, straight to the server: migrations need sessions of their own. Where the provider can, with a
    /// password that nobody had before.
    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl>;

    /// The login with the password that was `published` and opens nothing any more, where whoever has that may have it again. `None`:
    /// another password is made.
    async fn login_again(
        &self,
        _spec: &Spec<'_>,
        _branch: &Branch,
        _published: &ConnectionUrl,
    ) -> Result<Option<ConnectionUrl>> {
        Ok(None)
    }

    /// Ends all that [`Self::login`] made but `kept`, where each call makes a login of its own. Only one Job at a time does so,
    /// and `kept` owns then what they made.
    async fn revoke_others(&self, _spec: &Spec<'_>, _branch: &Branch, _kept: &ConnectionUrl) -> Result<()> {
        Ok(())
    }

    /// Whether the password before works on after [`Self::rotate`], until [`Self::rotated`] ends it.
    fn keeps_old(&self) -> bool {
        false
    }

    /// Ends what works beside the login that was published: a Job that made the password anew may have been ended before it did so.
    async fn keep_only(&self, _spec: &Spec<'_>, _branch: &Branch, _published: &ConnectionUrl) -> Result<()> {
        Ok(())
    }

    /// The same login with another password. `published` is what was given away before, if that is known: most providers do
    /// not need it, since each call of [`Self::login`] makes another password.
    async fn rotate(
        &self,
        spec: &Spec<'_>,
        branch: &Branch,
        _published: Option<&ConnectionUrl>,
    ) -> Result<ConnectionUrl> {
        self.login(spec, branch).await
    }

    /// Ends the sessions of the branch's login as administrator, who gets in when they are as many as may be. `false`: dayfly is
    /// none here, and a new password would leave them open.
    async fn end_sessions(&self, _spec: &Spec<'_>, _branch: &Branch) -> Result<bool> {
        Ok(false)
    }

    /// Ends what is left of the password before [`Self::rotate`], once what that made is published. `false`: dayfly is no
    /// administrator here, and the login itself ends its other sessions.
    async fn rotated(&self, spec: &Spec<'_>, branch: &Branch, _published: &ConnectionUrl) -> Result<bool> {
        self.end_sessions(spec, branch).await
    }

    /// The same login through the provider's pooler, if it has one.
    fn pooled(&self, _direct: &ConnectionUrl) -> Option<ConnectionUrl> {
        None
    }

    /// Gives the branch the baseline's data again; where the provider can, its identifier and login stay as they are.
    async fn reset(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Branch> {
        self.destroy(branch).await?;
        self.create(spec).await
    }

    /// Prolongs the lease of branch and login.
    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()>;

    /// Whether the provider keeps until when a branch lives; else that counts from when it was made.
    fn keeps_leases(&self) -> bool {
        true
    }

    /// Revokes the login, ends its sessions, removes the branch: in this order. What is gone already is fine.
    async fn destroy(&self, branch: &Branch) -> Result<()>;

    /// A session in the baseline itself, which `prepare-baseline` attests.
    async fn open_baseline(&self) -> Result<Box<dyn Session>>;

    /// Writes the marker into the baseline, through the session that [`Self::open_baseline`] gave.
    async fn mark_baseline(&self, session: &mut dyn Session, marker: &Marker) -> Result<()> {
        session.set_marker(marker, &|| {}).await
    }

    /// Closes again what [`Self::open_baseline`] opened, where the baseline cannot be prepared.
    async fn leave_baseline(&self) -> Result<()> {
        Ok(())
    }

    /// Makes the baseline what branches are made from, and nobody's to write.
    async fn freeze_baseline(&self) -> Result<()>;
}

/// The engine of a baseline, with the provider's key from the environment.
///
/// # Errors
///
/// The key is missing, or the baseline's entry is incomplete.
pub fn open(baseline: &BaselineSpec<'_>, log: &Log) -> Result<Box<dyn Engine>> {
    engine(baseline, log).with_context(|| format!("the baseline `{}` cannot be used", baseline.name))
}

fn engine(baseline: &BaselineSpec<'_>, log: &Log) -> Result<Box<dyn Engine>> {
    let entry = &*baseline.entry;
    Ok(match entry.provider {
        Provider::Postgres => Box::new(postgres::Postgres::new(admin_url(&baseline.name)?, entry, log)?),
        Provider::Cnpg => Box::new(cnpg::Cnpg::new(&baseline.name, entry.database.as_deref(), log)?),
        Provider::Embedded => Box::new(embedded::Embedded::new(&baseline.name, log)),
        Provider::Aurora => Box::new(aurora::Aurora::new(admin_url(&baseline.name)?, entry, log)?),
        Provider::CrunchyBridge => {
            Box::new(crunchy_bridge::CrunchyBridge::new(&key(crunchy_bridge::KEY)?, entry, log)?)
        }
        Provider::Supabase => {
            let admin = admin_url(&baseline.name).ok();
            Box::new(supabase::Supabase::new(&key(supabase::TOKEN)?, entry, admin, log)?)
        }
        Provider::Dblab => Box::new(dblab::Dblab::new(key(dblab::TOKEN)?, entry, log)?),
        Provider::Neon => Box::new(neon::Neon::new(&key(neon::KEY)?, entry, log)?),
        Provider::Mysql | Provider::Mariadb => Box::new(mysql::Mysql::new(&admin_url(&baseline.name)?, entry, log)?),
        Provider::Planetscale => {
            let [id, token] = planetscale::KEYS.map(key);
            Box::new(planetscale::PlanetScale::new([&id?, &token?], entry, log)?)
        }
    })
}

/// Why what has the name of an environment's branch is let alone, where it is another's. `what`: it, in words.
fn foreign(what: &str, spec: &Spec<'_>) -> anyhow::Error {
    Refused(format!("{what} is there and is not of {}: nothing was changed", spec.owner)).into()
}

/// The same, unless its mark says that it is this environment's.
fn own(found: Option<Branch>, what: &str, spec: &Spec<'_>) -> Result<Branch> {
    found.filter(|branch| branch.mark.is_of(spec)).ok_or_else(|| foreign(what, spec))
}

/// Why nobody gets a branch whose administrator checks it. What is refused says so itself; else it could not be looked at.
fn not_given(spec: &Spec<'_>, error: anyhow::Error) -> anyhow::Error {
    const WHAT: &str = "the new branch is not given to anybody";
    if error.is::<Refused>() {
        return error.context(WHAT);
    }
    let page = page(spec.baseline.entry.provider);
    error.context(format!(
        "{WHAT}: the data of the baseline `{}` cannot be looked at (docs/databases/{page}.md has what the administrator needs)",
        spec.baseline.name
    ))
}

/// How long a login is tried to be revoked that goes with its branch anyway.
const REVOKING: Duration = Duration::from_secs(10);

/// Revokes the login of a branch that goes as a whole, server and all, before it is asked to go. `work` bars it and ends its
/// sessions. That it cannot keeps no branch.
async fn revoke_first(branch: &Branch, work: impl Future<Output = Result<()>>, log: &Log) {
    if let Err(error) = within(REVOKING, Box::pin(work)).await {
        log.warn(format!("the login of `{}` goes with its branch, and not before: {error:#}", branch.name));
    }
}

/// Ends all sessions of a login that has just got another password.
async fn alone(url: impl Future<Output = Result<ConnectionUrl>>, log: &Log) -> Result<()> {
    session::open(&url.await?, log).await?.end_others().await
}

async fn within(limit: Duration, work: impl Future<Output = Result<()>>) -> Result<()> {
    let work = tokio::time::timeout(limit, work).await;
    work.unwrap_or_else(|_| anyhow::bail!("not done within {} s", limit.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{http::tests::runs, log::LogFormat};

    #[test]
    fn a_server_that_never_answers_keeps_no_branch_from_going() {
        // The kernel takes the connection, and nobody says a word.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://admin:secret@{}", listener.local_addr().unwrap());
        let admin = ConnectionUrl::parse(&url, "the test").unwrap();
        let mark = Mark::of_name("dayfly.shop.shop-pr-7.main", String::new(), String::new()).unwrap();
        let branch = Branch { id: "1".into(), name: "shop".into(), mark, expires: None, cost: None, is_complete: true };
        let work = postgres::role::revoke_at(async { Ok(admin) }, &branch);
        let work = async { within(Duration::from_secs(1), work).await };
        assert_eq!(runs(work).unwrap_err().to_string(), "not done within 1 s");
    }

    #[test]
    fn what_a_baseline_lacks_names_it() {
        let json = r#"{"name":"shop","provider":"cnpg","synthetic":{"by":"seeds"}}"#;
        let baseline: BaselineSpec<'_> = serde_json::from_str(json).unwrap();
        let error = open(&baseline, &Log::new(LogFormat::Text, "test")).err().unwrap();
        assert_eq!(format!("{error:#}"), "the baseline `shop` cannot be used: it has no `database`");
    }
}
