//! Amazon Aurora for PostgreSQL: a copy-on-write clone of a cluster, with one instance and one role.
//!
//! The mark is the cluster's tags, given in the very call that makes it: whoever may tag clusters here could forge it. RDS
//! deletes clusters by name, so the cluster's resource id, which no other ever has, is compared right before.
//!
//! A clone has the baseline's logins and passwords. The administrator's is used to make the environment's own role, and never
//! given away. AWS ends nothing by itself: the lease is the role's `VALID UNTIL`, and the sweep does the rest.

mod api;
mod cluster;
mod sign;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;

pub(super) use self::api::{SIGN_IN, keys};
use self::{
    api::{Rds, items, parse, text_of},
    cluster::{Cluster, EXPIRES, identifier, instance, listed, new_tags, tags},
};
use super::{
    Baseline, Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, postgres::role, refuse,
    revoke_first,
};
use crate::database::{
    http::{api_error, is_ambiguous},
    session, time,
};

/// States of clusters and instances that do not pass.
const FAILED: [&str; 8] = [
    "cloning-failed",
    "failed",
    "inaccessible-encryption-credentials",
    "incompatible-network",
    "incompatible-parameters",
    "incompatible-restore",
    "restore-error",
    "storage-full",
];

/// Clusters of one AWS account and region.
pub struct Aurora {
    rds: Rds,
    admin: ConnectionUrl,
    region: String,
    parent: String,
    database: String,
    size: String,
    log: Log,
}

impl Aurora {
    /// `admin`: the login of the baseline's cluster, which its clones have too.
    pub fn new(admin: ConnectionUrl, baseline: &Baseline, log: &Log) -> Result<Self> {
        let region = baseline.region.clone().context("it has no `region`")?;
        Ok(Self {
            rds: Rds::new(baseline.api.as_deref(), &region, log)?,
            admin,
            region,
            parent: baseline.parent.clone().context("it has no `parent`")?,
            database: baseline.database.clone().context("it has no `database`")?,
            size: baseline.size.clone().context("it has no `size`")?,
            log: log.clone(),
        })
    }

    /// All clusters here, or the one with a name.
    async fn clusters(&self, name: Option<&str>) -> Result<Vec<Cluster>> {
        let mut clusters = Vec::new();
        let mut page: Option<String> = None;
        loop {
            let mut parameters: Vec<(String, String)> = Vec::new();
            parameters.extend(name.map(|name| pair("DBClusterIdentifier", name)));
            parameters.extend(page.as_deref().map(|page| pair("Marker", page)));
            let text = match self.rds.call("DescribeDBClusters", &parameters).await {
                Ok(text) => text,
                Err(error) if code(&error) == "DBClusterNotFoundFault" => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let document = parse(&text)?;
            let result = document.descendants().find(|node| node.has_tag_name("DescribeDBClustersResult"));
            let result = result.context("RDS's list of clusters cannot be read")?;
            clusters.extend(items(result, "DBClusters").map(Cluster::read));
            page = text_of(result, "Marker").map(str::to_owned);
            if page.is_none() {
                return Ok(clusters);
            }
        }
    }

    async fn cluster(&self, name: &str) -> Result<Option<Cluster>> {
        Ok(self.clusters(Some(name)).await?.into_iter().find(|cluster| cluster.name == name))
    }

    /// The cluster of a branch; another with its name is none.
    async fn cluster_of(&self, branch: &Branch) -> Result<Option<Cluster>> {
        Ok(self.cluster(&branch.name).await?.filter(|cluster| cluster.resource == branch.id))
    }

    /// Names and states of a cluster's instances.
    async fn instances(&self, cluster: &str) -> Result<Vec<(String, String)>> {
        let filter = [pair("Filters.Filter.1.Name", "db-cluster-id"), pair("Filters.Filter.1.Values.Value.1", cluster)];
        let text = self.rds.call("DescribeDBInstances", &filter).await?;
        let document = parse(&text)?;
        let instances = document.descendants().filter(|node| node.has_tag_name("DBInstance"));
        let field = |node, name| text_of(node, name).unwrap_or_default().to_owned();
        Ok(instances.map(|node| (field(node, "DBInstanceIdentifier"), field(node, "DBInstanceStatus"))).collect())
    }

    /// Asks for a clone. Whether it is made, only a look can tell.
    async fn restore(&self, spec: &Spec<'_>, name: &str) -> Result<()> {
        let Some(source) = self.cluster(&self.parent).await? else {
            refuse!(
                "there is no Aurora cluster `{}` in {}, which the guardrails name as baseline",
                self.parent,
                self.region
            );
        };
        if source.engine != "aurora-postgresql" {
            refuse!(
                "the cluster `{}` is of engine `{}`: only `aurora-postgresql` can be branched",
                self.parent,
                source.engine
            );
        }
        let mut parameters = vec![
            pair("DBClusterIdentifier", name),
            pair("SourceDBClusterIdentifier", &self.parent),
            pair("RestoreType", "copy-on-write"),
            pair("UseLatestRestorableTime", "true"),
            pair("DeletionProtection", "false"),
        ];
        parameters.extend(source.inherited.iter().map(|(name, value)| pair(name, value)));
        for (index, group) in source.security_groups.iter().enumerate() {
            parameters.push(pair(&format!("VpcSecurityGroupIds.VpcSecurityGroupId.{}", index + 1), group));
        }
        parameters.extend(tags(&new_tags(spec)?));
        self.log.info(format!("cloning the cluster `{}`", self.parent));
        let asked = self.rds.call("RestoreDBClusterToPointInTime", &parameters).await;
        self.looked_at(asked, "the cluster cannot be cloned").await
    }

    async fn add_instance(&self, cluster: &Cluster) -> Result<()> {
        let parameters = [
            pair("DBInstanceIdentifier", &instance(&cluster.name)),
            pair("DBInstanceClass", &self.size),
            pair("Engine", &cluster.engine),
            pair("DBClusterIdentifier", &cluster.name),
        ];
        let asked = self.rds.call("CreateDBInstance", &parameters).await;
        self.looked_at(asked, "the clone's instance cannot be made").await
    }

    /// What becomes of an attempt to make something: if it may be there all the same, the caller looks.
    async fn looked_at(&self, asked: Result<String>, context: &'static str) -> Result<()> {
        match asked {
            Ok(_) => Ok(()),
            Err(error) if code(&error).contains("QuotaExceeded") => {
                let clusters = self.clusters(None).await?;
                let ours = clusters.iter().filter(|cluster| cluster.branch().is_some()).count();
                Err(error).context(format!(
                    "the account's quota in {} is used up: it has {} clusters there, {ours} of them dayfly's. `dayfly db sweep --apply` removes those of closed previews; AWS raises quotas on request",
                    self.region,
                    clusters.len()
                ))
            }
            Err(error) if is_ambiguous(&error) || code(&error).contains("AlreadyExists") => {
                self.log.doing(format!("looking whether it is there: {error:#}"));
                Ok(())
            }
            Err(error) => Err(error).context(context),
        }
    }

    /// The administrator, in a clone.
    fn admin(&self, cluster: &Cluster) -> Result<ConnectionUrl> {
        self.admin.with_server(&cluster.endpoint, cluster.port)
    }

    /// Bars the environment's role, as far as the cluster can be reached: it goes anyway.
    async fn revoke(&self, cluster: &Cluster, branch: &Branch) {
        if cluster.status == "available" && cluster.instances > 0 {
            revoke_first(branch, role::revoke_at(async { self.admin(cluster) }, branch), &self.log).await;
        }
    }
}

#[async_trait(?Send)]
impl Engine for Aurora {
    async fn list(&self) -> Result<Listed> {
        Ok(listed(&self.clusters(None).await?))
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let name = identifier(&spec.names.branch);
        let Some(cluster) = self.cluster(&name).await? else { return Ok(None) };
        let mut branch = cluster.own(spec)?;
        if cluster.status == "deleting" {
            return Ok(None);
        }
        branch.is_complete = branch.is_complete && is_available(&self.instances(&name).await?);
        Ok(Some(branch))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let name = identifier(&spec.names.branch);
        let mut pauses = Pauses::new(Duration::from_millis(400), Duration::from_secs(10));
        loop {
            match self.cluster(&name).await? {
                None => self.restore(spec, &name).await?,
                Some(cluster) => {
                    let branch = cluster.own(spec)?;
                    let instances = self.instances(&name).await?;
                    if cluster.status == "available" && is_available(&instances) {
                        return Ok(Branch { is_complete: true, ..branch });
                    }
                    let states = instances.iter().map(|(_, status)| status).chain([&cluster.status]);
                    if let Some(status) = states.into_iter().find(|status| FAILED.contains(&status.as_str())) {
                        bail!("the clone `{name}` is `{status}`, which does not pass: `dayfly db destroy` removes it");
                    }
                    self.log.doing(match instances.first() {
                        Some((_, status)) => format!("waiting for the instance of `{name}`: {status}"),
                        None => format!("waiting for the cluster `{name}`: {}", cluster.status),
                    });
                    if cluster.status == "available" && instances.is_empty() {
                        self.add_instance(&cluster).await?;
                    }
                }
            }
            pauses.wait().await;
        }
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        let Some(cluster) = self.cluster_of(branch).await? else {
            bail!("the clone `{}` is gone: call this again", branch.name);
        };
        let admin = self.admin(&cluster)?.with_database(&self.database);
        role::make(&admin, spec, &self.log).await
    }

    async fn end_sessions(&self, _: &Spec<'_>, branch: &Branch) -> Result<bool> {
        let Some(cluster) = self.cluster_of(branch).await? else { return Ok(false) };
        let client = role::enter(&self.admin(&cluster)?, &self.log).await?;
        role::end_sessions(&client, &branch.mark.role()).await.map(|()| true)
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        let Some(cluster) = self.cluster_of(branch).await? else { return Ok(()) };
        let mut parameters = vec![pair("ResourceName", &cluster.arn)];
        parameters.extend(tags(&[pair(EXPIRES, &time::text(until))]));
        self.rds.call("AddTagsToResource", &parameters).await?;
        if branch.is_complete {
            let client = role::enter(&self.admin(&cluster)?, &self.log).await?;
            role::renew(&client, &branch.mark.role(), until).await?;
        }
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        let mut pauses = Pauses::new(Duration::from_millis(400), Duration::from_secs(10));
        let mut is_revoked = false;
        let skip = || pair("SkipFinalSnapshot", "true");
        loop {
            let Some(cluster) = self.cluster_of(branch).await? else { return Ok(()) };
            if cluster.status == "deleting" {
                return Ok(());
            }
            if !is_revoked {
                self.revoke(&cluster, branch).await;
                is_revoked = true;
            }
            for (instance, status) in self.instances(&cluster.name).await? {
                if status != "deleting" {
                    let asked =
                        self.rds.call("DeleteDBInstance", &[pair("DBInstanceIdentifier", &instance), skip()]).await;
                    passing(asked)?;
                }
            }
            let asked = self.rds.call("DeleteDBCluster", &[pair("DBClusterIdentifier", &cluster.name), skip()]).await;
            passing(asked)?;
            self.log.doing(format!("waiting for the cluster `{}` to go", cluster.name));
            pauses.wait().await;
        }
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        session::open(&self.admin.with_database(&self.database), &self.log).await
    }

    async fn freeze_baseline(&self) -> Result<()> {
        self.log.info(
            "a clone has what the cluster has in that moment, and nothing can be frozen there: let nobody write to it any more",
        );
        Ok(())
    }
}

/// What is gone, on its way, or not ready to go: the next look tells.
fn passing(asked: Result<String>) -> Result<()> {
    match asked {
        Err(error) if is_ambiguous(&error) => Ok(()),
        Err(error)
            if ["NotFound", "InvalidDBInstanceState", "InvalidDBClusterState"]
                .iter()
                .any(|part| code(&error).contains(part)) =>
        {
            Ok(())
        }
        result => result.map(drop),
    }
}

fn is_available(instances: &[(String, String)]) -> bool {
    instances.iter().any(|(_, status)| status == "available")
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn code(error: &anyhow::Error) -> &str {
    api_error(error).map_or("", |error| error.code.as_str())
}
