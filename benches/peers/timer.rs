//! Runs programs: how long from spawn to reaped, and how much memory at most.

use std::fs;
use std::io::{self, Read, Write};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Result;

/// A command line.
#[derive(Clone)]
pub(crate) struct Program {
    pub(crate) name: String,
    pub(crate) line: Vec<String>,
}

impl Program {
    pub(crate) fn new(name: impl Into<String>, line: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { name: name.into(), line: line.into_iter().map(Into::into).collect() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.line[0]);
        command.args(&self.line[1..]).stdin(Stdio::null());
        command
    }

    fn check(&self, status: std::process::ExitStatus) -> Result<()> {
        if status.success() {
            Ok(())
        } else {
            Err(format!("{} ended with {status}: {}", self.name, self.line.join(" ")).into())
        }
    }

    /// What it writes.
    pub(crate) fn output(&self) -> Result<Vec<u8>> {
        let output = self.command().stderr(Stdio::inherit()).output()?;
        self.check(output.status)?;
        Ok(output.stdout)
    }

    /// From spawn until it is reaped, its output drained through a pipe.
    pub(crate) fn time(&self, buffer: &mut [u8]) -> Result<Duration> {
        let begin = Instant::now();
        let mut child = self.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        if let Some(mut pipe) = child.stdout.take() {
            while pipe.read(buffer)? > 0 {}
        }
        let status = child.wait()?;
        let took = begin.elapsed();
        self.check(status)?;
        Ok(took)
    }

    /// The same with the output thrown away, and the processor's time.
    pub(crate) fn time_to_null(&self) -> Result<(Duration, Duration)> {
        let (used, begin) = (children_used()?, Instant::now());
        let status = self.command().stdout(Stdio::null()).status()?;
        let took = (begin.elapsed(), children_used()?.saturating_sub(used));
        self.check(status)?;
        Ok(took)
    }

    /// How many lines it writes, and its peak of resident memory meanwhile, in KiB.
    pub(crate) fn lines(&self) -> Result<(u64, u64)> {
        let (mut lines, mut peak, mut buffer) = (0, 0, vec![0; 1 << 16]);
        let mut child = self.command().stdout(Stdio::piped()).spawn()?;
        if let Some(mut pipe) = child.stdout.take() {
            for reads in 0_u64.. {
                let n = pipe.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                lines += buffer[..n].iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
                if reads.is_multiple_of(256) {
                    peak = peak.max(high_water(child.id()).unwrap_or(0));
                }
            }
        }
        self.check(child.wait()?)?;
        Ok((lines, peak))
    }

    /// The peak of resident memory in KiB, read while the program is stuck writing into a full pipe that is drained in
    /// small steps: the kernel's figure for an ended child would count the memory of this process too, from before exec.
    pub(crate) fn peak(&self) -> Result<u64> {
        const PAGE: usize = 4096;
        let (mut reader, mut writer) = io::pipe()?;
        for _ in 0..16 {
            writer.write_all(&[0; PAGE])?;
        }
        let mut child = self.command().stdout(writer).stderr(Stdio::null()).spawn()?;
        // `command` and with it our writer are gone; the child's is the last.
        sleep(Duration::from_millis(500));
        let (mut peak, mut buffer) = (0, [0; PAGE]);
        loop {
            peak = peak.max(high_water(child.id()).unwrap_or(0));
            if reader.read(&mut buffer)? == 0 {
                break;
            }
            sleep(Duration::from_millis(1));
        }
        self.check(child.wait()?)?;
        Ok(peak)
    }
}

/// The processor time, user and system, of all children that have ended; to a hundredth of a second.
fn children_used() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// `VmHWM` of a living process.
fn high_water(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// The last of the processors that this process may use: the first has the interrupts.
pub(crate) fn last_processor() -> Result<String> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).ok_or("no Cpus_allowed_list")?;
    Ok(list.trim().rsplit([',', '-']).next().unwrap_or("0").to_owned())
}
