//! Runs another program with a time limit.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use autora_core::visible::Visible;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thiserror::Error;

/// A program that takes longer hangs, or waits for one that hangs.
const TIME_LIMIT: Duration = Duration::from_secs(2);

/// Why a program gave no answer.
#[derive(Debug, Error)]
pub enum NoAnswer {
    /// The program exited with another status than 0; the first line of its standard error.
    #[error("{0} failed: {1}")]
    Failed(String, String),
    /// The program could not be started, or did not exit in time.
    #[error("{0}: {1}")]
    NotRun(String, io::Error),
}

/// The standard output of `program`. It is killed if it does not exit within 2 s.
///
/// # Errors
/// If it does not exit in time with status 0.
pub(crate) fn ask(program: &str, arguments: &[&str]) -> Result<Vec<u8>, NoAnswer> {
    ask_within(TIME_LIMIT, program, arguments)
}

/// The same with another time limit.
pub(crate) fn ask_within(limit: Duration, program: &str, arguments: &[&str]) -> Result<Vec<u8>, NoAnswer> {
    let (status, stdout, stderr) =
        run(limit, program, arguments).map_err(|error| NoAnswer::NotRun(program.to_owned(), error))?;
    if status.success() {
        Ok(stdout)
    } else {
        Err(NoAnswer::Failed(program.to_owned(), one_line(&stderr)))
    }
}

fn run(limit: Duration, program: &str, arguments: &[&str]) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        // The output must not go to a pager.
        .env("SYSTEMD_PAGER", "")
        // By itself systemctl waits 25 s for a manager that is busy with a thousand units.
        .env("SYSTEMD_BUS_TIMEOUT", limit.as_secs().to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let answer = read(&mut child, limit);
    if answer.is_err() {
        // It may have exited meanwhile.
        let _ = child.kill();
    }
    let status = child.wait()?;
    let (stdout, stderr) = answer?;
    Ok((status, stdout, stderr))
}

/// Reads standard output and standard error until both are closed.
fn read(child: &mut Child, limit: Duration) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let deadline = Instant::now() + limit;
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while out.is_some() || err.is_some() {
        let left = deadline.saturating_duration_since(Instant::now());
        let (out_ready, err_ready) = {
            let flags = PollFlags::POLLIN;
            let fds = [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)];
            let mut polled: Vec<PollFd> = fds.iter().flatten().map(|&fd| PollFd::new(fd, flags)).collect();
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            if left.is_zero() || poll(&mut polled, timeout)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("no answer within {} s", limit.as_secs()),
                ));
            }
            let mut ready = polled.iter().map(|fd| fd.any().unwrap_or(false));
            let mut next = |open: bool| open && ready.next().unwrap_or(false);
            (next(out.is_some()), next(err.is_some()))
        };
        if out_ready && take(out.as_mut(), &mut stdout)? {
            out = None;
        }
        if err_ready && take(err.as_mut(), &mut stderr)? {
            err = None;
        }
    }
    Ok((stdout, stderr))
}

/// Reads once and appends to `into`; true at the end of the stream.
fn take(pipe: Option<&mut impl Read>, into: &mut Vec<u8>) -> io::Result<bool> {
    let Some(pipe) = pipe else {
        return Ok(true);
    };
    let mut buffer = [0; 16 * 1024];
    let count = pipe.read(&mut buffer)?;
    into.extend(buffer.iter().take(count));
    Ok(count == 0)
}

fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().find(|line| !line.trim().is_empty());
    Visible(line.unwrap_or_default().trim()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_streams_and_the_status_are_returned() {
        let error = ask("sh", &["-c", "echo out; echo >&2; echo err >&2; exit 3"]).unwrap_err();
        assert_eq!(error.to_string(), "sh failed: err");
        // More than the capacity of a pipe.
        let answer = ask("sh", &["-c", "head -c 300000 /dev/zero | tee /dev/stderr"]).unwrap();
        assert_eq!(answer.len(), 300_000);
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let begin = Instant::now();
        let error = ask("sleep", &["1000"]).unwrap_err();
        assert_eq!(error.to_string(), "sleep: no answer within 2 s");
        assert!(Instant::now() < begin + TIME_LIMIT * 3);
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error() {
        let error = ask("no-such-program-of-ours", &[]).unwrap_err();
        assert!(matches!(error, NoAnswer::NotRun(_, error) if error.kind() == io::ErrorKind::NotFound));
    }
}
