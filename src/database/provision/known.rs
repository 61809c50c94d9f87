//! Whether a branch was checked. A provider may give it other data under its identifier, and its login writes what it likes:
//! so that is kept with the credentials, and where these are not, in the branch with a proof.

use std::num::NonZeroU32;

use anyhow::Result;
use ring::pbkdf2;

use crate::database::{
    check,
    credentials::Written,
    engine::{self, Branch},
    job::Job,
    schema::hexadecimal,
    session::{CHECKED, Run, Session},
    spec::BaselineSpec,
};

/// Whether a branch was checked, by what its own login cannot write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Yes,
    No,
    /// Its credentials are not here: the proof in its record tells.
    Unpublished,
}

impl Known {
    pub(super) fn of(published: Option<&Written>, branch: &Branch) -> Self {
        match published.filter(|published| published.branch == branch.id) {
            Some(published) if published.is_checked => Self::Yes,
            // It was made anew, and it has the old record as soon as somebody writes that again.
            Some(_) => Self::No,
            None => Self::Unpublished,
        }
    }
}

impl Job<'_> {
    /// Makes sure that the branch was looked at before anybody gets its credentials. `key`: the provider's.
    pub(super) async fn checked(
        &self,
        session: &mut dyn Session,
        branch: &Branch,
        known: Known,
        key: Option<&str>,
    ) -> Result<()> {
        // Another branch's record is one that came with the data.
        let record = session.runs().await?.into_iter().find(|run| run.is(CHECKED, &branch.id));
        let is_proven = |record: &Run| key.is_some_and(|key| record.command.first() == Some(&proof(key, branch)));
        let is_checked = match known {
            Known::Yes => true,
            Known::No => false,
            Known::Unpublished => record.as_ref().is_some_and(is_proven),
        };
        if !is_checked {
            check::fresh_branch(session, &self.spec.baseline, self.log).await?;
        } else if record.is_some() {
            return Ok(());
        }
        session.prepare_records(self.log).await?;
        let command = key.map(|key| proof(key, branch)).into_iter().collect();
        session.record(&Run { command, ..Run::note(CHECKED, &branch.id) }).await
    }
}

/// So that nobody finds a weak key by trying.
const ROUNDS: NonZeroU32 = NonZeroU32::new(20_000).unwrap();

/// What only somebody with the provider's key can make, and nobody can learn that from.
fn proof(key: &str, branch: &Branch) -> String {
    let salt = format!("dayfly checked\n{}\n{}", branch.id, branch.mark.baseline);
    let mut proof = [0; 32];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt.as_bytes(), key.as_bytes(), &mut proof);
    hexadecimal(&proof)
}

/// The provider's key. Nothing where none is needed: there the credentials are beside the branch.
pub(super) fn key(baseline: &BaselineSpec<'_>) -> Option<String> {
    let values: Vec<String> = engine::lasting_keys(baseline).iter().filter_map(|name| engine::variable(name)).collect();
    (!values.is_empty()).then(|| values.join("\n"))
}

#[cfg(test)]
pub(super) mod tests {
    use anyhow::bail;
    use async_trait::async_trait;

    use super::*;
    use crate::database::{
        job::tests::{Noted, job, log, runs},
        log::Log,
        session::{Column, Marker},
        spec,
    };

    /// A database without columns, and its records.
    #[derive(Default)]
    pub(in crate::database::provision) struct Noting {
        runs: Vec<Run>,
        looked: usize,
    }

    #[async_trait(?Send)]
    impl Session for Noting {
        async fn marker(&mut self) -> Result<Option<Marker>> {
            bail!("no")
        }

        async fn set_marker(&mut self, _: &Marker, _: &dyn Fn()) -> Result<()> {
            bail!("no")
        }

        async fn columns(&mut self) -> Result<Vec<Column>> {
            self.looked += 1;
            Ok(Vec::new())
        }

        async fn has_rows(&mut self, _: &str, _: &str) -> Result<bool> {
            bail!("no")
        }

        async fn sample(&mut self, _: &[&Column], _: u32) -> Result<Vec<Vec<Option<String>>>> {
            bail!("no")
        }

        async fn prepare_records(&mut self, _: &Log) -> Result<()> {
            Ok(())
        }

        async fn runs(&mut self) -> Result<Vec<Run>> {
            Ok(self.runs.clone())
        }

        async fn record(&mut self, run: &Run) -> Result<()> {
            self.runs.retain(|other| other.step != run.step);
            self.runs.push(run.clone());
            Ok(())
        }

        async fn files(&mut self) -> Result<Option<Vec<u8>>> {
            bail!("no")
        }

        async fn record_files(&mut self, _: &[u8]) -> Result<()> {
            bail!("no")
        }

        async fn try_lock(&mut self, _: &str) -> Result<bool> {
            bail!("no")
        }

        async fn ping(&mut self) -> bool {
            true
        }

        async fn end_others(&mut self) -> Result<()> {
            bail!("no")
        }

        async fn settle(&mut self, _: &Log) -> Result<()> {
            bail!("no")
        }
    }

    #[test]
    fn what_a_branchs_login_can_write_proves_nothing() {
        let (spec, log) = (spec::example(), log());
        let engine = Noted::new("postgres/shop_baseline", true);
        let branch = engine.branch.clone();
        let job = job("known", &spec, engine, &log);
        let run = |input: &str, command| Run { command, ..Run::note(CHECKED, input) };
        let looked = |run: Run, known| {
            let mut session = Noting { runs: vec![run], looked: 0 };
            runs(job.checked(&mut session, &branch, known, Some("key"))).unwrap();
            assert_eq!(&*session.runs[0].input, "7");
            session.looked
        };
        let proven = || run("7", vec![proof("key", &branch)]);
        // It came with the data, or was forged.
        for unproven in [run("6", vec![proof("key", &branch)]), run("7", vec![]), run("7", vec![proof("?", &branch)])] {
            assert_eq!(looked(unproven, Known::Unpublished), 1);
        }
        assert_eq!(looked(proven(), Known::Unpublished), 0);
        // Kept from before the branch was made anew.
        assert_eq!(looked(proven(), Known::No), 1);
        // The team's programs may remove the record.
        assert_eq!(looked(run("6", vec![]), Known::Yes), 0);
    }
}
