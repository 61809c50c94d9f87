//! A cluster, as RDS tells it, and how it says whose branch it is: by its name and its tags.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use roxmltree::Node;
use serde_json::Value;

use super::{
    super::own,
    Branch, Listed, Mark, Spec,
    api::{child, items, text_of},
    pair, time,
};

/// What begins the keys of dayfly's tags.
pub(super) const TAGS: &str = "dayfly:";

/// The tag besides the mark: when the lease ends.
pub(super) const EXPIRES: &str = "expires";

pub(super) struct Cluster {
    pub(super) name: String,
    /// Never another cluster's.
    pub(super) resource: String,
    pub(super) arn: String,
    pub(super) status: String,
    pub(super) engine: String,
    pub(super) endpoint: String,
    pub(super) port: u16,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) instances: usize,
    pub(super) security_groups: Vec<String>,
    /// What a clone shares with its source only if it is told to.
    pub(super) inherited: Vec<(&'static str, String)>,
}

impl Cluster {
    pub(super) fn read(node: Node<'_, '_>) -> Self {
        let text = |name: &str| text_of(node, name).unwrap_or_default().to_owned();
        let tags = items(node, "TagList").filter_map(|tag| {
            let key = text_of(tag, "Key")?.strip_prefix(TAGS)?;
            Some((key.to_owned(), text_of(tag, "Value").unwrap_or_default().to_owned()))
        });
        let groups = items(node, "VpcSecurityGroups").filter_map(|group| text_of(group, "VpcSecurityGroupId"));
        let capacity = child(node, "ServerlessV2ScalingConfiguration");
        let capacity = |name| capacity.and_then(|node| text_of(node, name)).unwrap_or_default().to_owned();
        let inherited = [
            ("DBSubnetGroupName", text("DBSubnetGroup")),
            ("DBClusterParameterGroupName", text("DBClusterParameterGroup")),
            ("ServerlessV2ScalingConfiguration.MinCapacity", capacity("MinCapacity")),
            ("ServerlessV2ScalingConfiguration.MaxCapacity", capacity("MaxCapacity")),
        ];
        Self {
            name: text("DBClusterIdentifier"),
            resource: text("DbClusterResourceId"),
            arn: text("DBClusterArn"),
            status: text("Status"),
            engine: text("Engine"),
            endpoint: text("Endpoint"),
            port: text("Port").parse().unwrap_or(5432),
            tags: tags.collect(),
            instances: items(node, "DBClusterMembers").count(),
            security_groups: groups.map(str::to_owned).collect(),
            inherited: inherited.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        }
    }

    /// A cluster that is dayfly's.
    pub(super) fn branch(&self) -> Option<Branch> {
        let mut fields: serde_json::Map<String, Value> =
            self.tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect();
        // A tag takes no comma.
        fields.insert("secrets".into(), self.tags.get("secrets")?.replace(' ', ",").into());
        Some(Branch {
            id: self.resource.clone(),
            name: self.name.clone(),
            mark: serde_json::from_value(Value::Object(fields)).ok()?,
            expires: self.tags.get(EXPIRES).and_then(|at| time::parse(at).ok()),
            cost: None,
            is_complete: self.status == "available" && self.instances > 0,
        })
    }

    /// This environment's. Another's is an error.
    pub(super) fn own(&self, spec: &Spec<'_>) -> Result<Branch> {
        own(self.branch(), &format!("the cluster `{}`", self.name), spec)
    }
}

/// What dayfly's tags say of all clusters that stay.
pub(super) fn listed(clusters: &[Cluster]) -> Listed {
    let mut listed = Listed::default();
    for cluster in clusters.iter().filter(|cluster| cluster.status != "deleting") {
        match cluster.branch() {
            Some(branch) => listed.branches.push(branch),
            None if cluster.tags.is_empty() => {}
            None => listed.unreadable.push(format!(
                "the mark of the cluster `{}` cannot be read, so that nobody renews or reclaims it: if no newer dayfly made it, mend its tags `{TAGS}…`, or delete it",
                cluster.name
            )),
        }
    }
    listed
}

/// A cluster's name: letters, digits and single hyphens, a letter first, 63 at most. The end of a branch's name is a hash.
pub(super) fn identifier(branch: &str) -> String {
    const MOST: usize = 61; // the instance's name is longer by two
    let (stem, hash) = branch.rsplit_once('_').unwrap_or(("", branch));
    let words: Vec<&str> = stem.split('_').filter(|word| !word.is_empty()).collect();
    let stem = format!("dayfly-{}", words.join("-"));
    format!("{}-{hash}", stem[..stem.len().min(MOST - hash.len() - 1)].trim_end_matches('-'))
}

/// The name of a clone's only instance.
pub(super) fn instance(cluster: &str) -> String {
    format!("{cluster}-1")
}

/// The tags of a new clone.
pub(super) fn new_tags(spec: &Spec<'_>) -> Result<Vec<(String, String)>> {
    let mark = serde_json::to_value(Mark::new(spec))?;
    let fields = mark.as_object().context("a mark has fields")?.iter();
    let mut tags: Vec<(String, String)> =
        fields.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().replace(',', " "))).collect();
    tags.push(pair(EXPIRES, &time::text(time::after(spec.lease_seconds))));
    Ok(tags)
}

/// Tags as RDS takes them.
pub(super) fn tags(tags: &[(String, String)]) -> Vec<(String, String)> {
    let numbered = tags.iter().enumerate().flat_map(|(index, (key, value))| {
        let tag = format!("Tags.Tag.{}", index + 1);
        [(format!("{tag}.Key"), format!("{TAGS}{key}")), (format!("{tag}.Value"), value.clone())]
    });
    numbered.collect()
}

#[cfg(test)]
mod tests {
    use super::{Cluster, TAGS, identifier, listed};

    #[test]
    fn a_cluster_without_all_of_its_tags_is_no_branch_and_is_told() {
        let cluster = |name: &str, status: &str, tags: &[&str]| {
            let tags = tags.iter().map(|key| format!("<Tag><Key>{TAGS}{key}</Key><Value>x</Value></Tag>"));
            let text = format!(
                "<DBCluster><DBClusterIdentifier>{name}</DBClusterIdentifier><Status>{status}</Status><TagList>{}</TagList></DBCluster>",
                tags.collect::<String>()
            );
            Cluster::read(roxmltree::Document::parse(&text).unwrap().root_element())
        };
        let whole = ["owner", "environment", "database", "baseline", "secrets", "created"];
        let listed = listed(&[
            cluster("whole", "available", &whole),
            cluster("half", "available", &whole[..4]),
            cluster("going", "deleting", &whole[..4]),
            cluster("foreign", "available", &[]),
        ]);
        assert_eq!(listed.branches.iter().map(|branch| &*branch.name).collect::<Vec<_>>(), ["whole"]);
        assert!(listed.unreadable[0].starts_with("the mark of the cluster `half` cannot be read"));
        assert_eq!(listed.unreadable.len(), 1);
    }

    #[test]
    fn a_clusters_name_is_one_that_rds_takes() {
        assert_eq!(identifier("shop_pr_7_main_c808f996"), "dayfly-shop-pr-7-main-c808f996");
        let long = identifier(&format!("{}__{}_c808f996", "a".repeat(40), "b".repeat(12)));
        assert_eq!(long, format!("dayfly-{}-bbbb-c808f996", "a".repeat(40)));
        for name in [&long, &identifier("1__2_c808f996")] {
            assert!(name.len() <= 61 && !name.contains("--") && name.starts_with("dayfly-"), "{name}");
        }
    }
}
