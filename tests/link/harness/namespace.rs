//! A network namespace inside a user namespace, held open by one process.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};

/// The processes that hold a namespace exit when the pipe to them is closed, so
/// that nothing is left even if the test process is killed.
const HOLD: &str = "ip link set lo up && echo ready && exec cat";

/// The directory of state files. Each user namespace has its own, so that a test
/// sees only its own instances, and the machine sees none of them.
const OWN_RUN: &str = "mount -t tmpfs tmpfs /run";

pub struct Namespace {
    holder: Child,
}

impl Namespace {
    /// A new user namespace with a network namespace of its own.
    pub fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "--net"]);
        Self::hold(command, &format!("{OWN_RUN} && {HOLD}"))
    }

    /// Another network namespace, owned by the same user namespace.
    pub fn sibling(&self) -> Self {
        let mut command = self.enter(&["--user", "--mount"]);
        command.args(["unshare", "--net"]);
        Self::hold(command, HOLD)
    }

    fn hold(mut command: Command, script: &str) -> Self {
        let mut holder = with_path(&mut command)
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("run unshare (package util-linux)");
        let mut line = String::new();
        let _ = BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line);
        if line != "ready\n" {
            drop(holder.stdin.take());
            let output = holder.wait_with_output().unwrap();
            forbidden(String::from_utf8_lossy(&output.stderr).trim());
        }
        Self { holder }
    }

    pub fn pid(&self) -> u32 {
        self.holder.id()
    }

    fn enter(&self, kinds: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        with_path(&mut command)
            .arg(format!("--target={}", self.pid()))
            .args(kinds)
            .args(["--preserve-credentials", "--"]);
        command
    }

    /// A command that will run inside. `nsenter` and `setpriv` replace
    /// themselves, so the child's process id is that of the program, which is
    /// killed when the test's thread ends.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.enter(&["--user", "--mount", "--net"]);
        command.args(["setpriv", "--pdeathsig=KILL", program]);
        command
    }

    /// The same, as a process without any capability in the namespace.
    pub fn unprivileged(&self, program: &str) -> Command {
        let mut command = self.enter(&["--user", "--mount", "--net"]);
        command.args(["setpriv", "--pdeathsig=KILL", "--bounding-set=-all"]);
        command.args(["--inh-caps=-all", program]);
        command
    }

    /// Runs a shell script inside, whether it succeeds or not.
    pub fn try_run(&self, script: &str) -> Output {
        let mut command = self.command("sh");
        command.args(["-ec", script]).stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Runs a shell script inside that must succeed; returns what it printed.
    pub fn run(&self, script: &str) -> String {
        let output = self.try_run(script);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "in the namespace: {script}\n{stderr}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// The tools are in sbin, which is not in an ordinary user's path. The variables
/// that the daemon reads must only be those of the test.
fn with_path(command: &mut Command) -> &mut Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let llvm_profile = std::env::var_os("LLVM_PROFILE_FILE");
    command
        .env_clear()
        .env("PATH", format!("{path}:/usr/sbin:/sbin:/usr/bin:/bin"))
        .env("LC_ALL", "C");
    if let Some(value) = llvm_profile {
        command.env("LLVM_PROFILE_FILE", value);
    }
    command
}

/// Fails the test: it must not pass on a machine that cannot run it.
fn forbidden(error: &str) -> ! {
    let switches = [
        ("kernel.unprivileged_userns_clone", "1"),
        ("kernel.apparmor_restrict_unprivileged_userns", "0"),
        ("user.max_user_namespaces", "a number above 0"),
        ("user.max_net_namespaces", "a number above 0"),
    ];
    let mut found = String::new();
    for (name, wanted) in switches {
        let file = format!("/proc/sys/{}", name.replace('.', "/"));
        if let Ok(value) = std::fs::read_to_string(file) {
            let _ = write!(found, "\n  {name} is {}, must be {wanted}", value.trim());
        }
    }
    panic!(
        "this machine does not allow the user and network namespaces that the link tests need \
         ({error}). Allow them with `sysctl -w kernel.unprivileged_userns_clone=1` and \
         `sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` where these exist, and \
         user.max_user_namespaces above 0; in a container, allow unshare(2).{found}"
    );
}
