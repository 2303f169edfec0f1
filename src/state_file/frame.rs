//! The frame of a state file: a text of fixed length that ends with a checksum.

use std::fmt::{self, Write};
use std::io;

/// The length of the text in bytes. Shorter texts are padded, so that a write
/// never has to truncate the file; very long explanations are cut off.
pub const LEN: usize = 2048;
/// `checksum`, a space, 16 digits and a newline.
const CHECKSUM_LEN: usize = 9 + 16 + 1;
const CONTENT_LEN: usize = LEN - CHECKSUM_LEN;
const LAST_NEWLINE: usize = CONTENT_LEN - 1;

/// Buffer for a text of [`LEN`] bytes. What does not fit is cut off.
#[derive(Debug)]
pub struct Frame {
    bytes: [u8; LEN],
    used: usize,
    checksum: u64,
}

impl Default for Frame {
    fn default() -> Self {
        Self {
            bytes: [b' '; LEN],
            used: 0,
            checksum: 0,
        }
    }
}

impl Frame {
    /// The checksum of the content, after [`super::Record::format`].
    #[must_use]
    pub fn checksum(&self) -> u64 {
        self.checksum
    }

    /// All [`LEN`] bytes, after [`super::Record::format`].
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    /// Pads the content and appends its checksum.
    pub(super) fn finish(&mut self) {
        let (content, last_line) = self.bytes.split_at_mut(CONTENT_LEN);
        if let Some(padding) = content.get_mut(self.used..) {
            padding.fill(b' ');
        }
        if let Some(last) = content.last_mut() {
            *last = b'\n';
        }
        self.checksum = checksum(content);
        last_line.copy_from_slice(&checksum_line(self.checksum));
    }

    /// The content of a text; `None` if the checksum is wrong, as when it was
    /// read during a write.
    pub(super) fn content(text: &[u8]) -> Option<&str> {
        let (content, last_line) = text.split_at_checked(CONTENT_LEN)?;
        if last_line != checksum_line(checksum(content)) {
            return None;
        }
        std::str::from_utf8(content).ok()
    }
}

impl Write for Frame {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.used..LAST_NEWLINE).unwrap_or_default();
        // Only whole characters, so that the text stays valid UTF-8.
        let fits = (0..=text.len().min(room.len()))
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap_or(0);
        if let (Some(to), Some(from)) = (room.get_mut(..fits), text.as_bytes().get(..fits)) {
            to.copy_from_slice(from);
        }
        self.used += fits;
        Ok(())
    }
}

/// FNV-1a over words of eight bytes. It detects a text that was read during a
/// write. It need not resist forgery, since only the owner can write the file.
fn checksum(content: &[u8]) -> u64 {
    content.chunks(8).fold(0xcbf2_9ce4_8422_2325, |sum, chunk| {
        let mut word = [0; 8];
        if let Some(start) = word.get_mut(..chunk.len()) {
            start.copy_from_slice(chunk);
        }
        (sum ^ u64::from_le_bytes(word)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn checksum_line(sum: u64) -> [u8; CHECKSUM_LEN] {
    let mut line = [0; CHECKSUM_LEN];
    // Cannot fail: the length is exact.
    let _ = io::Write::write_fmt(&mut line.as_mut_slice(), format_args!("checksum {sum:016x}\n"));
    line
}
