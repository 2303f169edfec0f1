//! What has to outlive a restart, in `$RUNTIME_DIRECTORY`.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;

use crate::foreign::Seen;
use crate::time::Instant;

/// One line of five numbers of fixed width.
const LEN: usize = 5 * 21 + 1;

/// What is remembered of one interface. A state of another interface, as one
/// of the same name before it was made anew, is not taken over.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct State {
    /// When the last advertisement was sent.
    pub last_ra: Option<Instant>,
    /// Whether that made this a default router of the guests.
    pub default_router: bool,
    /// Other daemons' advertisements.
    pub foreign: Option<Seen>,
}

/// The open file.
#[derive(Debug)]
pub struct StateFile {
    file: File,
    path: PathBuf,
    ifindex: u32,
}

impl StateFile {
    /// Opens or makes the file, if there is a runtime directory at all, and
    /// reads what an earlier process left for the interface `ifindex`.
    ///
    /// # Errors
    /// When there is a directory but no file can be had in it.
    pub fn open(ifindex: u32, now: Instant) -> io::Result<Option<(Self, State)>> {
        let Some(path) = path(ifindex) else {
            return Ok(None);
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)?;
        let mut text = String::new();
        // A file that is not ours to understand is overwritten in time.
        let _ = (&mut file).take(LEN as u64).read_to_string(&mut text);
        let state = parse(&text, ifindex, now).unwrap_or_default();
        Ok(Some((Self { file, path, ifindex }, state)))
    }

    /// Forgets an interface that is gone.
    ///
    /// # Errors
    /// What the file system says.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }

    /// Writes `state` over what was there, in one call.
    ///
    /// # Errors
    /// What the file system says.
    pub fn write(&self, state: &State) -> io::Result<()> {
        self.file.write_all_at(format(self.ifindex, state).as_bytes(), 0)
    }
}

/// What the instances of systemd's remember of the interface `ifindex`, for
/// who only looks; nothing if none ever ran for it.
///
/// # Errors
/// When it may not be read: it is for root alone.
pub fn remembered(ifindex: u32, now: Instant) -> io::Result<State> {
    match fs::read_to_string(Path::new("/run/autora").join(file_name(ifindex))) {
        Ok(text) => Ok(parse(&text, ifindex, now).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
        Err(error) => Err(error),
    }
}

/// In the first of the directories; systemd separates them by colons. All
/// instances share it, and one that finds its interface renamed goes on where
/// the one for the old name stopped, so the file bears the index.
fn path(ifindex: u32) -> Option<PathBuf> {
    let all = env::var_os("RUNTIME_DIRECTORY")?;
    let first = env::split_paths(&all).next()?;
    first.is_absolute().then(|| first.join(file_name(ifindex)))
}

fn file_name(ifindex: u32) -> String {
    format!("last-ra.{ifindex}")
}

fn format(ifindex: u32, state: &State) -> String {
    let nanoseconds = |at: Option<Instant>| at.map_or(0, |at| at.since_boot().as_nanos());
    let last_ra = nanoseconds(state.last_ra);
    let router = u8::from(state.default_router);
    let (count, at) = state
        .foreign
        .map_or((0, None), |seen| (seen.count, Some(seen.at)));
    let at = nanoseconds(at);
    format!("{ifindex:>20} {last_ra:>20} {router:>20} {count:>20} {at:>20} \n")
}

fn parse(text: &str, ifindex: u32, now: Instant) -> Option<State> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    let mut next = || numbers.next()?.ok();
    if next()? != u64::from(ifindex) {
        return None;
    }
    // A time to come cannot have been: counting from now is the safe side.
    let instant = |nanoseconds| Instant::from_boot(Duration::from_nanos(nanoseconds)).min(now);
    let last_ra = Some(next()?).filter(|&n| n > 0).map(instant);
    let default_router = next()? > 0;
    let (count, at) = (next()?, instant(next()?));
    Some(State {
        last_ra,
        default_router,
        foreign: (count > 0).then_some(Seen { count, at }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_boot(Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_written_is_read() {
        let full = State {
            last_ra: Some(at(17)),
            default_router: true,
            foreign: Some(Seen { count: 3, at: at(5) }),
        };
        for state in [State::default(), full] {
            let text = format(7, &state);
            assert_eq!(text.len(), LEN);
            assert_eq!(parse(&text, 7, at(20)), Some(state));
            assert_eq!(parse(&text, 8, at(20)), None);
        }
    }

    #[test]
    fn a_time_to_come_counts_from_now() {
        let state = State {
            last_ra: Some(at(100)),
            ..State::default()
        };
        assert_eq!(
            parse(&format(7, &state), 7, at(20)).unwrap().last_ra,
            Some(at(20))
        );
    }

    #[test]
    fn nonsense_is_nothing() {
        for text in [
            "",
            "7",
            "7 x",
            "7 -1 0 0 0",
            "7 1 0 0",
            "7 99999999999999999999999 0 0 0",
            "\0\0",
        ] {
            assert_eq!(parse(text, 7, at(1)), None, "{text:?}");
        }
    }
}
