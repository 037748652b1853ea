//! Kernel settings, modules, mounts and the rest on made-up machines.

use test_support::Machine;

use super::*;

fn read(machine: Machine) -> Net {
    let (door, _tree) = machine.door();
    known(probe(&Context::new(door)))
}

fn read_offline(machine: Machine) -> Net {
    let (door, _tree) = machine.offline_door();
    known(probe(&Context::new(door)))
}

fn known(net: Fact<Net>) -> Net {
    match net {
        Fact::Known(net, _) => net,
        other => panic!("{other:?}"),
    }
}

fn text(value: &str) -> Fact<String> {
    Fact::known(value.to_owned())
}

/// The value without its source.
fn plain<T: Clone>(fact: &Fact<T>) -> Fact<T> {
    match fact {
        Fact::Known(value, _) => Fact::known(value.clone()),
        other => other.clone(),
    }
}

const RP: &str = "net.ipv4.conf.all.rp_filter";

#[test]
fn the_last_file_by_name_sets_a_key_wherever_it_stands() {
    let net = read(
        Machine::new()
            .file("/usr/lib/systemd/systemd-sysctl", "")
            .file("/etc/sysctl.d/10-a.conf", "# c\n; c\nnet.ipv4.conf.all.rp_filter = 0\nnonsense\n")
            .file("/usr/lib/sysctl.d/50-b.conf", "net/ipv4/conf/all/rp_filter=1\n")
            .file("/usr/lib/sysctl.d/10-a.conf", "net.ipv4.conf.all.rp_filter = 7\n")
            .file("/etc/sysctl.conf", "net.ipv4.conf.all.rp_filter = 9\n")
            .file("/proc/sys/net/ipv4/conf/all/rp_filter", "2\n"),
    );
    let setting = &net.sysctl[RP];
    assert_eq!(plain(&setting.value), text("2"));
    let Fact::Known(value, Some(source)) = &setting.persisted else { panic!("{setting:?}") };
    assert_eq!((value.as_str(), source.at.as_str()), ("1", "/usr/lib/sysctl.d/50-b.conf:1"));
    assert_eq!(source.overridden.len(), 1);
    assert_eq!(source.overridden[0].at, "/etc/sysctl.d/10-a.conf:3");
    assert!(net.sysctl["kernel.kptr_restrict"].live.is_absent(), "this kernel has no such setting");
}

#[test]
fn the_old_file_counts_last_without_systemd_and_by_its_link_with_it() {
    let conf = |machine: Machine| machine.file("/etc/sysctl.conf", "net.ipv4.conf.all.rp_filter = 9\n");
    let old = read(conf(Machine::new().file("/etc/sysctl.d/99-z.conf", "net.ipv4.conf.all.rp_filter=1\n")));
    assert_eq!(plain(&old.sysctl[RP].persisted), text("9"));
    let linked = Machine::new()
        .file("/usr/lib/systemd/systemd-sysctl", "")
        .link("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
    assert_eq!(plain(&read(conf(linked)).sysctl[RP].persisted), text("9"));
}

#[test]
fn patterns_yield_to_exact_names_and_exclusions() {
    let with =
        |lines: &str| read(Machine::new().file("/etc/sysctl.d/50.conf", lines)).sysctl[RP].persisted.clone();
    assert_eq!(plain(&with("net.ipv4.conf.*.rp_filter = 2\n")), text("2"));
    assert_eq!(plain(&with("net.ipv4.conf.all.rp_filter=1\nnet.ipv4.conf.*.rp_filter = 2\n")), text("1"));
    assert!(with("net.ipv4.conf.*.rp_filter = 2\n-net.ipv4.conf.all.rp_filter\n").is_absent());
    assert!(with("net.ipv4.*.rp_filter = 2\n").is_absent(), "a star stays within one part");
}

#[test]
fn a_masked_file_sets_nothing() {
    let net = read(
        Machine::new()
            .link("/etc/sysctl.d/50.conf", "/dev/null")
            .file("/usr/lib/sysctl.d/50.conf", "net.ipv4.conf.all.rp_filter=1\n"),
    );
    assert!(net.sysctl[RP].persisted.is_absent());
}

#[test]
fn a_tree_that_does_not_run_is_told_by_its_files() {
    let net = read_offline(Machine::new().file("/etc/sysctl.d/50.conf", "net.ipv4.conf.all.rp_filter=1\n"));
    assert_eq!(plain(&net.sysctl[RP].value), text("1"));
    assert!(net.sysctl[RP].live.is_unreadable());
    assert!(net.sysctl["kernel.kptr_restrict"].value.is_unreadable());
    assert!(net.interfaces.is_unreadable());
}

#[test]
fn a_host_without_proc_is_unreadable_not_without_settings() {
    let net = read(Machine::new());
    assert!(net.sysctl[RP].value.is_unreadable());
    assert!(net.mounts["/tmp"].nodev.is_unreadable());
    assert!(net.modules["udf"].usable.is_unreadable());
    assert!(net.interfaces.is_unreadable() && net.gateways.is_unreadable() && net.radios.is_unreadable());
}

fn kernel() -> Machine {
    Machine::new()
        .file("/proc/sys/kernel/osrelease", "6.1.0-40-amd64\n")
        .file("/proc/modules", "udf 139264 0 - Live 0x0\nusb_storage 90112 0 - Live 0x0\n")
        .file(
            "/lib/modules/6.1.0-40-amd64/modules.dep",
            "kernel/fs/udf/udf.ko: x.ko\nkernel/fs/hfs/hfs.ko.xz:\nkernel/fs/cramfs/cramfs.ko:\nkernel/net/sctp/sctp.ko: a\n",
        )
        .file("/lib/modules/6.1.0-40-amd64/modules.builtin", "kernel/fs/squashfs/squashfs.ko\n")
        .file("/lib/modules/5.0/modules.dep", "kernel/fs/jffs2/jffs2.ko:\n")
}

#[test]
fn a_module_is_usable_unless_it_is_missing_or_refused() {
    let net = read(kernel().file(
        "/etc/modprobe.d/palisade.conf",
        "install hfs /bin/false\ninstall udf /bin/true\nblacklist cramfs\ninstall sctp /sbin/modprobe --ignore-install sctp\n",
    ));
    let usable: Vec<&str> = net
        .modules
        .values()
        .filter(|module| module.usable.value() == Some(&true))
        .map(|module| module.name.as_str())
        .collect();
    assert_eq!(usable, ["cramfs", "sctp", "squashfs", "udf", "usb-storage"]);
    assert_eq!(plain(&net.modules["cramfs"].blacklisted), Fact::known(true));
    assert_eq!(plain(&net.modules["hfs"].install_refused), Fact::known(true));
    assert_eq!(net.modules["jffs2"].available.value(), Some(&false), "another kernel's module");
}

#[test]
fn a_tree_has_the_modules_of_all_its_kernels() {
    let net = read_offline(kernel());
    assert_eq!(net.modules["jffs2"].usable.value(), Some(&true));
    assert_eq!(net.modules["tipc"].usable.value(), Some(&false));
    assert!(net.modules["udf"].loaded.is_unreadable());
}

/// Debian 12, taken 2026-11-22, shortened.
const MOUNTINFO: &str = "\
22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible
25 24 0:23 / /dev/shm rw,relatime - tmpfs tmpfs rw,size=24684092k
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
30 25 0:27 / /dev/shm rw,nosuid,nodev,relatime - tmpfs tmpfs rw
nonsense
31 25 0:28 / /tmp
";

#[test]
fn the_topmost_mount_counts() {
    let net = read(Machine::new().file("/proc/self/mountinfo", MOUNTINFO).file(
        "/etc/fstab",
        "# x\nUUID=1 / ext4 errors=remount-ro 0 1\ntmpfs /dev/shm tmpfs noexec,nodev 0 0\nbad\n",
    ));
    let shm = &net.mounts["/dev/shm"];
    assert_eq!(plain(&shm.nosuid), Fact::known(true));
    assert_eq!(plain(&shm.noexec), Fact::known(false));
    assert_eq!(plain(&shm.persisted), Fact::known(vec!["noexec".to_owned(), "nodev".to_owned()]));
    assert_eq!(net.mounts["/tmp"].separate.value(), Some(&false));
    assert!(net.mounts["/tmp"].nodev.is_absent());
    assert_eq!(plain(&net.mounts["/proc"].hidepid), text("invisible"));
}

#[test]
fn a_tree_mounts_what_its_fstab_says_and_the_rest_is_unknown() {
    let net = read_offline(Machine::new().file("/etc/fstab", "/dev/sda2 /home ext4 nodev,nosuid 0 2\n"));
    assert_eq!(plain(&net.mounts["/home"].nodev), Fact::known(true));
    assert!(net.mounts["/tmp"].separate.is_unreadable());
}

fn interface() -> Machine {
    Machine::new()
        .file("/sys/class/net/eth0/flags", "0x1103\n")
        .file("/sys/class/net/eth0/type", "1\n")
        .file("/sys/class/net/eth0/carrier", "1\n")
        .directory("/sys/class/net/eth0/device")
        .file("/sys/class/net/bonding_masters", "")
        .file("/proc/net/fib_trie", "Main:\n  |-- 192.0.2.2\n     /32 host LOCAL\n")
        .file(
            "/proc/net/route",
            "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\neth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\neth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n",
        )
}

fn conf(machine: Machine, values: &[(&str, &str)]) -> Machine {
    values.iter().fold(machine, |machine, (key, value)| {
        machine.file(&format!("/proc/sys/net/{key}"), format!("{value}\n"))
    })
}

#[test]
fn settings_of_an_interface_are_those_in_effect() {
    let values = [
        ("ipv4/conf/all/rp_filter", "0"),
        ("ipv4/conf/eth0/rp_filter", "2"),
        ("ipv4/conf/all/accept_redirects", "1"),
        ("ipv4/conf/eth0/accept_redirects", "0"),
        ("ipv4/conf/all/accept_source_route", "0"),
        ("ipv4/conf/eth0/accept_source_route", "1"),
        ("ipv6/conf/eth0/accept_redirects", "0"),
        ("ipv6/conf/eth0/accept_ra", "1"),
        ("ipv6/conf/eth0/accept_source_route", "0"),
    ];
    let net = read(conf(interface(), &values));
    let interfaces = net.interfaces.value().unwrap();
    assert_eq!(interfaces.len(), 1);
    let eth0 = &interfaces[0];
    assert_eq!((eth0.kind.as_str(), eth0.up, eth0.carrier, eth0.promiscuous), ("ethernet", true, true, true));
    assert_eq!(eth0.addresses, ["192.0.2.2"]);
    assert_eq!(plain(&eth0.rp_filter), Fact::known(2));
    assert_eq!(plain(&eth0.accepts_redirects), Fact::known(true), "one of both is enough on a host");
    assert_eq!(plain(&eth0.accepts_source_routes), Fact::known(false), "both must say so");
    assert_eq!(plain(&eth0.accepts_router_advertisements), Fact::known(true));
    let router = conf(interface(), &values);
    let router = read(conf(router, &[("ipv4/conf/eth0/forwarding", "1")]));
    assert_eq!(plain(&router.interfaces.value().unwrap()[0].accepts_redirects), Fact::known(false));
}

#[test]
fn a_gateway_is_pinned_by_a_permanent_entry() {
    let arp = |flags: &str| {
        format!(
            "IP address HW type Flags HW address Mask Device\n192.0.2.1 0x1 {flags} 02:fc:00:00:00:05 * eth0\n"
        )
    };
    for (flags, pinned) in [("0x2", false), ("0x6", true)] {
        let net = read(interface().file("/proc/net/arp", arp(flags)));
        let gateways = net.gateways.value().unwrap();
        assert_eq!((gateways[0].address.as_str(), gateways[0].pinned), ("192.0.2.1", pinned));
    }
}

#[test]
fn radios_are_listed_with_whether_they_are_off() {
    let net = read(
        Machine::new()
            .file("/sys/class/rfkill/rfkill0/name", "phy0\n")
            .file("/sys/class/rfkill/rfkill0/type", "wlan\n")
            .file("/sys/class/rfkill/rfkill0/soft", "1\n")
            .directory("/sys/class/bluetooth/hci0"),
    );
    let radios: Vec<_> =
        net.radios.value().unwrap().iter().map(|r| (r.name.as_str(), r.kind.as_str(), r.blocked)).collect();
    assert_eq!(radios, [("phy0", "wlan", true), ("hci0", "bluetooth", false)]);
}

#[test]
fn the_resolver_is_told_with_its_protection() {
    let plain_dns = read(Machine::new().file("/etc/resolv.conf", "nameserver 192.0.2.53\n"));
    let dns = plain_dns.dns.value().unwrap();
    assert!(!dns.resolved && !dns.local_resolver && dns.dnssec.is_absent());
    let resolved = read(
        Machine::new()
            .file("/etc/resolv.conf", "nameserver 127.0.0.53\noptions edns0\n")
            .file("/etc/systemd/resolved.conf", "[Resolve]\n#DNSSEC=no\nDNSSEC=no\n")
            .file("/etc/systemd/resolved.conf.d/10.conf", "[Resolve]\nDNSSEC=True\n"),
    );
    let dns = resolved.dns.value().unwrap();
    assert_eq!((plain(&dns.dnssec), plain(&dns.dns_over_tls)), (text("yes"), text("no")));
    assert!(read(Machine::new()).dns.is_absent());
}

#[test]
fn proxies_are_listed_without_their_passwords() {
    let net = read(
        Machine::new()
            .file(
                "/etc/environment",
                "PATH=/bin\nhttp_proxy=\"http://user:s3cret@proxy:3128/\"\nno_proxy=localhost\n",
            )
            .file("/etc/apt/apt.conf.d/80proxy", "Acquire::https::Proxy \"http://u:s3cret@apt:8080\";\n")
            .file(
                "/etc/systemd/system/docker.service.d/p.conf",
                "[Service]\nEnvironment=\"HTTP_PROXY=http://docker:1\" \"NO_PROXY=x\"\n",
            )
            .file("/etc/docker/daemon.json", r#"{"proxies": {"https-proxy": "https://a@daemon:2"}}"#),
    );
    let proxies: Vec<_> = net
        .proxies
        .value()
        .unwrap()
        .iter()
        .map(|proxy| format!("{} {} {}", proxy.user, proxy.protocol, proxy.address))
        .collect();
    assert_eq!(
        proxies,
        [
            "environment http http://proxy:3128",
            "apt https http://apt:8080",
            "docker http http://docker:1",
            "docker https https://daemon:2"
        ]
    );
}

#[test]
fn core_dumps_are_followed_to_where_they_end() {
    let with = |pattern: &str, machine: Machine| {
        plain(&read(machine.file("/proc/sys/kernel/core_pattern", pattern)).core_dumps)
    };
    assert_eq!(with("core\n", Machine::new()), text("file"));
    let limited = Machine::new().file("/etc/security/limits.d/10.conf", "*  hard  core  0\n");
    assert_eq!(with("core\n", limited), text("none"));
    assert_eq!(with("|/bin/false\n", Machine::new()), text("none"));
    assert_eq!(
        with("|/usr/share/apport/apport %p\n", Machine::new()),
        text("handler /usr/share/apport/apport")
    );
    let systemd = "|/lib/systemd/systemd-coredump %P %u\n";
    assert_eq!(with(systemd, Machine::new()), text("external"));
    let off = Machine::new().file("/etc/systemd/coredump.conf.d/10.conf", "[Coredump]\nStorage=none\n");
    assert_eq!(with(systemd, off), text("none"));
    assert!(read_offline(Machine::new()).core_dumps.is_unreadable());
}

#[test]
fn junk_in_every_file_is_survived() {
    let junk: Vec<u8> = (0..=255).cycle().take(50_000).collect();
    let mut machine = interface();
    for path in [
        "/proc/net/fib_trie",
        "/proc/net/route",
        "/proc/net/if_inet6",
        "/proc/net/ipv6_route",
        "/proc/net/arp",
        "/proc/self/mountinfo",
        "/proc/modules",
        "/proc/sys/kernel/osrelease",
        "/proc/sys/net/ipv4/conf/all/rp_filter",
        "/etc/fstab",
        "/etc/sysctl.d/x.conf",
        "/etc/modprobe.d/x.conf",
        "/etc/resolv.conf",
        "/etc/environment",
        "/etc/docker/daemon.json",
        "/etc/security/limits.conf",
        "/sys/class/net/eth0/flags",
    ] {
        machine = machine.file(path, &junk);
    }
    read(machine);
}
