//! What a Job works with, and whether its branch is still there.

use std::{pin::pin, time::Duration};

use anyhow::{Context as _, Result, anyhow};

use super::{
    connection::ConnectionUrl,
    credentials::Credentials,
    engine::{self, Branch, Engine, GONE},
    failure::Refused,
    log::Log,
    session::{self, Session},
    spec::Spec,
};

/// A command about one branch, with the provider's key.
pub struct Job<'a> {
    /// What to do, and with which names.
    pub spec: &'a Spec<'a>,
    /// The provider.
    pub engine: Box<dyn Engine>,
    /// Where what leads to the branch is published.
    pub credentials: Credentials,
    /// Where progress is told.
    pub log: &'a Log,
}

/// How long a branch's server is waited for before somebody asks whether the branch is still there.
const PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Job<'a> {
    /// With the provider's key from the environment.
    pub fn open(spec: &'a Spec<'a>, credentials: Credentials, log: &'a Log) -> Result<Self> {
        Ok(Self { spec, engine: engine::open(&spec.baseline, log)?, credentials, log })
    }

    /// The branch as it is now. Another in its place is an error.
    pub(super) async fn there(&self, id: &str) -> Result<Branch> {
        self.engine.find(self.spec).await?.filter(|found| found.id == id).context(GONE)
    }

    /// [`session::open_if_accepted`], as long as the branch is there.
    pub(super) async fn opened(&self, id: &str, url: &ConnectionUrl) -> Result<Option<Box<dyn Session>>> {
        self.while_there(id, session::open_if_accepted(url, self.log)).await
    }

    /// What is done with a branch, as long as it is there: another Job may have removed it, which a server that went with it tells
    /// nobody who waits for it, and a provider's API or an administrator's session only in words of its own.
    pub(super) async fn while_there<T>(&self, id: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(PATIENCE, work.as_mut()).await {
                Ok(Err(error)) if !error.is::<Refused>() => {
                    let found = self.engine.find(self.spec).await;
                    let is_gone = found.is_ok_and(|found| found.is_none_or(|found| found.id != id));
                    return Err(if is_gone { anyhow!(GONE) } else { error });
                }
                Ok(done) => return done,
                Err(_) => self.there(id).await?,
            };
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::{
        cell::RefCell,
        io::{Read as _, Write as _},
        net::TcpListener,
        rc::Rc,
        thread,
        time::SystemTime,
    };

    use anyhow::bail;
    use async_trait::async_trait;
    use reqwest::{Method, StatusCode};

    use super::*;
    pub(in crate::database) use crate::database::http::tests::runs;
    use crate::database::{engine::Listed, http::ApiError, log::LogFormat, mark::Mark, spec};

    /// A provider that has one branch, makes no other, and writes down what it is asked for.
    pub(crate) struct Noted {
        pub(crate) branch: Branch,
        /// If it makes logins, each with another password, what their URLs have after that.
        pub(crate) logins: Option<String>,
        /// Whether it prolongs what has no lease.
        pub(crate) renews: bool,
        pub(crate) keeps_leases: bool,
        pub(crate) asked: Rc<RefCell<Vec<&'static str>>>,
    }

    impl Noted {
        pub(crate) fn new(baseline: &str, is_complete: bool) -> Self {
            let mark = Mark { baseline: baseline.into(), ..Mark::new(&spec::example()) };
            let (id, name) = ("7".into(), "main".into());
            let branch = Branch { id, name, mark, expires: None, cost: None, is_complete };
            Self { branch, logins: None, renews: false, keeps_leases: true, asked: Rc::default() }
        }
    }

    #[async_trait(?Send)]
    impl Engine for Noted {
        async fn list(&self) -> Result<Listed> {
            Ok([self.branch.clone()].into_iter().collect())
        }

        async fn create(&self, _: &Spec<'_>) -> Result<Branch> {
            self.asked.borrow_mut().push("create");
            bail!("no")
        }

        async fn login(&self, _: &Spec<'_>, _: &Branch) -> Result<ConnectionUrl> {
            self.asked.borrow_mut().push("login");
            let Some(place) = &self.logins else { bail!("no") };
            ConnectionUrl::parse(&format!("postgres://u:p{}@{place}", self.asked.borrow().len()), "test")
        }

        async fn end_sessions(&self, _: &Spec<'_>, _: &Branch) -> Result<bool> {
            Ok(true)
        }

        async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
            if self.renews { Ok(()) } else { bail!("no") }
        }

        fn keeps_leases(&self) -> bool {
            self.keeps_leases
        }

        async fn destroy(&self, _: &Branch) -> Result<()> {
            self.asked.borrow_mut().push("destroy");
            Ok(())
        }

        async fn open_baseline(&self) -> Result<Box<dyn Session>> {
            bail!("no")
        }

        async fn freeze_baseline(&self) -> Result<()> {
            bail!("no")
        }
    }

    /// A server that takes no password, as the end of a URL.
    pub(crate) fn refusing() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = format!("{}/d?sslmode=disable", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 1024]).unwrap();
                let fields = b"SFATAL\0VFATAL\0C28P01\0Mno\0\0";
                let length = u32::try_from(4 + fields.len()).unwrap().to_be_bytes();
                stream.write_all(&[b"E", &length[..], fields].concat()).unwrap();
            }
        });
        place
    }

    pub(crate) fn log() -> Log {
        Log::new(LogFormat::Text, "test")
    }

    /// One with a file of its own for credentials, by `name`.
    pub(crate) fn job<'a>(name: &str, spec: &'a Spec<'a>, engine: impl Engine + 'static, log: &'a Log) -> Job<'a> {
        let file = std::env::temp_dir().join(format!("dayfly-{name}-{}.env", std::process::id()));
        Job { spec, engine: Box::new(engine), credentials: Credentials::File(file), log }
    }

    #[test]
    fn what_fails_as_the_branch_went_says_that_it_went() {
        let (spec, log) = (spec::example(), log());
        let error = || {
            let (path, status) = ("/clusters/7".to_owned(), StatusCode::NOT_FOUND);
            ApiError { method: Method::GET, path, status, code: String::new(), message: String::new() }
        };
        let job = job("gone", &spec, Noted::new("postgres/shop_baseline", true), &log);
        for (id, expected) in [("7", "GET /clusters/7 answers 404 Not Found"), ("6", GONE)] {
            let work = job.while_there(id, async { Err::<(), _>(error().into()) });
            assert_eq!(runs(work).unwrap_err().to_string(), expected);
        }
    }
}
