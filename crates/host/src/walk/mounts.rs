//! Which mounts a walk enters: local disks once, neither the kernel's own nor other machines' nor containers'.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::SkipReason;

/// One line of `/proc/self/mountinfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// 1-based.
    pub line: usize,
    /// `major:minor`.
    pub device: String,
    /// The directory of the file system that is mounted.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// The file system's type.
    pub kind: String,
    /// What is mounted, as the file system names it: `/dev/sda1`, `host:/share`.
    pub source: String,
    /// Options of this mount.
    pub options: Vec<String>,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

/// The mounts of a `mountinfo` file, in its order; lines that are none are left out.
/// `36 35 98:0 /root /mount rw,noatime shared:1 - ext4 /dev/sda rw,errors=continue`.
pub fn mountinfo(bytes: &[u8]) -> Vec<Mount> {
    bytes.split(|byte| *byte == b'\n').enumerate().filter_map(|(index, line)| mount(index + 1, line)).collect()
}

fn mount(number: usize, line: &[u8]) -> Option<Mount> {
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let list =
        |field: &[u8]| text(field).split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
    let path = |field: &[u8]| PathBuf::from(OsString::from_vec(unescaped(field)));
    let mut fields = line.split(|byte| *byte == b' ');
    let (device, root, point, options) = (fields.nth(2)?, fields.next()?, fields.next()?, fields.next()?);
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    Some(Mount {
        line: number,
        device: text(device),
        root: path(root),
        point: path(point),
        kind: text(fields.next()?),
        source: text(&unescaped(fields.next().unwrap_or_default())),
        options: list(options),
        super_options: list(fields.next().unwrap_or_default()),
    })
}

/// Takes back the octal escapes (`\040`) of blanks, line ends and backslashes in the kernel's tables and in fstab.
pub fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal =
            tail.get(..3).filter(|digits| *first == b'\\' && digits.iter().all(|d| matches!(d, b'0'..=b'7')));
        if let Some(digits) = octal {
            let value = digits.iter().fold(0_u32, |value, digit| value * 8 + u32::from(digit - b'0'));
            bytes.push(u8::try_from(value & 0xff).unwrap_or(b'?'));
            rest = tail.get(3..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    bytes
}

/// Why the mounts of a type are not entered; none for disks and memory.
fn by_type(kind: &str) -> Option<SkipReason> {
    match kind {
        "proc" | "sysfs" | "cgroup" | "cgroup2" | "devpts" | "debugfs" | "tracefs" | "securityfs" | "bpf"
        | "pstore" | "efivarfs" | "configfs" | "fusectl" | "hugetlbfs" | "mqueue" | "binfmt_misc"
        | "selinuxfs" | "rpc_pipefs" | "nsfs" | "resctrl" | "smackfs" | "nfsd" | "fuse.lxcfs"
        | "fuse.gvfsd-fuse" | "fuse.portal" => Some(SkipReason::Pseudo),
        // What a virtual machine's host shares is not this machine's either.
        "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "ceph" | "9p" | "virtiofs" | "afs" | "ncpfs"
        | "lustre" | "gfs2" | "ocfs2" | "coda" | "autofs" | "prl_fs" | "vboxsf" | "drvfs" | "fuse" => {
            Some(SkipReason::Remote)
        }
        "squashfs" | "iso9660" | "erofs" | "udf" => Some(SkipReason::Image),
        kind if kind.starts_with("fuse.") => Some(SkipReason::Remote),
        _ => None,
    }
}

/// The same by the number that `statfs` gives, for places that no list of mounts names.
pub(super) fn by_magic(magic: u32) -> Option<SkipReason> {
    match magic {
        // proc, sysfs, cgroup, cgroup2, devpts, debugfs, tracefs, securityfs, bpf, pstore, efivarfs, configfs, fusectl,
        // hugetlbfs, mqueue, binfmt_misc, selinuxfs, nsfs.
        0x9fa0 | 0x6265_6572 | 0x27_e0eb | 0x6367_7270 | 0x1cd1 | 0x6462_6720 | 0x7472_6163 | 0x7363_6673
        | 0xcafe_4a11 | 0x6165_676c | 0xde5e_81e4 | 0x6265_6570 | 0x6573_5543 | 0x9584_58f6 | 0x1980_0202
        | 0x4249_4e4d | 0xf97c_ff8c | 0x6e73_6673 => Some(SkipReason::Pseudo),
        // nfs, smb, cifs, smb2, ceph, 9p, afs, coda, autofs, fuse, lustre.
        0x6969 | 0x517b | 0xff53_4d42 | 0xfe53_4d42 | 0x00c3_6400 | 0x0102_1997 | 0x5346_414f | 0x7375_7245
        | 0x0187 | 0x6573_5546 | 0x0bd0_0bd0 => Some(SkipReason::Remote),
        // overlay, aufs.
        0x794c_7630 | 0x6175_6673 => Some(SkipReason::Container),
        // squashfs, iso9660, erofs.
        0x7371_7368 | 0x9660 | 0xe0f5_e1e2 => Some(SkipReason::Image),
        _ => None,
    }
}

/// Every mount point and pruned directory, and why it is not entered. Keyed by text: that hashes faster than paths.
#[derive(Debug, Default)]
pub(crate) struct Points(HashMap<OsString, Option<SkipReason>>);

impl Points {
    pub(crate) fn new(mounts: &[Mount], prune: &[(PathBuf, SkipReason)]) -> Self {
        let mut points = HashMap::new();
        for (index, mount) in mounts.iter().enumerate() {
            // The root is walked whatever it is; a later mount on the same point hides the earlier one.
            if mount.point != Path::new("/") {
                points.insert(mount.point.clone().into_os_string(), reason(mounts, index, mount));
            }
        }
        points.extend(prune.iter().map(|(path, reason)| (path.clone().into_os_string(), Some(*reason))));
        Self(points)
    }

    /// Outer none: no mount point. Inner none: a mount to be entered.
    pub(crate) fn get(&self, path: &Path) -> Option<Option<SkipReason>> {
        self.0.get(path.as_os_str()).copied()
    }
}

fn reason(mounts: &[Mount], index: usize, mount: &Mount) -> Option<SkipReason> {
    if mount.kind == "overlay" || mount.kind == "aufs" || mount.kind == "fuse.fuse-overlayfs" {
        // Engines mount a container's root at such names; other overlays (/etc, /usr) are the host's own files.
        let name = mount.point.file_name().unwrap_or_default();
        return (name == "merged" || name == "rootfs" || mount.kind != "overlay")
            .then_some(SkipReason::Container);
    }
    by_type(&mount.kind).or_else(|| is_seen_elsewhere(mounts, index, mount).then_some(SkipReason::Duplicate))
}

/// Whether an earlier mount of the same file system shows the same files at a place that no other mount hides.
fn is_seen_elsewhere(mounts: &[Mount], index: usize, mount: &Mount) -> bool {
    // Bounds the comparisons on hosts with very many mounts; what is walked twice is only slower.
    const COMPARED: usize = 2_000;
    mounts.iter().take(index.min(COMPARED)).any(|earlier| {
        if earlier.device != mount.device || earlier.point == mount.point {
            return false;
        }
        let Ok(inside) = mount.root.strip_prefix(&earlier.root) else { return false };
        let original = earlier.point.join(inside);
        let covering = mounts
            .iter()
            .take(COMPARED)
            .filter(|other| original.starts_with(&other.point))
            .max_by_key(|other| other.point.as_os_str().len());
        covering.is_some_and(|covering| covering == earlier)
    })
}
