//! Made-up machines for file systems, their places and what encrypts them.
#![allow(clippy::disallowed_methods, reason = "one test asks df of this machine")]

use test_support::Machine;

use super::*;

fn disks(door: Door) -> Disks {
    match probe(&Context::new(door)) {
        Fact::Known(disks, _) => disks,
        other => panic!("{other:?}"),
    }
}

const SYS: &str = "/sys/devices";

/// A block device as /sys shows it: number, name, identifier of the device mapper, devices below.
fn device(machine: Machine, number: &str, name: &str, uuid: &str, slaves: &[&str]) -> Machine {
    let folder = format!("{SYS}/virtual/block/{name}");
    let machine = machine
        .file(&format!("{folder}/uevent"), format!("MAJOR=1\nDEVNAME={name}\nDEVTYPE=disk\n"))
        .link(&format!("/sys/dev/block/{number}"), &folder)
        .link(&format!("/sys/class/block/{name}"), &folder);
    let machine = match uuid {
        "" => machine,
        uuid => machine.file(&format!("{folder}/dm/uuid"), format!("{uuid}\n")),
    };
    slaves.iter().fold(machine, |machine, slave| {
        let target = match slave.strip_prefix("sda") {
            Some("") | None => format!("{SYS}/virtual/block/{slave}"),
            Some(_) => format!("{SYS}/pci0/block/sda/{slave}"),
        };
        machine.link(&format!("{folder}/slaves/{slave}"), &target)
    })
}

/// A disk `sda` with three partitions: 1 plain, 2 LUKS2 with LVM on top (root, swap), 3 plain.
fn machine() -> Machine {
    let disk = format!("{SYS}/pci0/block/sda");
    let mut machine = Machine::new().file(&format!("{disk}/uevent"), "DEVNAME=sda\nDEVTYPE=disk\n");
    for number in ["1", "2", "3"] {
        let folder = format!("{disk}/sda{number}");
        machine = machine
            .file(&format!("{folder}/uevent"), format!("DEVNAME=sda{number}\nDEVTYPE=partition\n"))
            .file(&format!("{folder}/partition"), format!("{number}\n"))
            .link(&format!("/sys/dev/block/8:{number}"), &folder)
            .link(&format!("/sys/class/block/sda{number}"), &folder);
    }
    let machine = device(machine, "254:0", "dm-0", "CRYPT-LUKS2-0a1b2c-root_crypt", &["sda2"]);
    let machine = device(machine, "254:1", "dm-1", "LVM-abcdef", &["dm-0"]);
    let machine = device(machine, "254:2", "dm-2", "LVM-abcdeg", &["dm-0"]);
    let machine = device(machine, "254:3", "dm-3", "CRYPT-VERITY-0a1b-usr", &["sda3"]);
    device(machine, "9:0", "md0", "", &["dm-0", "sda3"]).file(
        "/proc/self/mountinfo",
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n\
         27 1 254:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw\n\
         28 27 8:1 / /boot rw,nosuid - ext4 /dev/sda1 rw\n\
         29 27 254:3 / /opt ro - ext4 /dev/dm-3 ro\n\
         30 27 9:0 / /srv rw - xfs /dev/md0 rw\n\
         31 27 0:40 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw\n\
         32 27 0:41 / /run rw,nosuid,nodev - tmpfs tmpfs rw\n\
         33 27 0:42 / /mnt/far\\040away rw - nfs4 192.0.2.1:/x rw\n\
         34 27 0:43 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
         35 27 254:1 /x /var/lib/docker/volumes/v rw - ext4 /dev/mapper/vg-root rw\n\
         36 27 0:44 / /pool rw - zfs pool rw\n",
    )
}

#[test]
fn encryption_is_followed_down_to_the_disk() {
    let (door, _root) = machine()
        .directory("/boot")
        .directory("/tmp")
        .directory("/srv")
        .directory("/opt")
        .directory("/var/lib/docker")
        .link("/data", "/srv/data")
        .directory("/srv/data")
        .door();
    let disks = disks(door);
    let all = disks.filesystems.value().unwrap();
    let find =
        |point: &str| all.iter().find(|one| one.mount_point == point).unwrap_or_else(|| panic!("{point}"));
    let root = find("/");
    assert_eq!(
        (root.encrypted.value(), root.encryption.value().map(String::as_str)),
        (Some(&true), Some("LUKS2"))
    );
    assert_eq!(root.chain, ["dm-1", "dm-0 (CRYPT-LUKS2)", "sda2", "sda"]);
    assert_eq!(find("/boot").encrypted.value(), Some(&false));
    assert_eq!(find("/boot").chain, ["sda1", "sda"]);
    assert_eq!(find("/opt").encrypted.value(), Some(&false), "verity protects integrity only");
    assert_eq!(find("/srv").encrypted.value(), Some(&false), "one half of the array is plain");
    assert!(find("/tmp").in_memory && find("/tmp").encrypted.value() == Some(&true));
    let far = find("/mnt/far away");
    assert!(far.remote && far.size_bytes.is_unreadable() && far.encrypted.is_unreadable());
    assert!(find("/pool").encrypted.is_unreadable());
    assert!(root.size_bytes.value().is_some());
    assert!(!all.iter().any(|one| one.mount_point == "/run" || one.mount_point.starts_with("/var/lib/docker")));
    let places = disks.places.value().unwrap();
    let place = |path: &str| places.iter().find(|one| one.path == path).unwrap_or_else(|| panic!("{path}"));
    assert_eq!((place("/data").mount_point.as_str(), place("/data").separate), ("/srv", false));
    assert_eq!(place("/var/lib/docker").encrypted.value(), Some(&true));
    assert!(place("/boot").separate && !place("/var/lib/docker").separate);
}

#[test]
fn a_bind_mount_is_no_file_system_of_its_own() {
    let (door, _root) = Machine::new()
        .file(
            "/proc/self/mountinfo",
            "27 1 254:1 / / rw - ext4 /dev/vda rw\n28 27 254:1 /run/netns /run/netns rw - ext4 /dev/vda rw\n",
        )
        .door();
    let disks = disks(door);
    let points: Vec<_> =
        disks.filesystems.value().unwrap().iter().map(|filesystem| filesystem.mount_point.clone()).collect();
    assert_eq!(points, ["/"]);
}

#[test]
fn swap_and_crypttab_are_read() {
    let (door, _root) = machine()
        .file(
            "/proc/swaps",
            "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/dm-2 partition\t1048572\t0\t-2\n\
             /dev/zram0 partition\t1024\t0\t100\n/swapfile file\t1024\t0\t-3\n/dev/sda3 partition\t10\t0\t-4\n",
        )
        .file(
            "/etc/crypttab",
            "# name device key options\nroot_crypt UUID=0a1b none luks,discard,tpm2-device=auto\nswap /dev/sda9 /dev/urandom swap\n\
             data /dev/sdb1 /etc/keys/data.key luks\nback /dev/sdc1\nonly-a-name\n",
        )
        .file_with_mode("/etc/keys/data.key", "x", 0o644)
        .door();
    let disks = disks(door);
    let swaps: Vec<_> = disks
        .swaps
        .value()
        .unwrap()
        .iter()
        .map(|swap| (swap.path.as_str(), swap.encrypted.value().copied()))
        .collect();
    assert_eq!(
        swaps,
        [
            ("/dev/dm-2", Some(true)),
            ("/dev/zram0", Some(true)),
            ("/swapfile", Some(true)),
            ("/dev/sda3", Some(false)),
        ]
    );
    let keys: Vec<_> =
        disks.crypttab.value().unwrap().iter().map(|one| (one.name.as_str(), one.key.as_str())).collect();
    assert_eq!(keys, [("root_crypt", "tpm2"), ("swap", "random"), ("data", "file"), ("back", "passphrase")]);
    assert_eq!(disks.crypttab.value().unwrap()[2].key_readable_by_others.value(), Some(&true));
}

#[test]
fn a_file_tree_is_read_from_its_tables() {
    let (door, _root) = Machine::new()
        .file(
            "/etc/fstab",
            "/dev/mapper/root_crypt / ext4 defaults 0 1\nUUID=1 /boot ext4 nodev 0 2\n/dev/mapper/x none swap sw 0 0\n\
             192.0.2.1:/x /mnt nfs defaults 0 0\n",
        )
        .file("/etc/crypttab", "root_crypt UUID=0a none luks\n")
        .offline_door();
    let found = disks(door);
    let all = found.filesystems.value().unwrap();
    assert_eq!(all.len(), 3);
    assert_eq!(all[0].encrypted.value(), Some(&true));
    assert!(all[1].encrypted.is_unreadable() && all[0].used_percent.is_unreadable());
    assert!(found.swaps.is_unreadable());
    let (door, _root) = Machine::new().offline_door();
    assert!(disks(door).filesystems.is_unreadable());
}

#[test]
fn devices_that_cannot_be_followed_are_unknown() {
    let mounts = "27 1 254:1 / / rw - ext4 /dev/x rw\njunk\n - - - \n28 27 8:1\n";
    let (door, _root) = Machine::new().file("/proc/self/mountinfo", mounts).door();
    let found = disks(door);
    let root = &found.filesystems.value().unwrap()[0];
    assert!(root.encrypted.is_unreadable() || root.encrypted.is_absent());
    let looping = device(Machine::new(), "254:0", "dm-0", "LVM-x", &["dm-0"])
        .file("/proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/dm-0 rw\n");
    let (door, _root) = looping.door();
    assert!(disks(door).filesystems.value().unwrap()[0].encrypted.is_unreadable());
    let (door, _root) =
        Machine::new().file("/proc/self/mountinfo", b"27 1 8:1 / /\xff\\777 rw - ext4 \\0 rw\n").door();
    assert_eq!(disks(door).filesystems.value().unwrap().len(), 1);
}

#[test]
fn jobs_that_watch_storage_are_found() {
    let (door, _root) = Machine::new()
        .file("/etc/cron.d/storage", "MAILTO=\n*/30 * * * * root /usr/local/sbin/storage-watch\n")
        .file(
            "/usr/local/sbin/storage-watch",
            "#!/bin/sh\nused=$(df --output=pcent /data | tail -1)\n[ $used -gt 80 ] && logger full\n",
        )
        .file("/etc/cron.d/other", "* * * * * root /bin/true\n")
        .file("/usr/bin/monit", "")
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/9/comm", "monit\n")
        .door();
    let disks = disks(door);
    let watches = disks.watches.value().unwrap();
    assert_eq!(watches.len(), 2);
    assert_eq!((watches[0].tool.as_str(), watches[0].active.value()), ("monit", Some(&true)));
    let job = &watches[1];
    assert_eq!(
        (job.kind.as_str(), job.interval_minutes.value(), job.notifies.value()),
        ("cron", Some(&30.0), Some(&true))
    );
    assert_eq!(job.source, "/etc/cron.d/storage:2");
}

#[test]
fn backups_that_others_can_read_are_named() {
    let (door, root) = Machine::new()
        .file_with_mode("/data/backups/a.tar.gz", "x", 0o644)
        .file_with_mode("/data/backups/b.tar.gz", "x", 0o600)
        .file_with_mode("/backup/c.tar.gz", "x", 0o600)
        .file("/srv/backup", "a file")
        .door();
    let set = |path: &str, mode| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(root.path().join(path), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("data/backups", 0o750);
    set("backup", 0o700);
    let disks = disks(door);
    let folders = disks.backup_folders.value().unwrap();
    let seen: Vec<_> = folders
        .iter()
        .map(|one| (one.path.as_str(), one.open_to_others, one.files_open_to_others.value().unwrap().len()))
        .collect();
    assert_eq!(seen, [("/backup", false, 0), ("/data/backups", true, 1)]);
    assert_eq!(folders[1].files_open_to_others.value().unwrap(), &["a.tar.gz"]);
}

#[test]
fn a_file_system_is_as_full_as_df_says() {
    let (door, _root) =
        Machine::new().file("/proc/self/mountinfo", "27 1 254:1 / / rw - ext4 /dev/vda rw\n").door();
    let used = *disks(door).filesystems.value().unwrap()[0].used_percent.value().unwrap();
    #[expect(clippy::disallowed_methods, reason = "df is asked as a second opinion")]
    let df = std::process::Command::new("df").args(["--output=pcent", "/tmp"]).output().unwrap();
    let text = String::from_utf8(df.stdout).unwrap();
    let said: f64 = text.lines().last().unwrap().trim().trim_end_matches('%').parse().unwrap();
    assert!((used - said).abs() <= 1.5, "{used} is not {said}");
}
