//! `autora status` and the state files.

mod formats;
mod guests;
mod instances;
mod state_file;

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use serde_json::Value;

use crate::harness::daemon::text_of;
use crate::harness::lab::scratch;
use crate::harness::namespace::Namespace;
use crate::harness::{Autora, Lab, NOISE, secs};

/// The limit for a thousand instances, and so for one.
const QUICK: Duration = secs(1);

fn asking(format: &str) -> Autora {
    Autora::for_taps().arg("status").arg("--format").arg(format)
}

/// Runs without any capability, so that each test shows that none is needed.
fn ask(namespace: &Namespace, autora: &Autora) -> Output {
    let begun = Instant::now();
    let output = autora.unprivileged_output(namespace);
    assert!(begun.elapsed() < QUICK + NOISE, "{:?}", begun.elapsed());
    assert!(!text_of(&output).contains("panicked"), "{}", text_of(&output));
    output
}

fn document(lab: &Lab) -> Value {
    serde_json::from_slice(&ask(&lab.router, &asking("json")).stdout).unwrap()
}

/// The only instance.
pub fn instance(lab: &Lab) -> Value {
    let document = document(lab);
    let instances = document["instances"].as_array().unwrap();
    assert_eq!(instances.len(), 1, "{document:#}");
    instances[0].clone()
}

fn table(lab: &Lab, names: &[&str]) -> (String, i32) {
    let autora = names
        .iter()
        .fold(asking("table"), |autora, name| autora.arg(name));
    let output = ask(&lab.router, &autora);
    (text_of(&output), output.status.code().unwrap())
}

/// A directory for state files that the test can read from outside the namespace.
struct Published {
    directory: PathBuf,
}

impl Published {
    fn new(name: &str) -> Self {
        Self {
            directory: scratch(name),
        }
    }

    /// `autora` with this directory as its runtime directory.
    fn by(&self, autora: Autora) -> Autora {
        autora.env("RUNTIME_DIRECTORY", self.directory.to_str().unwrap())
    }

    fn file(&self) -> PathBuf {
        let mut files = fs::read_dir(&self.directory).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "one file in {}", self.directory.display());
        file
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Locks the state file as its owner does.
fn lock(path: &Path) -> File {
    lock_as(libc::F_WRLCK, File::options().write(true).open(path).unwrap())
}

fn lock_as(kind: libc::c_int, file: File) -> File {
    let all = libc::flock {
        l_type: kind.try_into().unwrap(),
        l_whence: 0,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    fcntl(file.as_fd(), FcntlArg::F_OFD_SETLK(&all)).unwrap();
    file
}
