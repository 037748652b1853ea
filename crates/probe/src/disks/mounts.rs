//! Mounted file systems, or those that fstab of a file tree would mount.

use host::{Door, Error};
use model::Fact;
use model::facts::disks::{CrypttabEntry, Filesystem};

use super::encryption::{self, Below};
use crate::fact::IntoFact;
use crate::kernel;
use crate::mounts::{self, Declared, TABLE};

/// The most file systems that are kept.
const MOST: usize = 500;

/// Types that hold no files of their own, or the fixed files of an image.
const PSEUDO: [&str; 32] = [
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "overlay",
    "proc",
    "pstore",
    "ramfs",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "squashfs",
    "sysfs",
    "tracefs",
    "selinuxfs",
];

/// Types that live on other machines.
const REMOTE: [&str; 14] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "glusterfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
    "virtiofs",
];

/// Folders below which container engines mount by the hundred.
const ENGINES: [&str; 7] = [
    "/var/lib/docker/",
    "/var/lib/containerd/",
    "/var/lib/containers/",
    "/var/lib/kubelet/",
    "/run/docker/",
    "/run/containerd/",
    "/snap/",
];

/// One mount before it is looked at.
struct Mount {
    number: String,
    point: String,
    device: String,
    fs_type: String,
    options: Vec<String>,
    source: String,
}

/// The file systems, by mount point.
pub(super) fn read(door: &Door, crypttab: &[CrypttabEntry]) -> Result<Vec<Filesystem>, Error> {
    let live = door.is_live();
    let mounts = if live { mounted(door)? } else { declared(door)? };
    let mut by_point = std::collections::BTreeMap::new();
    for mount in mounts {
        let memory_place = mount.fs_type == "tmpfs" && super::PLACES.contains(&mount.point.as_str());
        let wanted = memory_place || mount.fs_type != "tmpfs" && !PSEUDO.contains(&mount.fs_type.as_str());
        // What was mounted last hides what was there before.
        if ENGINES.iter().any(|folder| mount.point.starts_with(folder)) || !wanted {
            by_point.remove(&mount.point);
        } else {
            by_point.insert(mount.point.clone(), mount);
        }
    }
    Ok(by_point.into_values().take(MOST).map(|mount| filesystem(door, mount, live, crypttab)).collect())
}

fn mounted(door: &Door) -> Result<Vec<Mount>, Error> {
    let mount = |mount: host::Mount| {
        let point = mount.point.to_string_lossy().into_owned();
        Mount {
            number: mount.device,
            source: format!("{TABLE} ({point})"),
            point,
            device: mount.source,
            fs_type: mount.kind,
            options: mount.options,
        }
    };
    Ok(mounts::mounted(door)?.into_iter().map(mount).collect())
}

fn declared(door: &Door) -> Result<Vec<Mount>, Error> {
    let path = "/etc/fstab";
    let mount = |mount: Declared| Mount {
        number: String::new(),
        source: format!("{path}:{}", mount.line.number),
        point: mount.point,
        device: mount.device,
        fs_type: mount.fs_type,
        options: mount.options,
    };
    let is_mount = |mount: &Mount| mount.point.starts_with('/') && mount.fs_type != "swap";
    Ok(mounts::fstab(&door.read_text(path)?).map(mount).filter(is_mount).collect())
}

fn filesystem(door: &Door, mount: Mount, live: bool, crypttab: &[CrypttabEntry]) -> Filesystem {
    let in_memory = mount.fs_type == "tmpfs";
    let remote = REMOTE.contains(&mount.fs_type.as_str()) || is_foreign_fuse(&mount.fs_type);
    let below = below(door, &mount, live, crypttab, remote);
    let usage = match (live, remote) {
        (true, false) => door.stat_fs(&mount.point).into_fact(door),
        (true, true) => Fact::unreadable("a file system of another machine is not touched"),
        (false, _) => Fact::unreadable("only a running host tells how full a file system is"),
    };
    Filesystem {
        size_bytes: usage.clone().map(|usage| usage.bytes),
        used_percent: usage.clone().and_then(|usage| percent(usage.bytes_used, usage.bytes_free)),
        inodes_used_percent: usage
            .and_then(|usage| percent(usage.inodes.saturating_sub(usage.inodes_free), usage.inodes_free)),
        mount_point: mount.point,
        device: mount.device,
        fs_type: mount.fs_type,
        options: mount.options,
        in_memory,
        remote,
        encrypted: below.encrypted,
        encryption: below.kind,
        chain: below.chain,
        source: mount.source,
    }
}

/// A program's file system may reach anywhere, and may hang.
fn is_foreign_fuse(fs_type: &str) -> bool {
    fs_type.starts_with("fuse.") && !matches!(fs_type, "fuse.gocryptfs" | "fuse.encfs" | "fuse.cryfs")
}

#[expect(clippy::cast_precision_loss, reason = "a percentage needs no more than 52 bits")]
/// What `df` calls Use%: of what everybody may use. Blocks kept back for root count neither way.
fn percent(used: u64, free: u64) -> Fact<f64> {
    let all = used.saturating_add(free);
    if all == 0 {
        return Fact::Absent;
    }
    Fact::known((used as f64 / all as f64 * 1000.0).round() / 10.0)
}

fn below(door: &Door, mount: &Mount, live: bool, crypttab: &[CrypttabEntry], remote: bool) -> Below {
    let plain = |encrypted, kind| Below { encrypted, kind, chain: Vec::new() };
    match mount.fs_type.as_str() {
        "tmpfs" => return plain(Fact::read_at(true, "it lives in memory: nothing is at rest"), Fact::Absent),
        "ecryptfs" | "fuse.gocryptfs" | "fuse.encfs" | "fuse.cryfs" => {
            let kind = mount.fs_type.trim_start_matches("fuse.").to_owned();
            return plain(Fact::read_at(true, mount.source.clone()), Fact::read_at(kind, mount.source.clone()));
        }
        "zfs" => {
            let why = "how zfs encrypts its data sets is not read yet";
            return plain(Fact::unreadable(why), Fact::unreadable(why));
        }
        _ if remote => {
            let why = "it lives on another machine, which must be asked itself";
            return plain(Fact::unreadable(why), Fact::unreadable(why));
        }
        _ if !live => return declared_below(mount, crypttab),
        _ => {}
    }
    let name = mount.device.strip_prefix("/dev/").unwrap_or_default();
    // btrfs and others have numbers of no device; then the name must do.
    let mut below = match mount.number.split_once(':') {
        Some((major, _)) if major != "0" => encryption::of_number(door, &mount.number),
        _ if mount.fs_type == "btrfs" => encryption::of_all(door, &members(door, name)),
        _ if !name.is_empty() => encryption::of_block(door, name),
        _ => {
            let why = format!("{} is no block device", mount.device);
            plain(Fact::unreadable(why.clone()), Fact::unreadable(why))
        }
    };
    let folders = format!("{}/.fscrypt", mount.point.trim_end_matches('/'));
    if below.encrypted.value() == Some(&false) && door.exists(&folders) {
        let why = "fscrypt is set up here; which folders it encrypts is not read yet";
        below.encrypted = Fact::unreadable(why);
        below.kind = Fact::read_at("fscrypt".to_owned(), folders);
    }
    below
}

/// In a file tree only a name that crypttab opens tells.
fn declared_below(mount: &Mount, crypttab: &[CrypttabEntry]) -> Below {
    let entry =
        mount.device.strip_prefix("/dev/mapper/").and_then(|name| crypttab.iter().find(|one| one.name == name));
    let why = "only a running host tells what is below this device";
    match entry {
        Some(entry) => Below {
            encrypted: Fact::read_at(true, entry.source.clone()),
            kind: Fact::unreadable(why),
            chain: vec![mount.device.clone(), entry.device.clone()],
        },
        None => Below { encrypted: Fact::unreadable(why), kind: Fact::unreadable(why), chain: Vec::new() },
    }
}

/// The devices of the btrfs that `name` belongs to.
fn members(door: &Door, name: &str) -> Vec<String> {
    let link = door.read_link(format!("/dev/{name}")).ok();
    let target =
        link.as_ref().and_then(|target| target.file_name()).map(|name| name.to_string_lossy().into_owned());
    let device = target.unwrap_or_else(|| name.to_owned());
    let pools = kernel::names_if_any(door, "/sys/fs/btrfs").unwrap_or_default();
    pools
        .iter()
        .filter_map(|pool| kernel::names(door, &format!("/sys/fs/btrfs/{pool}/devices")).ok())
        .find(|devices| devices.contains(&device))
        .unwrap_or_else(|| vec![device])
}
