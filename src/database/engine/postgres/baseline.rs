//! The way into a baseline that nobody may connect to. The server shuts it again as soon as dayfly is in, whatever becomes of the process
//! that asked for it, within ten seconds: who came meanwhile may stay, and nobody else comes while the baseline is prepared.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use futures_util::future::join;
use tokio_postgres::Client;

use super::{ConnectionUrl, Pauses};
use crate::database::{
    failure::refuse,
    log::Log,
    session::{
        NoSession, Session,
        postgres::{APPLICATION, identifier, literal, open, plain},
    },
};

/// How long the server waits for the session that it lets in.
const OPEN: Duration = Duration::from_secs(10);

/// How long sessions may take to leave a baseline that nobody may connect to.
const PARTING: Duration = Duration::from_secs(5);

/// How often it looks.
const LOOKS: Duration = Duration::from_millis(50);

/// Opens a baseline that is shut. `client`: its administrator's, elsewhere on the server.
pub(super) async fn enter(
    client: &Client,
    admin: &ConnectionUrl,
    baseline: &str,
    log: &Log,
) -> Result<Box<dyn Session>> {
    let there = format!(
        "FROM pg_stat_activity WHERE datname = {} AND usename = session_user AND application_name = {}",
        literal(baseline),
        literal(APPLICATION)
    );
    let before = format!("SELECT coalesce(array_agg(pid), '{{}}')::text {there}");
    let before: String = client.query_one(&before, &[]).await.map_err(plain)?.get(0);
    // One message, all of which the server works off.
    let sql = format!(
        "BEGIN; ALTER DATABASE {baseline} ALLOW_CONNECTIONS true; COMMIT;
         DO $dayfly$ BEGIN
           FOR look IN 1 .. {looks} LOOP
             PERFORM pg_stat_clear_snapshot();
             EXIT WHEN EXISTS (SELECT {there} AND pid <> ALL ('{before}'));
             PERFORM pg_sleep({pause});
           END LOOP;
         END $dayfly$;
         ALTER DATABASE {baseline} ALLOW_CONNECTIONS false",
        baseline = identifier(baseline),
        looks = OPEN.as_millis() / LOOKS.as_millis(),
        pause = LOOKS.as_secs_f64(),
    );
    log.doing(format!("entering the baseline `{baseline}`"));
    // Else a client that is gone ends the statement, and the baseline stays open. PostgreSQL 13 has no such setting.
    let to_the_end =
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'client_connection_check_interval'";
    client.execute(to_the_end, &[]).await.map_err(plain)?;
    let is_over = Cell::new(false);
    let shut = async {
        let shut = client.batch_execute(&sql).await;
        is_over.set(true);
        shut.map_err(plain).context("the administrator must own the baseline")
    };
    let url = admin.with_database(baseline);
    let enter = async {
        let mut pauses = Pauses::short();
        loop {
            match open(&url).await {
                Err(NoSession::Rejected(_) | NoSession::Unreachable(_)) if !is_over.get() => pauses.wait().await,
                entered => return entered.map_err(NoSession::reason),
            }
        }
    };
    let (shut, entered) = join(shut, enter).await;
    shut?;
    let session = entered.with_context(|| format!("{url} cannot be entered"))?;
    session.without_workers().await?;
    Ok(Box::new(session))
}

/// Waits until nobody else is in a baseline that nobody may connect to: who is there may write to it.
pub(super) async fn alone(session: &mut dyn Session, baseline: &str, log: &Log) -> Result<()> {
    let begun = Instant::now();
    let mut pauses = Pauses::short();
    loop {
        let others = session.others().await?;
        if others.is_empty() {
            return Ok(());
        }
        let whose = others.iter().map(|user| format!("`{user}`")).collect::<Vec<_>>().join(", ");
        if begun.elapsed() > PARTING {
            refuse!(
                "sessions of {whose} are in the database `{baseline}`, and could write to it once it is marked: end them, then prepare it again"
            );
        }
        log.doing(format!("waiting for sessions of {whose} in the baseline `{baseline}` to end"));
        pauses.wait().await;
    }
}
