//! Made-up machines for the operating system.

use test_support::Machine;

use super::*;

/// From a Debian 12 host.
const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\n\
                      VERSION_ID=\"12\"\nVERSION=\"12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";

fn os(door: Door) -> Os {
    match probe(&Context::new(door)) {
        Fact::Known(os, _) => os,
        other => panic!("{other:?}"),
    }
}

fn host() -> Machine {
    Machine::new()
        .file("/usr/lib/os-release", DEBIAN)
        .link("/etc/os-release", "../usr/lib/os-release")
        .file("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
        .file("/etc/hostname", "edge-7\n")
        .link("/lib/systemd/system/default.target", "graphical.target")
        .link("/etc/systemd/system/default.target", "/lib/systemd/system/multi-user.target")
}

#[test]
fn a_running_debian_host_is_described() {
    let (door, _root) = host()
        .file("/proc/sys/kernel/hostname", "edge-7\n")
        .file("/proc/uptime", "1296000.42 99.00\n")
        .file("/proc/stat", "cpu  1 2 3\nbtime 1767225600\nprocesses 7\n")
        .file("/proc/meminfo", "MemTotal:       24668332 kB\nMemFree: 1 kB\nMemAvailable:   20000000 kB\n")
        .file("/sys/devices/system/cpu/online", "0-3,6\n")
        .file("/proc/sys/kernel/arch", "x86_64\n")
        .door();
    let os = os(door);
    assert_eq!(os.id.value().unwrap(), "debian");
    assert_eq!(os.codename.value().unwrap(), "bookworm");
    assert_eq!(os.support_ends.value().unwrap(), "2028-06-30T23:59:59Z");
    assert_eq!(os.uptime_seconds.value(), Some(&1_296_000));
    assert_eq!(os.uptime_days.value(), Some(&15.0));
    assert_eq!(os.booted_at.value().unwrap(), "2026-01-01T00:00:00Z");
    assert_eq!(os.memory_total_bytes.value(), Some(&25_260_371_968));
    assert_eq!(os.cpus.value(), Some(&5));
    assert_eq!(os.default_target.value().unwrap(), "multi-user.target");
    assert_eq!(os.host_name.value().unwrap(), "edge-7");
    assert_eq!(os.has_display_manager.value(), Some(&false));
    assert!(os.kernel.newest.is_absent());
    assert!(os.container.is_absent());
}

#[test]
fn a_file_tree_keeps_what_needs_a_kernel_unreadable() {
    let (door, _root) = host().offline_door();
    let os = os(door);
    assert_eq!(os.host_name.value().unwrap(), "edge-7");
    assert_eq!(os.machine_id.value().unwrap(), "0123456789abcdef0123456789abcdef");
    for unreadable in [
        os.uptime_seconds.is_unreadable(),
        os.booted_at.is_unreadable(),
        os.memory_total_bytes.is_unreadable(),
        os.cpus.is_unreadable(),
        os.kernel.release.is_unreadable(),
        os.virtualisation.is_unreadable(),
        os.product.is_unreadable(),
    ] {
        assert!(unreadable);
    }
}

#[test]
fn an_unknown_or_broken_release_has_no_support_date() {
    for text in ["ID=poky\nVERSION_ID=4.0\n", "ID=arch\n", "", "\u{0}\u{1}=\n=\n\"", "ID=\"debian"] {
        let (door, _root) = Machine::new().file("/etc/os-release", text).door();
        assert!(os(door).support_ends.is_unreadable(), "{text:?}");
    }
    let (door, _root) = Machine::new().door();
    assert!(os(door).id.is_unreadable());
    let (door, _root) = Machine::new().file("/etc/os-release", vec![b'x'; host::FILE_LIMIT + 1]).door();
    assert!(os(door).id.is_unreadable());
    let (door, _root) = Machine::new()
        .file("/etc/os-release", b"ID=\xff\xfe\n")
        .file("/proc/uptime", "soon")
        .file("/proc/stat", "btime x")
        .file("/sys/devices/system/cpu/online", "3-1")
        .file("/proc/meminfo", "MemTotal: lots kB")
        .door();
    let os = os(door);
    assert!(os.uptime_seconds.is_unreadable() && os.booted_at.is_unreadable() && os.cpus.is_unreadable());
    assert!(os.memory_total_bytes.is_unreadable());
}

#[test]
fn quotes_and_escapes_are_those_of_a_shell() {
    for (written, read) in
        [("plain", "plain"), ("\"a b\"", "a b"), ("'a'", "a"), (r#""a \"b\" \\c""#, r#"a "b" \c"#)]
    {
        assert_eq!(unquoted(written), read);
    }
}
