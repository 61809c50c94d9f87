//! A small PostgreSQL in the preview's own namespace, which the renderer emits: its image brings the data, or loads a dump.
//!
//! On that server a branch is made as on any other: a database of its own beside the seeded one, and a role that is no
//! superuser. So a failed migration finds the baseline's data again. The server's password is made here, before the server
//! starts with it. Everything goes with the namespace, so nothing expires and nothing has to be renewed.
//!
//! What proves ownership: the Secret with the password, which carries this environment's labels. It proves nothing about
//! what else the namespace's own programs did with the server.

use std::{cell::OnceCell, time::SystemTime};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use super::{Branch, ConnectionUrl, Engine, Listed, Log, Session, Spec, admin_url, postgres::Postgres, refuse};
use crate::database::{credentials::Credentials, session};

/// The superuser, and the database with the baseline's data: the server's image gets both names (templates/database-embedded.yaml).
const SEEDED: &str = "preview";

/// Longer than any preview.
const FOR_EVER: u64 = 100 * 365 * 86_400;

/// A server of the preview's own.
pub struct Embedded {
    baseline: String,
    log: Log,
    server: OnceCell<Postgres>,
}

impl Embedded {
    /// The baseline by its name: its data come with the server.
    pub fn new(baseline: &str, log: &Log) -> Self {
        Self { baseline: baseline.to_owned(), log: log.clone(), server: OnceCell::new() }
    }

    /// The preview's own server. The first call makes its password.
    async fn server(&self, spec: &Spec<'_>) -> Result<&Postgres> {
        if let Some(server) = self.server.get() {
            return Ok(server);
        }
        let Some(host) = &spec.names.server else {
            refuse!("the spec names no server: an embedded database is one of a rendered preview");
        };
        let password = Credentials::open(None, &self.log)?.server_password(spec).await?;
        // The namespace's network policies are what guards this connection: such an image has no certificate.
        let url = format!("postgres://{SEEDED}@{host}.{}.svc:5432/postgres?sslmode=disable", spec.names.namespace);
        let admin = ConnectionUrl::parse(&url, "the spec's server")?.with_login(SEEDED, &password, "postgres");
        Ok(self.server.get_or_init(|| Postgres::at(admin, SEEDED.to_owned(), &self.log)))
    }

    fn known(&self) -> Result<&Postgres> {
        self.server.get().context("no server is known before one of its branches is")
    }
}

#[async_trait(?Send)]
impl Engine for Embedded {
    fn checks(&self) -> bool {
        true
    }

    /// There is no place from which all previews' servers could be seen.
    async fn list(&self) -> Result<Listed> {
        Ok(Listed::default())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        self.server(spec).await?.find(spec).await
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let server = self.server(spec).await?;
        // A session of the preview's in the seeded database would keep it from being copied.
        server.freeze_baseline().await?;
        server.create(spec).await
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        let spec = Spec { lease_seconds: FOR_EVER, ..spec.clone() };
        self.server(&spec).await?.login(&spec, branch).await
    }

    /// A server that was lost and filled again is the same preview's: its services have the password, and nobody else. It has no such
    /// login yet; where there is one, a Job gave it another password, which is not taken back.
    async fn login_again(
        &self,
        spec: &Spec<'_>,
        branch: &Branch,
        published: &ConnectionUrl,
    ) -> Result<Option<ConnectionUrl>> {
        let spec = Spec { lease_seconds: FOR_EVER, ..spec.clone() };
        let server = self.server(&spec).await?;
        if server.was_let_in(&spec).await? {
            return Ok(None);
        }
        server.login_with(&spec, branch, &published.password()).await.map(Some)
    }

    async fn reset(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Branch> {
        self.server(spec).await?.reset(spec, branch).await
    }

    async fn end_sessions(&self, spec: &Spec<'_>, branch: &Branch) -> Result<bool> {
        self.server(spec).await?.end_sessions(spec, branch).await
    }

    async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        self.known()?.destroy(branch).await
    }

    /// The database on a server of one's own that the image or the dump is made from.
    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        session::open(&admin_url(&self.baseline)?.with_database(SEEDED), &self.log).await
    }

    /// An image is as frozen as can be.
    async fn freeze_baseline(&self) -> Result<()> {
        Ok(())
    }
}
