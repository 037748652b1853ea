//! Sockets of made-up machines.

use test_support::Machine;

use super::*;

/// Debian 12, kernel 6.1: the header and two lines of `/proc/net/tcp`, taken 2026-11-22.
const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1520 1 00000000ea1badca 100 0 0 10 0
   1: 0100007F:1538 00000000:0000 0A 00000000:00000000 00:00000000 00000000   105        0 1521 1 00000000ea1badcb 100 0 0 10 0
   2: 020200C0:91D2 507100CB:01BB 01 00000000:00000000 03:00001289 00000000     0        0 1522 1 0000000007027610
   3: 020200C0:0016 0A0A000A:C001 01 00000000:00000000 03:00001289 00000000     0        0 1523 1 0000000007027610
   4: 020200C0:91D4 507100CB:01BB 01 00000000:00000000 03:00001289 00000000     0        0 1524 1 0000000007027610
   5: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1525 1 00000000ea1badca 100 0 0 10 0
";
const TCP6: &str = "\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1530 1 0 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1531 1 0 100 0 0 10 0
   2: 000000FD000000000000000002000000:01BB 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1532 1 0 100 0 0 10 0
";
const UDP: &str = "\
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  277: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 1540 2 000000005a8c5bf6 0
  300: 00000000:D431 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 1541 2 000000005a8c5bf6 0
";
const ID: &str = "4f5a1c5ab3a0f6d0d4b6f6d0d4b6f6d0d4b6f6d0d4b6f6d0d4b6f6d0d4b6f6d0";

fn machine() -> Machine {
    Machine::new()
        .file("/proc/net/tcp", TCP)
        .file("/proc/net/tcp6", TCP6)
        .file("/proc/net/udp", UDP)
        .file("/proc/net/if_inet6", "fd000000000000000000000000000002 04 40 00 82     eth0\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/bash\npostgres:x:105:110::/:/bin/sh\nroot2:x:0:0::/:/\n")
        .link("/proc/self/ns/net", "net:[1]")
        .link("/proc/1/ns/net", "net:[1]")
        .link("/proc/70/ns/net", "net:[1]")
        .link("/proc/90/ns/net", "net:[7]")
        .link("/proc/1/fd/40", "socket:[1520]")
        .file("/proc/70/comm", "sshd\n")
        .link("/proc/70/exe", "/usr/sbin/sshd")
        .link("/proc/70/fd/3", "socket:[1520]")
        .link("/proc/70/fd/4", "pipe:[1521]")
        .file("/proc/70/cgroup", "1:name=systemd:/system.slice/ssh.service\n0::/\n")
        .file("/proc/80/comm", "docker-proxy\n")
        .file(
            "/proc/80/cmdline",
            "/usr/bin/docker-proxy\0-proto\0tcp\0-host-ip\0::\0-container-ip\x00172.17.0.2\0-container-port\x008080\0",
        )
        .link("/proc/80/fd/9", "socket:[1530]")
        .file("/proc/80/cgroup", "0::/system.slice/docker.service\n")
        .file("/proc/90/comm", "app\n")
        .link("/proc/90/fd/9", "socket:[1525]")
        .file("/proc/90/cgroup", format!("0::/system.slice/docker-{ID}.scope\n"))
}

fn read(machine: Machine) -> Listeners {
    let (door, _tree) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(listeners, _) => listeners,
        other => panic!("{other:?}"),
    }
}

fn find<'a>(listeners: &'a Listeners, name: &str, address: &str) -> &'a Socket {
    let found = listeners.sockets.iter().find(|socket| socket.name == name && socket.address == address);
    found.unwrap_or_else(|| panic!("{name} {address} in {:?}", listeners.sockets))
}

#[test]
fn every_listening_socket_is_listed_with_its_holder() {
    let listeners = read(machine());
    let names: Vec<_> = listeners.sockets.iter().map(|s| format!("{} {}", s.name, s.address)).collect();
    assert_eq!(
        names,
        [
            "tcp/22 0.0.0.0",
            "tcp/80 ::",
            "tcp/443 fd00::2",
            "tcp/5432 127.0.0.1",
            "tcp/8080 0.0.0.0",
            "tcp/8080 127.0.0.1",
            "udp/53 127.0.0.53",
            "udp/54321 0.0.0.0",
        ]
    );
    let ssh = find(&listeners, "tcp/22", "0.0.0.0");
    assert_eq!(ssh.endpoint, "tcp 0.0.0.0:22");
    assert_eq!(ssh.pid, Fact::known(70), "process 1 only passed it on");
    assert_eq!(ssh.process, Fact::known("sshd".to_owned()));
    assert_eq!(ssh.exe, Fact::known("/usr/sbin/sshd".to_owned()));
    assert_eq!(ssh.unit, Fact::known("ssh.service".to_owned()));
    assert_eq!(ssh.user, Fact::known("root".to_owned()));
    assert!(ssh.reachable && ssh.container.is_absent() && ssh.proxied.is_absent());
    assert_eq!(ssh.source, "/proc/net/tcp:2");
    assert!(!find(&listeners, "tcp/8080", "127.0.0.1").reachable, "mapped IPv4 is IPv4");
    assert_eq!(find(&listeners, "tcp/443", "fd00::2").interface, Fact::known("eth0".to_owned()));
    assert_eq!(find(&listeners, "tcp/5432", "127.0.0.1").user, Fact::known("postgres".to_owned()));
    assert!(find(&listeners, "tcp/5432", "127.0.0.1").pid.is_absent());
    assert!(find(&listeners, "udp/54321", "0.0.0.0").ephemeral);
    assert!(!find(&listeners, "udp/53", "127.0.0.53").ephemeral);
    assert_eq!(listeners.other_namespaces, Fact::known(1));
}

#[test]
fn whoever_gave_root_up_since_it_opened_its_socket_is_told_as_the_user_that_it_is() {
    let status = "Name:\tapp\nUid:\t105\t105\t105\t105\n";
    let listeners = read(machine().file("/proc/90/status", status));
    let app = find(&listeners, "tcp/8080", "0.0.0.0");
    assert_eq!((app.uid, app.user.value().map(String::as_str)), (105, Some("postgres")));
    // Where the process does not say it, the socket does.
    let ssh = find(&listeners, "tcp/22", "0.0.0.0");
    assert_eq!((ssh.uid, ssh.user.value().map(String::as_str)), (0, Some("root")));
}

#[test]
fn a_published_port_names_the_container_address_behind_it() {
    let listeners = read(machine());
    let proxy = find(&listeners, "tcp/80", "::");
    let proxied = proxy.proxied.value().unwrap();
    assert_eq!((proxied.container_address.as_str(), proxied.container_port), ("172.17.0.2", 8080));
    assert_eq!(find(&listeners, "tcp/8080", "0.0.0.0").container, Fact::known(ID.to_owned()));
}

#[test]
fn peers_are_grouped_by_direction_and_service() {
    let listeners = read(machine());
    let names: Vec<_> = listeners.peers.iter().map(|p| (p.name.as_str(), p.connections)).collect();
    assert_eq!(names, [("out tcp 203.0.113.80:443", 2), ("in tcp :22 from 10.0.10.10", 1)]);
    assert_eq!(listeners.peers[0].approval, "tcp/443 203.0.113.80");
    assert!(!listeners.peers[0].private && listeners.peers[1].private);
}

#[test]
fn without_root_holders_are_unreadable_not_absent() {
    let listeners = read(machine().not_root());
    let socket = find(&listeners, "tcp/5432", "127.0.0.1");
    assert!(matches!(&socket.pid, Fact::Unreadable(reason) if reason.contains("run as root")), "{socket:?}");
}

#[test]
fn a_tree_that_does_not_run_has_no_sockets_to_tell() {
    let (door, _tree) = machine().offline_door();
    assert!(probe(&Context::new(door)).is_unreadable());
}

#[test]
fn a_host_without_socket_tables_is_unknown() {
    let (door, _tree) = Machine::new().door();
    assert!(probe(&Context::new(door)).is_unreadable());
}

#[test]
fn malformed_lines_are_passed_over() {
    let junk =
        "\u{0}\n0:\n0: x:y z\n0: 0100007F:00160 0:0 0A\n 9: 00000000:0016\n0: é0000000:0016 00000000:0000 0A\n";
    let mut table = format!("{junk}{TCP}").into_bytes();
    table.extend([0xff, 0xfe, b'\n']);
    table.extend(std::iter::repeat_n(b'a', 100_000));
    let listeners = read(machine().file("/proc/net/tcp", table));
    assert_eq!(find(&listeners, "tcp/22", "0.0.0.0").source, "/proc/net/tcp:8");
}

#[test]
fn a_hundred_thousand_sockets_are_cut_and_said_to_be() {
    let mut table = String::from("header\n");
    for number in 0..100_000_u32 {
        table.push_str(&format!(
            "{number}: {number:08X}:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 {} 1\n",
            u64::from(number) + 1_000_000
        ));
    }
    let listeners = read(Machine::new().file("/proc/net/tcp", table).file("/proc/net/udp", ""));
    assert_eq!(listeners.sockets.len(), SOCKETS);
    assert!(listeners.truncated);
}

#[test]
fn containers_and_units_are_read_from_both_control_group_versions() {
    for path in [
        format!("12:pids:/docker/{ID}\n0::/system.slice/containerd.service\n"),
        format!("0::/system.slice/docker-{ID}.scope\n"),
        format!("0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-{ID}.scope\n"),
        format!("0::/machine.slice/libpod-{ID}.scope/container\n"),
    ] {
        assert_eq!(owners::container(&path).as_deref(), Some(ID), "{path}");
        assert_eq!(owners::unit(&path), None, "{path}");
    }
    let nested = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n";
    assert_eq!(owners::unit(nested).as_deref(), Some("web.service"));
    assert_eq!(owners::container("0::/\nnonsense\n"), None);
}

#[test]
fn processes_of_a_host_that_is_a_container_are_its_own() {
    let id = "0123456789abcdef".repeat(4);
    let own = format!("4:memory:/docker/{id}\n1:name=systemd:/docker/{id}/init.scope\n");
    let web = format!("4:memory:/docker/{id}\n1:name=systemd:/docker/{id}/system.slice/web.service\n");
    let table = "  sl\n   0: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 77 1 0 100 0 0 10 0\n";
    let (door, _tree) = Machine::new()
        .file("/proc/net/tcp", table)
        .file("/proc/net/udp", "  sl\n")
        .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .link("/proc/self/ns/net", "net:[1]")
        .file("/proc/1/cgroup", own)
        .file("/proc/9/comm", "web\n")
        .link("/proc/9/ns/net", "net:[1]")
        .link("/proc/9/fd/3", "socket:[77]")
        .file("/proc/9/cgroup", web)
        .door();
    let section = probe(&Context::new(door));
    let socket = &section.value().unwrap().sockets[0];
    assert_eq!(socket.container, Fact::Absent);
    assert_eq!(socket.unit.value().map(String::as_str), Some("web.service"));
}
