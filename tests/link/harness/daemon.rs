//! The daemon under test: its options, its log lines, its exit status.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::TAP;
use super::feed::Feed;
use super::namespace::Namespace;

/// The program that cargo built for these tests.
pub const BINARY: &str = env!("CARGO_BIN_EXE_autora");

/// Options and environment of one run.
pub struct Autora {
    options: BTreeMap<String, String>,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
}

impl Autora {
    /// Serves the tap with the shortest intervals that the RFC allows.
    pub fn fast() -> Self {
        Self::for_taps()
            .set("interface", TAP)
            .set("min-ra-interval", "3s")
            .set("max-ra-interval", "4s")
    }

    /// Serves the tap with the longest intervals: after the first RA and one 16 s
    /// later it sends only what a test causes.
    pub fn slow() -> Self {
        Self::fast()
            .set("min-ra-interval", "1350s")
            .set("max-ra-interval", "1800s")
            .set("router-lifetime", "1800s")
    }

    /// Only with the pattern, for the subcommands.
    pub fn for_taps() -> Self {
        Self::bare().set("interface-regex", "^tap-vm-[0-9]+$")
    }

    pub fn bare() -> Self {
        Self {
            options: BTreeMap::new(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
        }
    }

    pub fn set(mut self, option: &str, value: &str) -> Self {
        self.options.insert(option.to_owned(), value.to_owned());
        self
    }

    pub fn unset(mut self, option: &str) -> Self {
        self.options.remove(option);
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds this run's environment and options to a command for the program.
    pub fn onto(&self, mut command: Command) -> Command {
        command.envs(&self.environment);
        for (name, value) in &self.options {
            command.arg(format!("--{name}={value}"));
        }
        command.args(&self.arguments);
        command
    }

    pub fn start(&self, namespace: &Namespace) -> Daemon {
        Daemon::spawn(self.onto(namespace.command(BINARY)))
    }

    /// Runs it until it exits.
    pub fn output(&self, namespace: &Namespace) -> Output {
        Finished::within(self.onto(namespace.command(BINARY)), Duration::from_secs(10))
    }

    /// The same without any capability.
    pub fn unprivileged_output(&self, namespace: &Namespace) -> Output {
        Finished::within(self.unprivileged(namespace), Duration::from_secs(10))
    }

    pub fn unprivileged(&self, namespace: &Namespace) -> Command {
        self.onto(namespace.unprivileged(BINARY))
    }
}

/// A process whose standard error is read as it is written.
pub struct Daemon {
    child: Child,
    pub log: Feed<(Instant, String)>,
    seen: usize,
}

impl Daemon {
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let log = Feed::fill(move |push| {
            for line in stderr.split(b'\n').map_while(Result::ok) {
                push((Instant::now(), String::from_utf8_lossy(&line).into_owned()));
            }
        });
        Self { child, log, seen: 0 }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next log line, after those already asked for, that contains all of
    /// the words.
    pub fn expect_log(&mut self, words: &[&str], within: Duration) -> String {
        let found = self.log.wait(self.seen, within, |(_, line)| {
            contains(line, words).then(|| line.clone())
        });
        let Some((seen, line)) = found else {
            panic!("no line with {words:?} within {within:?}:\n{}", self.text());
        };
        self.seen = seen;
        line
    }

    /// How many lines so far contain all of the words.
    pub fn log_count(&self, words: &[&str]) -> usize {
        let lines = self.log.all();
        lines.iter().filter(|(_, l)| contains(l, words)).count()
    }

    pub fn text(&self) -> String {
        let lines = self.log.all();
        let lines: Vec<String> = lines.into_iter().map(|(_, line)| line).collect();
        lines.join("\n")
    }

    pub fn signal(&self, signal: Signal) {
        kill(process(&self.child), signal).unwrap();
    }

    /// Waits for the end of its standard error; then the status is available.
    pub fn exit_within(&mut self, within: Duration) -> i32 {
        assert!(
            self.log.wait_closed(within),
            "still running after {within:?}:\n{}",
            self.text()
        );
        let status = self.child.wait().unwrap();
        if let Some(signal) = status.signal() {
            panic!("ended by signal {signal}:\n{}", self.text());
        }
        status.code().unwrap()
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A line of /proc/PID/status.
    pub fn proc_status(&self, name: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let mut lines = text.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(key, _)| *key == name);
        found.expect(name).1.trim().to_owned()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // libtest shows this only when the test fails.
        println!("log of process {}:\n{}", self.child.id(), self.text());
    }
}

fn process(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

fn contains(line: &str, words: &[&str]) -> bool {
    words.iter().all(|word| line.contains(word))
}

/// A command that must exit, and is killed if it does not.
pub struct Finished;

impl Finished {
    pub fn within(mut command: Command, within: Duration) -> Output {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = process(&child);
        let shown = format!("{command:?}");
        let output = Feed::fill(move |push| push(child.wait_with_output().map_err(|e| e.kind())));
        let Some((_, output)) = output.wait(0, within, |output| Some(output.clone())) else {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("did not end within {within:?}: {shown}");
        };
        output.unwrap()
    }
}

/// Everything that a command printed.
pub fn text_of(output: &Output) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout);
    format!("{stdout}{}", String::from_utf8_lossy(&output.stderr))
}
