//! Tests of the section on made-up machines.

use test_support::Machine;

use super::*;

const STATUS: &str = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n\
                      Package: gcc-12\nStatus: install ok installed\nArchitecture: amd64\nVersion: 12.2\n\n\
                      Package: telnetd\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
                      Package: tcpdump\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 4.99\n\n";

fn read(machine: Machine) -> Fact<Packages> {
    let (door, _root) = machine.door();
    probe(&Context::new(door))
}

fn known(machine: Machine) -> Packages {
    match read(machine) {
        Fact::Known(packages, _) => packages,
        other => panic!("{other:?}"),
    }
}

#[test]
fn removed_packages_are_not_installed() {
    let packages = known(Machine::new().file("/var/lib/dpkg/status", STATUS));
    assert_eq!(packages.installed.value(), Some(&3));
    let unwanted = packages.unwanted.value().unwrap();
    assert_eq!(unwanted.compilers, ["gcc-12"]);
    assert_eq!(unwanted.sniffers, ["tcpdump"]);
    assert!(unwanted.insecure_servers.is_empty());
    assert_eq!(packages.held.value().unwrap(), &["tcpdump".to_owned()]);
    assert!(packages.sources.is_absent());
}

#[test]
fn sources_of_both_forms_are_read_without_passwords() {
    let packages = known(
        Machine::new()
            .file("/var/lib/dpkg/status", STATUS)
            .file(
                "/etc/apt/sources.list",
                "# deb http://no x y\ndeb [arch=amd64 signed-by=/k.gpg trusted=yes] http://ann:pw@mirror.example/debian bookworm main # x\n\
                 deb-src http://s x y\n",
            )
            .file(
                "/etc/apt/sources.list.d/debian.sources",
                "Types: deb deb-src\nURIs: https://packages.example.org/debian\nSuites: bookworm bookworm-updates\n\
                 Components: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n\n# off\nEnabled: no\nTypes: deb\nURIs: http://off\nSuites: x\n",
            )
            .file("/etc/apt/sources.list.d/x.list.disabled", "deb http://y x y\n"),
    );
    let sources = packages.sources.value().unwrap();
    assert_eq!(sources.len(), 2);
    assert_eq!(sources[0].uri, "http://mirror.example/debian");
    assert_eq!((sources[0].host.as_str(), sources[0].unchecked), ("mirror.example", true));
    assert_eq!(sources[0].signed_by.value().map(String::as_str), Some("/k.gpg"));
    assert_eq!(sources[0].source, "/etc/apt/sources.list:2");
    assert_eq!(sources[1].suites, ["bookworm", "bookworm-updates"]);
    assert_eq!(sources[1].signed_by.value().map(String::as_str), Some("inline"));
}

#[test]
fn the_last_setting_of_apt_wins() {
    let packages = known(
        Machine::new()
            .file("/var/lib/dpkg/status", STATUS)
            .file("/etc/apt/apt.conf.d/10-a", "APT::Get::AllowUnauthenticated \"true\";\nAcquire { https { Verify-Peer \"false\"; }; };\n// Acquire::Check-Valid-Until \"false\";\n/* Acquire::AllowWeakRepositories \"yes\"; */\n")
            .file("/etc/apt/apt.conf.d/20-b", "apt::get::allowunauthenticated \"0\";\n")
            .file("/etc/apt/apt.conf.d/30-c.disabled", "APT::Get::AllowUnauthenticated \"1\";\n"),
    );
    let apt = packages.apt.value().unwrap();
    assert_eq!(apt.allow_unauthenticated.value(), Some(&false));
    assert_eq!(apt.https_verify_peer.value(), Some(&false));
    assert_eq!(apt.check_valid_until.value(), Some(&true));
    assert_eq!(apt.allow_weak_repositories.value(), Some(&false));
}

#[test]
fn other_package_databases_are_known_by_name() {
    let packages = known(Machine::new().file("/lib/apk/db/installed", "C:x\nP:gcc\nV:13\n\nP:musl\nV:1\n"));
    assert_eq!(packages.manager.value().map(String::as_str), Some("apk"));
    assert_eq!(packages.unwanted.value().unwrap().compilers, ["gcc"]);
    let packages = known(Machine::new().directory("/var/lib/rpm"));
    assert!(packages.installed.is_unreadable());
    assert!(read(Machine::new()).is_absent());
}

#[test]
fn keyrings_that_others_may_change_are_told() {
    let packages = known(
        Machine::new()
            .file("/var/lib/dpkg/status", STATUS)
            .file_with_mode("/etc/apt/keyrings/open.gpg", "", 0o666)
            .file_with_mode("/etc/apt/keyrings/good.gpg", "", 0o644),
    );
    let open: Vec<_> = packages
        .keyrings
        .value()
        .unwrap()
        .iter()
        .filter(|key| key.others_may_change)
        .map(|key| key.path.as_str())
        .collect();
    assert_eq!(open, ["/etc/apt/keyrings/open.gpg"]);
}

#[test]
fn lists_that_multiply_each_other_do_not_fill_the_memory() {
    let many = "a ".repeat(100_000);
    let sources = apt::deb822(&format!("Types: deb\nURIs: {many}\nSuites: {many}\nSigned-By: {many}\n"), "x");
    assert!(sources.len() <= 500 && sources.iter().all(|source| source.suites.len() <= 500));
}

#[test]
fn junk_does_no_harm() {
    for text in ["{{{{{{{{{{{{{{{{{{{{", "}}};;\"", "a {b \"c", "/*", "x::y", ";"] {
        crate::apt_conf::AptConf::default().parse(text, "x");
    }
    for text in ["deb", "deb [", "deb [x", "deb ]", "URIs: x", ":\n :\nTypes: deb\nURIs: ://@/", "deb ü ü"] {
        apt::one_line(text, "x");
        apt::deb822(text, "x");
    }
    apk("P:\n\nV:\n\nP:ü");
}
