//! What is mounted, and what fstab says is to be.

use host::{Door, Error, Mount};

use crate::text::{Line, meaningful_lines};

/// The kernel's table.
pub(crate) const TABLE: &str = "/proc/self/mountinfo";

/// The most bytes of it: hosts of containers have thousands of mounts.
const TABLE_BYTES: usize = 8 << 20;

/// What is mounted, in the order of the kernel's table: of several mounts on one point the last lies on top.
///
/// # Errors
/// `NotLive` for a file tree; as [`Door::read`] otherwise.
pub(crate) fn mounted(door: &Door) -> Result<Vec<Mount>, Error> {
    if !door.is_live() {
        return Err(Error::NotLive(TABLE.to_owned()));
    }
    Ok(host::mountinfo(&door.read_up_to(TABLE, TABLE_BYTES)?))
}

/// A line of fstab.
pub(crate) struct Declared {
    /// What is to be mounted: `/dev/sda1`, `UUID=...`.
    pub(crate) device: String,
    /// Where.
    pub(crate) point: String,
    /// The file system's type.
    pub(crate) fs_type: String,
    /// Its options; `defaults` when none are given.
    pub(crate) options: Vec<String>,
    /// The line itself.
    pub(crate) line: Line,
}

/// The lines of an fstab: `UUID=... /home ext4 defaults,nodev 0 2`.
pub(crate) fn fstab(text: &str) -> impl Iterator<Item = Declared> {
    meaningful_lines(text).filter_map(|line| {
        let mut words = line.text.split_ascii_whitespace();
        let (device, point) = (unescaped(words.next()?), unescaped(words.next()?));
        let fs_type = words.next()?.to_owned();
        let options = words.next().unwrap_or("defaults").split(',').map(str::to_owned).collect();
        Some(Declared { device, point, fs_type, options, line })
    })
}

/// A path of fstab or of the kernel's tables as it really is.
pub(crate) fn unescaped(text: &str) -> String {
    String::from_utf8_lossy(&host::unescaped(text.as_bytes())).into_owned()
}
