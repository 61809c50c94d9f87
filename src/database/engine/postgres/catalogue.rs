//! Which branches a server has: its catalogue's roles and databases, and the marks in their comments.

use std::time::SystemTime;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tokio_postgres::Client;

use super::{Branch, Listed, Mark, plain};

/// The comment on a role, and on a database.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Comment {
    /// The format's version, and what the comment is found by.
    pub(super) dayfly: u8,
    #[serde(flatten)]
    pub(super) mark: Mark,
    /// Of a role: its database, and the name under which that is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) making: Option<String>,
}

/// What begins a comment of dayfly's, as SQL's LIKE has it.
const COMMENTS: &str = r#"{"dayfly":%"#;

/// A branch is known by its role's OID, or, if that is gone, by its database's behind this.
const DATABASE: &str = "database:";

pub(super) struct Role {
    oid: u32,
    pub(super) name: String,
    /// Whether it ever had a password of dayfly's, which has an end.
    pub(super) was_let_in: bool,
    expires: Option<SystemTime>,
    pub(super) comment: Option<Comment>,
}

pub(super) struct Database {
    oid: u32,
    pub(super) name: String,
    pub(super) comment: Option<Comment>,
}

pub(super) async fn role(client: &Client, name: &str) -> Result<Option<Role>> {
    Ok(roles(client, "rolname = $1", name).await?.pop())
}

async fn roles(client: &Client, which: &str, parameter: &str) -> Result<Vec<Role>> {
    let sql = format!(
        "SELECT oid, rolname::text, rolvaliduntil IS NOT NULL, rolvaliduntil, shobj_description(oid, 'pg_authid') FROM pg_roles WHERE {which}"
    );
    let rows = client.query(&sql, &[&parameter]).await.map_err(plain)?;
    Ok(rows
        .iter()
        .map(|row| Role {
            oid: row.get(0),
            name: row.get(1),
            was_let_in: row.get(2),
            expires: row.try_get(3).ok().flatten(),
            comment: comment(row.get(4)),
        })
        .collect())
}

pub(super) async fn database(client: &Client, name: &str) -> Result<Option<Database>> {
    Ok(databases(client, "datname = $1", name).await?.pop())
}

async fn databases(client: &Client, which: &str, parameter: &str) -> Result<Vec<Database>> {
    let sql =
        format!("SELECT oid, datname::text, shobj_description(oid, 'pg_database') FROM pg_database WHERE {which}");
    let rows = client.query(&sql, &[&parameter]).await.map_err(plain)?;
    Ok(rows.iter().map(|row| Database { oid: row.get(0), name: row.get(1), comment: comment(row.get(2)) }).collect())
}

fn comment(text: Option<String>) -> Option<Comment> {
    serde_json::from_str(&text?).ok()
}

/// Roles and databases with a mark, put together.
pub(super) async fn branches(client: &Client) -> Result<Listed> {
    let roles = roles(client, "shobj_description(oid, 'pg_authid') LIKE $1", COMMENTS).await?;
    let mut databases = databases(client, "shobj_description(oid, 'pg_database') LIKE $1", COMMENTS).await?;
    let unreadable = |kind: &str, name: &str| {
        format!(
            "the mark in the comment of the {kind} `{name}` cannot be read, so that nobody renews or reclaims it: if no newer dayfly made it, mend the comment, or drop the {kind}"
        )
    };
    let mut listed = Listed { branches: Vec::with_capacity(roles.len()), unreadable: Vec::new() };
    for role in roles {
        let Some(comment) = role.comment else {
            listed.unreadable.push(unreadable("role", &role.name));
            continue;
        };
        let Some(name) = comment.branch else { continue };
        let of_this_role = |database: &Database| {
            database.name == name
                && database.comment.as_ref().is_some_and(|other| other.mark.owner == comment.mark.owner)
        };
        let database = databases.iter().position(of_this_role).map(|index| databases.swap_remove(index));
        listed.branches.push(Branch {
            id: role.oid.to_string(),
            name,
            mark: comment.mark,
            expires: role.expires,
            cost: None,
            is_complete: database.is_some(),
        });
    }
    // A database whose role somebody dropped is still a branch.
    for Database { oid, name, comment } in databases {
        let Some(Comment { mark, .. }) = comment else {
            listed.unreadable.push(unreadable("database", &name));
            continue;
        };
        let id = format!("{DATABASE}{oid}");
        listed.branches.push(Branch { id, name, mark, expires: None, cost: None, is_complete: false });
    }
    Ok(listed)
}

/// The names that a branch's database and role have now: nothing for one that is missing, or carries another mark or none.
pub(super) async fn parts(client: &Client, branch: &Branch) -> Result<[Option<String>; 2]> {
    let is_same = |comment: Option<&Comment>| comment.is_some_and(|comment| comment.mark == branch.mark);
    let (role, database) = match branch.id.strip_prefix(DATABASE) {
        Some(oid) => (None, databases(client, "oid::text = $1", oid).await?.pop()),
        None => (roles(client, "oid::text = $1", &branch.id).await?.pop(), database(client, &branch.name).await?),
    };
    let role = role.filter(|role| is_same(role.comment.as_ref()));
    let database = database.filter(|database| is_same(database.comment.as_ref()));
    Ok([database.map(|database| database.name), role.map(|role| role.name)])
}
