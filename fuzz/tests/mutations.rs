//! Every target on its seeds and on mutations of them, without nightly: `DAYFLY_FUZZ_SECONDS=60` for longer.

use std::{
    env, fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use dayfly_fuzz::TARGETS;

#[path = "../../src/tests/processor.rs"]
mod processor;

use processor::processor_time;

/// A small generator of numbers: the same in every run, unless `DAYFLY_FUZZ_SEED` says otherwise.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).expect("a length")).expect("a length")
    }
}

/// Stretches that mean something to one parser or another.
const WORDS: &[&str] = &[
    "${{",
    "}}",
    "{{",
    "$${{",
    "|upper",
    "|replace('a','b')",
    "pr.number",
    "routes",
    "&a",
    "*a",
    "<<: ",
    "!!str ",
    "! ",
    "- ",
    ": ",
    "? ",
    "\n",
    "\n---\n",
    "...",
    "'",
    "\"",
    "\\u0000",
    "\\x1b",
    "\u{1b}",
    "\u{feff}",
    "\u{202e}",
    "\u{85}",
    "\u{2028}",
    "#",
    "|",
    ">-",
    "%YAML 1.2\n",
    "[",
    "]",
    "{",
    "}",
    ",",
    "~",
    "null",
    "true",
    "no",
    "0x1F",
    "0o7",
    "1e400",
    "-1",
    "9223372036854775808",
    "1Ki",
    "100m",
    "48h",
    "10.0.0.0/8",
    "::/0",
    "name: x",
    "number=",
    "head_sha=",
    "labels=[\"preview/ttl=72h\"]",
    "fork=true",
    "$for: x in routes",
    "$when: ${{ x }}",
    "\t",
    "  ",
    "\r\n",
    "\0",
    "é",
    "/",
    "..",
    "=",
    "@",
    "`",
    "a",
];

/// The files of the cases, whole and in lines, and what else a target may begin with.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = vec![Vec::new(), b"{}".to_vec()];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let wanted = |name: &str| match target {
        "policy" => name == "preview.yaml",
        "guardrails" => name == "guardrails.yaml",
        "parameters" => name == "parameters.yaml",
        "template" => false,
        _ => true,
    };
    for case in fs::read_dir(folder.join("testdata")).expect("testdata/") {
        for file in ["preview.yaml", "guardrails.yaml", "parameters.yaml"] {
            if let Ok(bytes) = fs::read(case.as_ref().expect("a case").path().join(file))
                && wanted(file)
            {
                if matches!(target, "expression" | "scalars") {
                    let words = bytes.split(|byte| b" \n".contains(byte));
                    seeds.extend(words.filter(|word| word.len() > 2).take(40).map(<[u8]>::to_vec));
                } else if matches!(target, "emit") {
                    let value = serde_yaml::from_slice::<serde_json::Value>(&bytes).expect("YAML");
                    seeds.push(value.to_string().into_bytes());
                } else {
                    seeds.push(bytes);
                }
            }
        }
    }
    if target == "template" {
        for file in fs::read_dir(folder.join("templates")).expect("templates/") {
            seeds.push(fs::read(file.expect("a file").path()).expect("a file"));
        }
    }
    if matches!(target, "parameters" | "render") {
        seeds.push(b"number=128\nhead_sha=3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938\nfork=false\nlabels=[\"a\"]\ntitle=x\nupdated_at=2026-11-20T09:30:00Z".to_vec());
        seeds.push(
            br#"[{"name":"number","string":"128"},{"name":"labels","array":["a"]},{"name":"x","map":{"a":"b"}}]"#
                .to_vec(),
        );
        seeds.push(br#"{"number":"128","head_sha":"3f9c1e7","fork":false}"#.to_vec());
    }
    if target == "expression" {
        for text in [
            "pr.number ~ 'x'",
            "${{ routes['a-b'].url | upper }}",
            "${{ (n + 1) * 2 if n > 1 else pr.labels | join(',') }}",
            "${{ pr.labels | length }}",
            "a ${{ pr.number }} b $${{ c }}",
        ] {
            seeds.push(text.into());
        }
    }
    seeds
}

fn mutate(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
            2 if at < bytes.len() => bytes[at] = u8::try_from(random.below(128)).expect("a byte"),
            3 if at < bytes.len() => drop(bytes.remove(at)),
            4 => {
                let end = (at + random.below(60)).min(bytes.len());
                bytes.drain(at..end);
            }
            5 => {
                let end = (at + random.below(60)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let piece = other[from..(from + random.below(80)).min(other.len())].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn number(variable: &str, otherwise: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn every_target_holds() {
    let patience = Duration::from_secs(number("DAYFLY_FUZZ_SECONDS", 3));
    let only = env::var("DAYFLY_FUZZ_TARGET").ok();
    let mut failures = Vec::new();
    for (name, target) in TARGETS.iter().filter(|(name, _)| only.as_deref().is_none_or(|only| only == *name)) {
        let mut random = Random(number("DAYFLY_FUZZ_SEED", 0x9e37_79b9_7f4a_7c15) | 1);
        let seeds = seeds(name);
        let start = Instant::now();
        let mut runs = 0_u64;
        let mut slowest = Duration::ZERO;
        let mut next = seeds.clone().into_iter();
        while start.elapsed() < patience {
            let input = next.next().unwrap_or_else(|| mutate(&mut random, &seeds));
            let (ended, took) = processor_time(|| catch_unwind(AssertUnwindSafe(|| target(&input))));
            if ended.is_err() {
                failures.push(format!("{name}: {:?}", String::from_utf8_lossy(&input)));
                if failures.len() > 5 {
                    break;
                }
            }
            slowest = slowest.max(took);
            runs += 1;
        }
        eprintln!("{name}: {runs} runs, the slowest {slowest:?}");
        assert!(slowest < Duration::from_secs(2), "{name}: {slowest:?}");
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
