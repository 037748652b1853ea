//! Made-up machines for time services.

use test_support::Machine;

use super::*;

fn time(door: Door) -> Time {
    match probe(&Context::new(door)) {
        Fact::Known(time, _) => time,
        other => panic!("{other:?}"),
    }
}

fn process(machine: Machine, pid: u32, name: &str) -> Machine {
    machine.file(&format!("/proc/{pid}/comm"), format!("{name}\n"))
}

fn host() -> Machine {
    process(Machine::new(), 1, "systemd")
}

/// chronyd of Debian 12 with its own file, and the output of `chronyc -c -n -m tracking sources` of a real one.
fn chrony() -> Machine {
    process(host(), 7, "chronyd")
        .file("/usr/sbin/chronyd", "")
        .file("/lib/systemd/system/chrony.service", "[Unit]\n")
        .link("/etc/systemd/system/multi-user.target.wants/chrony.service", "/lib/systemd/system/chrony.service")
        .file(
            "/etc/chrony/chrony.conf",
            "# Welcome\nconfdir /etc/chrony/conf.d\npool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\n\
             sourcedir /etc/chrony/sources.d\nkeyfile /etc/chrony/chrony.keys\n! server never\nrefclock PHC /dev/ptp0 poll 3\n",
        )
        .file("/etc/chrony/sources.d/plant.sources", "server ntp.plant.example iburst nts\nserver 192.0.2.9 key 7\n")
        .file("/etc/chrony/conf.d/x.conf.off", "server never\n")
}

const TRACKING: &str = "C0000201,192.0.2.1,3,1767225600.123456789,-0.000123456,0.000001,0.000002,-1.5,0.001,0.02,0.01,\
                        0.0005,64.2,Normal\n";

#[test]
fn a_clock_that_chrony_keeps_is_described() {
    let sources = "^,*,192.0.2.1,2,6,377,12,0.0001,0.0001,0.002\n^,?,192.0.2.9,0,6,0,4294967295,0.0,0.0,0.0\n";
    let (door, _root) = chrony()
        .program("chronyc -c -n -m tracking sources", &format!("{TRACKING}{sources}"))
        .link("/etc/localtime", "/usr/share/zoneinfo/Europe/Vienna")
        .door();
    let time = time(door);
    assert_eq!(time.running.value().unwrap(), &["chrony"]);
    assert_eq!(time.enabled.value().unwrap(), &["chrony"]);
    assert_eq!(time.synchronised.value(), Some(&true));
    assert_eq!(time.reference.value().unwrap(), "192.0.2.1");
    assert_eq!(time.offset_seconds.value(), Some(&0.000_123_456));
    assert_eq!(time.stratum.value(), Some(&3));
    assert_eq!(time.reachable_sources.value(), Some(&1));
    assert_eq!(time.last_synchronised_at.value().unwrap(), "2026-01-01T00:00:00Z");
    assert_eq!(time.timezone.value().unwrap(), "Europe/Vienna");
    let sources: Vec<_> = time
        .sources
        .value()
        .unwrap()
        .iter()
        .map(|source| {
            (source.address.as_str(), source.kind.as_str(), source.authenticated, source.source.as_str())
        })
        .collect();
    assert_eq!(
        sources,
        [
            ("2.debian.pool.ntp.org", "pool", false, "/etc/chrony/chrony.conf:3"),
            ("ntp.plant.example", "server", true, "/etc/chrony/sources.d/plant.sources:1"),
            ("192.0.2.9", "server", true, "/etc/chrony/sources.d/plant.sources:2"),
            ("PHC", "refclock", true, "/etc/chrony/chrony.conf:8"),
        ]
    );
}

#[test]
fn chrony_on_its_own_clock_is_not_synchronised() {
    for line in [
        "7F7F0101,,10,1767225600.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,Normal\n",
        "00000000,,0,0.000000000,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n",
    ] {
        let (door, _root) = chrony().program("chronyc -c -n -m tracking sources", line).door();
        let time = time(door);
        assert_eq!(time.synchronised.value(), Some(&false), "{line}");
        assert!(time.offset_seconds.is_absent() && time.reference.is_absent());
        assert_eq!(time.reachable_sources.value(), Some(&0));
    }
}

#[test]
fn a_service_that_does_not_answer_leaves_the_state_unknown() {
    let failing =
        chrony().failing_program("chronyc -c -n -m tracking sources", 1, "506 Cannot talk to daemon\n");
    for machine in [failing, chrony(), chrony().program("chronyc -c -n -m tracking sources", "\u{0}junk,\n")] {
        let (door, _root) = machine.door();
        let time = time(door);
        assert!(time.synchronised.is_unreadable() && time.offset_seconds.is_unreadable());
        assert_eq!(time.running.value().unwrap(), &["chrony"]);
    }
}

#[test]
fn timesyncd_is_read_from_its_files_and_its_status() {
    let status = "       Server: 192.0.2.1 (0.debian.pool.ntp.org)\nPoll interval: 1min 4s (min: 32s; max 34min 8s)\n\
                  \x20        Leap: normal\n      Version: 4\n      Stratum: 2\n    Reference: C0000202\n       Offset: -1.025ms\n";
    let machine = || {
        process(host(), 9, "systemd-timesyn")
            .file("/lib/systemd/systemd-timesyncd", "")
            .file("/lib/systemd/system/systemd-timesyncd.service", "")
            .link("/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service", "x")
            .program("timedatectl timesync-status", status)
    };
    let (door, _root) = machine()
        .file("/run/systemd/timesync/synchronized", "")
        .file("/etc/systemd/timesyncd.conf", "[Time]\n#NTP=\nNTP=old.example\n")
        .file("/etc/systemd/timesyncd.conf.d/plant.conf", "[Time]\nNTP=\nNTP=a.example b.example\n")
        .file("/usr/lib/systemd/timesyncd.conf.d/plant.conf", "[Time]\nNTP=hidden.example\n")
        .door();
    let found = time(door);
    assert_eq!(found.synchronised.value(), Some(&true));
    assert!((found.offset_seconds.value().unwrap() - 0.001_025).abs() < 1e-9);
    assert_eq!(found.stratum.value(), Some(&2));
    assert_eq!(found.leap_status.value().unwrap(), "Normal");
    assert!(found.last_synchronised_at.value().is_some());
    let addresses: Vec<_> = found.sources.value().unwrap().iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["a.example", "b.example"]);
    let (door, _root) = machine().door();
    let found = time(door);
    assert_eq!(found.synchronised.value(), Some(&false));
    assert!(found.sources.value().unwrap()[0].built_in);
}

#[test]
fn ntpd_is_asked_with_ntpq() {
    let answer = "leap=00, stratum=2, refid=192.0.2.1, offset=-0.250\n\
                  \x20    remote           refid      st t when poll reach   delay   offset  jitter\n\
                  ==============================================================================\n\
                  *192.0.2.1       .GPS.            1 u   33   64  377    0.412   -0.250   0.051\n\
                  \x20192.0.2.2       .INIT.          16 u    -   64    0    0.000    0.000   0.000\n";
    let (door, _root) = process(host(), 5, "ntpd")
        .file("/usr/sbin/ntpd", "")
        .file(
            "/etc/ntp.conf",
            "server -4 ntp.plant.example key 3 # ours\nserver 127.127.1.0\npool x.example iburst\n",
        )
        .program("ntpq -n -c rv 0 leap,stratum,refid,offset -c peers", answer)
        .door();
    let found = time(door);
    assert_eq!(found.running.value().unwrap(), &["ntp"]);
    assert_eq!(found.synchronised.value(), Some(&true));
    assert_eq!(found.offset_seconds.value(), Some(&0.000_25));
    assert_eq!(found.reachable_sources.value(), Some(&1));
    let sources = found.sources.value().unwrap();
    assert_eq!((sources[0].address.as_str(), sources[0].authenticated), ("ntp.plant.example", true));
    assert_eq!((sources[1].kind.as_str(), sources[1].authenticated), ("refclock", false));
}

#[test]
fn ptp_is_asked_with_pmc() {
    let answer = "sending: GET TIME_STATUS_NP\n\taabbcc.fffe.ddeeff-0 seq 0 RESPONSE MANAGEMENT TIME_STATUS_NP\n\
                  \t\tmaster_offset              -42\n\t\tgmPresent                  true\n\
                  \t\tgmIdentity                 001122.fffe.334455\n";
    let (door, _root) = process(process(host(), 5, "ptp4l"), 6, "phc2sys")
        .file("/usr/sbin/ptp4l", "")
        .file("/usr/sbin/phc2sys", "")
        .file("/etc/linuxptp/ptp4l.conf", "[global]\nslaveOnly 1\n[eth0]\n")
        .program("pmc -u -b 0 GET TIME_STATUS_NP", answer)
        .door();
    let found = time(door);
    assert_eq!(found.running.value().unwrap(), &["phc2sys"]);
    assert_eq!(found.synchronised.value(), Some(&true));
    assert_eq!(found.offset_seconds.value(), Some(&4.2e-8));
    assert_eq!(found.sources.value().unwrap()[0].address, "eth0");
}

#[test]
fn two_services_are_both_named_and_none_is_not_synchronised() {
    let (door, _root) = process(process(host(), 5, "chronyd"), 6, "systemd-timesyn")
        .file("/usr/sbin/chronyd", "")
        .file("/lib/systemd/systemd-timesyncd", "")
        .door();
    assert_eq!(time(door).running.value().unwrap(), &["chrony", "systemd-timesyncd"]);
    let (door, _root) = host().door();
    let found = time(door);
    assert_eq!(found.synchronised.value(), Some(&false));
    assert!(found.offset_seconds.is_absent() && found.services.value().unwrap().is_empty());
}

#[test]
fn a_file_tree_tells_settings_but_no_state() {
    let (door, _root) = chrony().offline_door();
    let found = time(door);
    assert!(found.running.is_unreadable() && found.synchronised.is_unreadable());
    assert_eq!(found.enabled.value().unwrap(), &["chrony"]);
    assert_eq!(found.sources.value().unwrap().len(), 4);
    let (door, _root) = Machine::new()
        .file("/usr/sbin/chronyd", "")
        .file("/etc/chrony/chrony.conf", "include /etc/chrony/chrony.conf\nserver\n\nserver a\n")
        .offline_door();
    assert!(time(door).sources.value().unwrap().len() <= 6);
    let (door, _root) = Machine::new()
        .file("/usr/sbin/chronyd", "")
        .file("/etc/chrony/chrony.conf", "include /etc/chrony/chrony.conf\n".repeat(100))
        .offline_door();
    assert!(time(door).sources.is_unreadable());
    let (door, _root) = Machine::new()
        .file("/usr/sbin/chronyd", "")
        .file("/etc/chrony/chrony.conf", vec![b'\n'; host::FILE_LIMIT + 1])
        .offline_door();
    assert!(time(door).sources.is_unreadable());
}
