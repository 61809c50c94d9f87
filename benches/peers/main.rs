//! dayfly beside a floor program, jrsonnet, helm and kustomize: the same objects for everyone, checked before anything is timed.
//! `benches/run` builds what is needed and starts this; `benches/README.md` says what the figures mean.

#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

mod inputs;
mod timer;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs};

use serde::Deserialize as _;
use serde_json::{Value, json};
use timer::Program;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// What the README promises.
mod target {
    pub(super) const FLOOR: f64 = 2.0;
    pub(super) const HELM: f64 = 40.0;
    pub(super) const KUSTOMIZE: f64 = 25.0;
    pub(super) const JRSONNET: f64 = 2.0;
    pub(super) const PEAK_MIB: f64 = 4.0;
    pub(super) const OBJECTS_A_SECOND: f64 = 120_000.0;
    /// Ten times the pull requests cost ten times the time, give or take.
    pub(super) const LINEAR: std::ops::RangeInclusive<f64> = 8.5..=11.5;
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.is_empty() {
        println!("start benches/run instead");
        return ExitCode::SUCCESS;
    }
    match run(&words) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            println!("benches: {error}");
            ExitCode::from(2)
        }
    }
}

/// The arguments: `--name value`, and `--quick`.
struct Arguments {
    values: HashMap<String, String>,
    quick: bool,
}

impl Arguments {
    fn parse(words: &[String]) -> Result<Self> {
        let (mut values, mut quick, mut words) = (HashMap::new(), false, words.iter());
        while let Some(word) = words.next() {
            match word.strip_prefix("--") {
                Some("quick") => quick = true,
                Some(name) => {
                    values.insert(name.to_owned(), words.next().ok_or(format!("{word} needs a value"))?.clone());
                }
                None => return Err(format!("unexpected: {word}").into()),
            }
        }
        Ok(Self { values, quick })
    }

    fn get(&self, name: &str) -> Result<&str> {
        Ok(self.values.get(name).ok_or(format!("--{name} is missing"))?)
    }
}

fn run(words: &[String]) -> Result<bool> {
    let arguments = Arguments::parse(words)?;
    let case = Case::new(&arguments)?;
    let programs = case.programs(&arguments)?;
    for program in &programs[1..] {
        same(&case, program)?;
    }
    let mut targets = Targets::default();
    processes(&programs, &arguments, &mut targets)?;
    each(&case, &arguments, &mut targets)?;
    print!("\n{}", targets.table);
    Ok(targets.missed == 0 || arguments.quick)
}

/// The case that everything is measured with.
struct Case {
    folder: String,
    work: PathBuf,
    dayfly: String,
    bytes: Vec<u8>,
    objects: Vec<Value>,
    parameters: Value,
    policy: Value,
}

impl Case {
    fn new(arguments: &Arguments) -> Result<Self> {
        let (folder, dayfly) = (arguments.get("case")?.to_owned(), arguments.get("dayfly")?.to_owned());
        let read = |name: &str| -> Result<Value> {
            documents(&fs::read(Path::new(&folder).join(name))?)?.pop().ok_or("empty".into())
        };
        let (parameters, policy) = (read("parameters.yaml")?, read("preview.yaml")?);
        let work = arguments.get("work")?.into();
        let mut case = Self { folder, work, dayfly, bytes: vec![], objects: vec![], parameters, policy };
        case.bytes = case.render().output()?;
        case.objects = sorted(documents(&case.bytes)?);
        println!("{} objects, {} bytes", case.objects.len(), case.bytes.len());
        Ok(case)
    }

    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    fn render(&self) -> Program {
        let (guardrails, parameters) = (self.file("guardrails.yaml"), self.file("parameters.yaml"));
        let line = [
            &self.dayfly,
            "render",
            &self.folder,
            "--guardrails",
            &guardrails,
            "--parameters",
            &parameters,
            "-o",
            "ndjson",
        ];
        Program::new("**dayfly**", line)
    }

    /// dayfly, the floor, the fast peer, and the slow ones.
    fn programs(&self, arguments: &Arguments) -> Result<Vec<Program>> {
        let variables = inputs::variables(&self.objects, &self.parameters, &self.policy)?;
        let work = |name: &str| self.work.join(name);
        for name in ["helm", "kustomize", "jsonnet"] {
            let _ = fs::remove_dir_all(work(name));
        }
        inputs::helm(&work("helm"), &self.objects, &variables)?;
        inputs::kustomize(&work("kustomize"), &self.objects, &variables)?;
        inputs::jsonnet(&work("jsonnet"), &self.objects, &variables, &self.policy)?;

        let text = |name: &str| work(name).display().to_string();
        let (preview, guardrails, parameters) =
            (self.file("preview.yaml"), self.file("guardrails.yaml"), self.file("parameters.yaml"));
        let floor = [arguments.get("floor")?, &preview, &guardrails, &parameters].map(str::to_owned);
        let mut jrsonnet =
            vec![arguments.get("jrsonnet")?.to_owned(), "-y".to_owned(), text("jsonnet/preview.jsonnet")];
        let chart = text("helm");
        let helm =
            [arguments.get("helm")?, "template", "preview", &chart, "--values", &preview, "--values", &parameters];
        let mut helm: Vec<String> = helm.map(str::to_owned).into();
        for variable in inputs::parameters(&variables) {
            let pair = format!("{}={}", variable.name, variable.value);
            if ["namespace", "host"].contains(&variable.name) {
                helm.extend(["--set-string".to_owned(), pair.clone()]);
            }
            jrsonnet.extend(["--tla-str".to_owned(), pair]);
        }
        let kustomize = [arguments.get("kustomize")?, "build", &text("kustomize/overlay")].map(str::to_owned);
        Ok(vec![
            self.render(),
            Program::new("floor", floor),
            Program::new("jrsonnet", jrsonnet),
            Program::new("helm template", helm),
            Program::new("kustomize build", kustomize),
        ])
    }
}

/// YAML or JSON, as many documents as there are.
fn documents(bytes: &[u8]) -> Result<Vec<Value>> {
    let text = std::str::from_utf8(bytes)?;
    if let Ok(objects) = serde_json::Deserializer::from_str(text).into_iter().collect() {
        return Ok(objects);
    }
    let all: std::result::Result<Vec<Value>, _> =
        serde_yaml::Deserializer::from_str(text).map(Value::deserialize).collect();
    Ok(all?.into_iter().filter(|value| !value.is_null()).collect())
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    let name = |object: &Value| {
        ["/kind", "/metadata/namespace", "/metadata/name"].map(|at| object.pointer(at).map(inputs::text))
    };
    objects.sort_by_key(name);
    objects
}

/// Refuses a peer that writes other objects than dayfly.
fn same(case: &Case, program: &Program) -> Result<()> {
    let bytes = program.output()?;
    if program.name == "floor" {
        return if bytes == case.bytes {
            Ok(())
        } else {
            Err("the floor program writes other bytes: build it again".into())
        };
    }
    let theirs = sorted(documents(&bytes)?);
    if theirs.len() != case.objects.len() {
        return Err(format!("{} writes {} objects, dayfly {}", program.name, theirs.len(), case.objects.len()).into());
    }
    match case.objects.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs) {
        Some((ours, theirs)) => Err(format!("{} differs:\n  dayfly {ours}\n  peer   {theirs}", program.name).into()),
        None => Ok(()),
    }
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Whole processes, in turn: in every round each of the slow ones once and then the fast ones twice in every order, since
/// the one that ran before has left the processor's caches to the next.
fn processes(programs: &[Program], arguments: &Arguments, targets: &mut Targets) -> Result<()> {
    const FAST: usize = 3;
    const ORDERS: [[usize; FAST]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let (rounds, turns) = if arguments.quick { (4, 2) } else { (40, 2) };
    let mut times = vec![vec![]; programs.len()];
    let mut buffer = vec![0; 1 << 16];
    for round in 0..=rounds {
        let mut run = |i: usize| -> Result<()> {
            let took = programs[i].time(&mut buffer)?;
            if round > 0 {
                times[i].push(took); // the first round is for warming up
            }
            Ok(())
        };
        (FAST..programs.len()).try_for_each(&mut run)?;
        for _ in 0..turns {
            ORDERS.into_iter().flatten().try_for_each(&mut run)?;
        }
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let medians: Vec<f64> = times.iter_mut().map(|times| ms(median(times))).collect();
    let least: Vec<f64> = times.iter().map(|times| ms(times[0])).collect(); // `median` has sorted them
    println!(
        "\n| one environment, whole process | median ms | min ms | × dayfly | × floor | peak MiB |\n|---|---:|---:|---:|---:|---:|"
    );
    for (i, program) in programs.iter().enumerate() {
        let (median, least, peak) = (medians[i], least[i], program.peak()? as f64 / 1024.0);
        let (ours, floor) = (median / medians[0], median / medians[1]);
        println!("| {} | {median:.2} | {least:.2} | {ours:.2} | {floor:.2} | {peak:.1} |", program.name);
        if i == 0 {
            targets.at_most("peak of resident memory, MiB", peak, target::PEAK_MIB);
        }
    }
    // Other work on the machine adds the same to everyone, which flatters ratios of medians: the minima have a say too.
    let ratios = |i: usize, j: usize| [medians[i] / medians[j], least[i] / least[j]];
    let (more, less) = (|[a, b]: [f64; 2]| a.max(b), |[a, b]: [f64; 2]| a.min(b));
    targets.at_most("dayfly ÷ floor", more(ratios(0, 1)), target::FLOOR);
    targets.at_least("jrsonnet ÷ dayfly", less(ratios(2, 0)), target::JRSONNET);
    targets.at_least("helm template ÷ dayfly", less(ratios(3, 0)), target::HELM);
    targets.at_least("kustomize build ÷ dayfly", less(ratios(4, 0)), target::KUSTOMIZE);
    // By jrsonnet: the two before it are so short that what ran before them makes as much of a difference on a quiet machine.
    if medians[2] > 1.25 * least[2] {
        println!(
            "\nThe machine is busy (jrsonnet's median is {:.1} times its minimum): run this again.",
            medians[2] / least[2]
        );
    }
    Ok(())
}

/// Many environments in one process on one core.
fn each(case: &Case, arguments: &Arguments, targets: &mut Targets) -> Result<()> {
    let (few, rounds) = if arguments.quick { (1_000, 1) } else { (10_000, 3) };
    let guardrails = case.file("guardrails.yaml");
    let processor = timer::last_processor()?;
    let program = |count: u32| -> Result<Program> {
        let file = case.work.join(format!("each-{count}.ndjson"));
        fs::write(&file, parameter_lines(&case.parameters, count))?;
        let pinned = ["taskset", "-c", &processor, &case.dayfly, "render", &case.folder, "--guardrails", &guardrails];
        let file = file.display().to_string();
        Ok(Program::new("--each", pinned.into_iter().chain(["--each", &file, "-o", "ndjson"])))
    };
    let counts = [few, few * 10];
    let programs = [program(counts[0])?, program(counts[1])?];
    let mut best = [(Duration::MAX, Duration::MAX); 2]; // clock, processor
    for _ in 0..rounds {
        for (program, best) in programs.iter().zip(&mut best) {
            let (clock, used) = program.time_to_null()?;
            *best = (clock.min(best.0), used.min(best.1));
        }
    }
    println!(
        "\n| `--each`, one core | s | CPU s | objects | objects a CPU second | peak MiB |\n|---|---:|---:|---:|---:|---:|"
    );
    let mut rates = [0.0; 2];
    for i in 0..2 {
        let (lines, peak) = programs[i].lines()?;
        let (clock, used) = (best[i].0.as_secs_f64(), best[i].1.as_secs_f64());
        rates[i] = lines as f64 / used;
        let (count, peak) = (counts[i], peak as f64 / 1024.0);
        println!("| {count} pull requests | {clock:.2} | {used:.2} | {lines} | {:.0} | {peak:.1} |", rates[i]);
        if lines < u64::from(count) * case.objects.len() as u64 {
            return Err(format!("--each wrote {lines} objects for {count} pull requests").into());
        }
    }
    let growth = best[1].1.as_secs_f64() / best[0].1.as_secs_f64();
    targets.at_least("`--each`, objects a second", rates[0].min(rates[1]), target::OBJECTS_A_SECOND);
    targets.within("`--each`, time for ten times the pull requests", growth, &target::LINEAR);
    Ok(())
}

/// A parameter set a line: other pull requests of the same team.
fn parameter_lines(parameters: &Value, count: u32) -> String {
    let mut lines = String::new();
    for number in 1..=count {
        let mut set = parameters.clone();
        let sha = format!("{:08x}", number.wrapping_mul(2_654_435_761)).repeat(5);
        set["number"] = json!(number);
        if let Some((before, _)) = parameters["url"].as_str().and_then(|url| url.rsplit_once('/')) {
            set["url"] = json!(format!("{before}/{number}"));
        }
        set["branch"] = json!(format!("feature/change-{number}"));
        set["branch_slug"] = json!(format!("feature-change-{number}"));
        set["title"] = json!(format!("Change no. {number}: \"quoted\", and more"));
        set["head_short_sha"] = json!(&sha[..8]);
        set["head_short_sha_7"] = json!(&sha[..7]);
        set["head_sha"] = json!(sha);
        set["author"] = json!(format!("author-{}", number % 97));
        let _ = writeln!(lines, "{set}");
    }
    lines
}

/// What was asked, what was measured.
struct Targets {
    table: String,
    missed: u32,
}

impl Default for Targets {
    fn default() -> Self {
        Self { table: "| target | asked | measured | |\n|---|---:|---:|---|\n".to_owned(), missed: 0 }
    }
}

impl Targets {
    fn add(&mut self, what: &str, asked: &str, measured: f64, reached: bool) {
        let digits = if measured < 100.0 { 2 } else { 0 };
        let verdict = if reached { "reached" } else { "**missed**" };
        let _ = writeln!(self.table, "| {what} | {asked} | {measured:.digits$} | {verdict} |");
        self.missed += u32::from(!reached);
    }

    fn at_most(&mut self, what: &str, measured: f64, limit: f64) {
        self.add(what, &format!("≤ {limit}"), measured, measured <= limit);
    }

    fn at_least(&mut self, what: &str, measured: f64, limit: f64) {
        self.add(what, &format!("≥ {limit}"), measured, measured >= limit);
    }

    fn within(&mut self, what: &str, measured: f64, range: &std::ops::RangeInclusive<f64>) {
        self.add(what, &format!("{} … {}", range.start(), range.end()), measured, range.contains(&measured));
    }
}
