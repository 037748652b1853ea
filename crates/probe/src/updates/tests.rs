//! Made-up machines for pending updates.

use std::io::Write;

use test_support::Machine;

use super::*;

const STATUS: &str = "\
Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2+b2

Package: openssl
Status: install ok installed
Architecture: amd64
Version: 3.0.11-1~deb12u1

Package: tzdata
Status: hold ok installed
Architecture: all
Version: 2023c-5

Package: linux-backported
Status: install ok installed
Architecture: amd64
Version: 6.5-1~bpo12+1

Package: unattended-upgrades
Status: install ok installed
Architecture: all
Version: 2.9.1+nmu3
";

/// A package list in the shape of Debian's.
fn list(packages: &[(&str, &str, &str)]) -> String {
    packages
        .iter()
        .map(|(name, version, architecture)| {
            format!(
                "Package: {name}\nVersion: {version}\nInstalled-Size: 7\nArchitecture: {architecture}\n\
                 Filename: pool/{name}.deb\nDescription: text\n more\n\n"
            )
        })
        .collect()
}

const BASE: &str = "/var/lib/apt/lists/packages.example.org_debian";

fn host() -> Machine {
    Machine::new()
        .file("/var/lib/dpkg/status", STATUS)
        .file(
            &format!("{BASE}_dists_bookworm_main_binary-amd64_Packages"),
            list(&[
                ("bash", "5.2.15-2+b2", "amd64"),
                ("openssl", "3.0.15-1~deb12u1", "amd64"),
                ("tzdata", "2024a-0+deb12u1", "all"),
                ("nginx", "9", "amd64"),
                ("bash", "9", "arm64"),
            ]),
        )
        .file(&format!("{BASE}_dists_bookworm_InRelease"), "Origin: Debian\nLabel: Debian\nSuite: oldstable\n")
        .file(
            &format!("{BASE}-security_dists_bookworm-security_main_binary-amd64_Packages"),
            list(&[("openssl", "3.0.16-1~deb12u1", "amd64"), ("bash", "5.2.15-1", "amd64")]),
        )
        .file(
            &format!("{BASE}_dists_bookworm-backports_main_binary-amd64_Packages"),
            list(&[("bash", "6.0-1~bpo12+1", "amd64"), ("linux-backported", "6.9-1~bpo12+1", "amd64")]),
        )
        .file(
            &format!("{BASE}_dists_bookworm-backports_InRelease"),
            "-----BEGIN PGP SIGNED MESSAGE-----\n\nSuite: stable-backports\nNotAutomatic: yes\nButAutomaticUpgrades: yes\n",
        )
}

fn updates(door: Door) -> Updates {
    match probe(&Context::new(door)) {
        Fact::Known(updates, _) => updates,
        other => panic!("{other:?}"),
    }
}

#[test]
fn waiting_updates_are_those_that_apt_would_install() {
    let (door, _root) = host().door();
    let updates = updates(door);
    let pending: Vec<_> = updates
        .pending
        .value()
        .unwrap()
        .iter()
        .map(|one| (one.name.as_str(), one.candidate.as_str(), one.security, one.held))
        .collect();
    assert_eq!(
        pending,
        [
            ("linux-backported", "6.9-1~bpo12+1", false, false),
            ("openssl", "3.0.16-1~deb12u1", true, false),
            ("tzdata", "2024a-0+deb12u1", false, true),
        ]
    );
    assert_eq!(updates.pending_count.value(), Some(&3));
    assert_eq!(updates.pending_security_count.value(), Some(&1));
    assert_eq!(updates.held.value().unwrap()[0].name, "tzdata");
    assert!(updates.lists_updated_at.value().is_some());
}

#[test]
fn lz4_lists_are_read_and_other_packings_are_named() {
    let mut packed = lz4_flex::frame::FrameEncoder::new(Vec::new());
    packed.write_all(list(&[("bash", "5.3-1", "amd64")]).as_bytes()).unwrap();
    let packed = packed.finish().unwrap();
    let name = "/var/lib/apt/lists/h_dists_s-security_main_binary-amd64_Packages";
    let (door, _root) =
        Machine::new().file("/var/lib/dpkg/status", STATUS).file(&format!("{name}.lz4"), packed).door();
    let found = updates(door);
    assert_eq!(found.pending_security_count.value(), Some(&1));
    for ending in [".gz", ".xz", ".zst"] {
        let (door, _root) =
            Machine::new().file("/var/lib/dpkg/status", STATUS).file(&format!("{name}{ending}"), "x").door();
        match updates(door).pending {
            Fact::Unreadable(why) => assert!(why.contains(ending), "{why}"),
            other => panic!("{other:?}"),
        }
    }
    let (door, _root) = Machine::new()
        .file("/var/lib/dpkg/status", STATUS)
        .file(&format!("{name}.lz4"), "no lz4 at all")
        .door();
    assert!(updates(door).pending.is_unreadable());
}

#[test]
fn missing_lists_are_unknown_and_not_up_to_date() {
    let (door, _root) =
        Machine::new().file("/var/lib/dpkg/status", STATUS).directory("/var/lib/apt/lists").door();
    let found = updates(door);
    assert!(found.pending.is_unreadable() && found.pending_security_count.is_unreadable());
    assert!(found.lists_updated_at.is_absent());
    let (door, _root) = Machine::new().directory("/var/lib/rpm").door();
    let found = updates(door);
    assert_eq!(found.manager.value().unwrap(), "rpm");
    match found.pending {
        Fact::Unreadable(why) => assert_eq!(why, "rpm databases are not read yet"),
        other => panic!("{other:?}"),
    }
    let (door, _root) = Machine::new().door();
    assert!(updates(door).manager.is_absent());
}

#[test]
fn unattended_upgrades_needs_the_tool_its_periods_and_its_timers() {
    let periods = "APT::Periodic::Update-Package-Lists \"1\";\nAPT::Periodic::Unattended-Upgrade \"1\";\n";
    let with_timers = |machine: Machine| {
        ["apt-daily.timer", "apt-daily-upgrade.timer"].iter().fold(machine, |machine, timer| {
            machine.file(&format!("/lib/systemd/system/{timer}"), "[Timer]\n").link(
                &format!("/etc/systemd/system/timers.target.wants/{timer}"),
                &format!("/lib/systemd/system/{timer}"),
            )
        })
    };
    let machine = || {
        host()
            .directory("/run/systemd/system")
            .file(
                "/etc/apt/apt.conf.d/50unattended-upgrades",
                "Unattended-Upgrade::Origins-Pattern {\n  \"origin=Debian,codename=${distro_codename}-security,label=Debian-Security\";\n};\n",
            )
            .file("/var/lib/apt/periodic/unattended-upgrades-stamp", "")
    };
    let (door, _root) = with_timers(machine().file("/etc/apt/apt.conf.d/20auto-upgrades", periods)).door();
    let found = updates(door).automatic;
    assert_eq!(found.enabled.value(), Some(&true));
    assert_eq!(found.security_origin.value(), Some(&true));
    assert_eq!(found.upgrade_every_days.value(), Some(&1.0));
    assert!(found.last_run_at.value().is_some());

    let off = format!("{periods}APT::Periodic::Unattended-Upgrade \"0\";\n");
    for broken in [
        with_timers(machine().file("/etc/apt/apt.conf.d/20auto-upgrades", off)),
        with_timers(machine()),
        machine().file("/etc/apt/apt.conf.d/20auto-upgrades", periods),
        with_timers(machine().file("/etc/apt/apt.conf.d/20auto-upgrades", periods))
            .link("/run/systemd/system/apt-daily.timer", "/dev/null")
            .link("/etc/systemd/system/apt-daily.timer", "/dev/null"),
        with_timers(machine().file("/etc/apt/apt.conf.d/20auto-upgrades", periods))
            .file("/etc/apt/apt.conf.d/99off", "APT::Periodic::Enable \"0\";\n"),
    ] {
        let (door, _root) = broken.door();
        assert_eq!(updates(door).automatic.enabled.value(), Some(&false));
    }
}

#[test]
fn the_last_upgrade_and_the_wish_for_a_reboot_are_read() {
    let history = "\nStart-Date: 2025-06-24  14:36:25\nCommandline: apt-get upgrade\nUpgrade: libc6:amd64 (1, 2)\n\
                   End-Date: 2025-06-24  14:36:29\n\nStart-Date: 2025-07-01  01:00:00\nInstall: x:amd64 (1)\n\
                   End-Date: 2025-07-01  01:00:01\n";
    let log = "2025-06-20 10:00:00 startup packages\n2025-06-26 10:00:01 upgrade tzdata:all 1 2\n\
               2025-07-01 01:00:00 install x:amd64 <none> 1\n";
    let (door, _root) = host()
        .file("/var/log/apt/history.log", history)
        .file("/var/log/dpkg.log", log)
        .file("/run/reboot-required", "*** System restart required ***\n")
        .file("/run/reboot-required.pkgs", "linux-image-6.1.0-25-amd64\nlibc6\nlibc6\n")
        .door();
    let found = updates(door);
    assert_eq!(found.last_upgrade_at.value().unwrap(), "2025-06-26T10:00:01Z");
    assert_eq!(found.reboot_required.value(), Some(&true));
    assert_eq!(found.reboot_required_by.value().unwrap(), &["libc6", "linux-image-6.1.0-25-amd64"]);
    let (door, _root) = host().offline_door();
    let found = updates(door);
    assert!(found.reboot_required.is_unreadable() && found.last_upgrade_at.is_absent());
}

#[test]
fn preferences_that_hold_back_are_listed() {
    let (door, _root) = host()
        .file(
            "/etc/apt/preferences.d/keep",
            "# why\nPackage: docker.io\nPin: version 20.10*\nPin-Priority: 1001\n\nPackage: snapd\nPin: release a=*\n\
             Pin-Priority: -10\n\nPackage: *\nPin: release a=stable\nPin-Priority: 900\n",
        )
        .door();
    let pinned = updates(door).pinned;
    let names: Vec<_> =
        pinned.value().unwrap().iter().map(|pin| (pin.package.as_str(), pin.source.as_str())).collect();
    assert_eq!(
        names,
        [("docker.io", "/etc/apt/preferences.d/keep:2"), ("snapd", "/etc/apt/preferences.d/keep:6")]
    );
}
