//! The stand-ins for vendors' APIs, from a test's side: their controls, and calls as any other customer of the vendor.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{lab::service, turn};

/// A stand-in's first state, for one test alone.
pub(crate) struct StandIn {
    pub(crate) api: String,
    control: String,
    authorization: (&'static str, String),
    world: World,
}

/// One of the providers that a stand-in is, which know nothing of each other. Tests in one would share its faults.
struct World {
    of: String,
    number: usize,
}

static TAKEN: Mutex<BTreeSet<(String, usize)>> = Mutex::new(BTreeSet::new());
static GIVEN_BACK: Condvar = Condvar::new();

impl World {
    /// Waits until one is free.
    fn alone(of: &str) -> Self {
        let count: usize = service(&format!("DAYFLY_TEST_{of}_WORLDS")).parse().unwrap();
        turn::pass();
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let number = loop {
            match (0..count).find(|number| taken.insert((of.to_owned(), *number))) {
                Some(number) => break number,
                None => taken = GIVEN_BACK.wait(taken).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(taken);
        turn::take();
        Self { of: of.to_owned(), number }
    }

    /// Where it is, of the first one's place.
    fn place(&self, first: &str) -> String {
        if self.number == 0 {
            return first.to_owned();
        }
        let host = first.match_indices('/').nth(2).map_or(first.len(), |(index, _)| index);
        format!("{}/{}{}", &first[..host], self.number, &first[host..])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        taken.remove(&(std::mem::take(&mut self.of), self.number));
        GIVEN_BACK.notify_all();
    }
}

impl StandIn {
    /// `name`: as `e2e/databases/services` writes it in its variables.
    pub(crate) fn new(name: &str, authorization: (&'static str, String)) -> Self {
        let world = World::alone(name);
        let variable = format!("DAYFLY_TEST_{name}");
        let (api, control) = (service(&variable), service(&format!("{variable}_CONTROL")));
        let stand_in = Self { api: world.place(&api), control: world.place(&control), authorization, world };
        stand_in.control(&json!({"reset": true}));
        stand_in
    }

    /// What its databases and users have in their names on the real server.
    pub(crate) fn world(&self) -> String {
        format!("w{}", self.world.number)
    }

    /// Changes what it does. Its state is the answer.
    pub(crate) fn control(&self, actions: &Value) -> Value {
        let (status, answer) = http("POST", &self.control, None, Some(actions));
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn set(&self, settings: &Value) {
        self.control(&json!({"set": settings}));
    }

    pub(crate) fn fault(&self, fault: &Value) {
        self.control(&json!({"fault": fault}));
    }

    /// A fault for the requests that fit.
    pub(crate) fn fault_at(&self, requests: &str, mut fault: Value) {
        fault["match"] = requests.into();
        self.fault(&fault);
    }

    pub(crate) fn state(&self) -> Value {
        http("GET", &self.control, None, None).1
    }

    /// A call of the API by somebody else than dayfly. While the vendor is busy (423), again.
    #[track_caller]
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let (name, value) = &self.authorization;
            let (status, answer) = http(method, &format!("{}{path}", self.api), Some((name, value)), body);
            if status == 423 && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(50));
                continue;
            }
            assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
            return answer;
        }
    }

    /// How many requests so far fit a method and a path's end.
    pub(crate) fn requests(&self, method: &str, end: &str) -> usize {
        let state = self.state();
        let requests = state["requests"].as_array().unwrap();
        requests
            .iter()
            .filter_map(|request| request["request"].as_str())
            .filter(|request| request.starts_with(method) && request.ends_with(end))
            .count()
    }

    /// Everything that was asked and answered was as the vendor's document has it, and no fault was left over.
    #[track_caller]
    pub(crate) fn held_to_the_document(&self) {
        let state = self.state();
        assert_eq!(state["violations"], json!([]));
        assert_eq!(state["faults"], json!([]), "nothing met these faults");
    }
}

fn http(method: &str, url: &str, header: Option<(&str, &str)>, body: Option<&Value>) -> (u16, Value) {
    let (host, path) = url.strip_prefix("http://").and_then(|rest| rest.split_once('/')).expect("http://HOST/PATH");
    let body = body.map(Value::to_string).unwrap_or_default();
    let header = header.map(|(name, value)| format!("{name}: {value}\r\n")).unwrap_or_default();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut stream = TcpStream::connect(host).expect("a stand-in");
    stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    write!(
        stream,
        "{method} /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}{kind}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, text) = answer.split_once("\r\n\r\n").expect("an answer");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, if text.is_empty() { Value::Null } else { serde_json::from_str(text).expect("JSON") })
}
