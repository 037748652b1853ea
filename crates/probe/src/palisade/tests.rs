//! Made-up hosts with a server that runs, one that rests, and ones that do not say how they stand.

use model::facts::palisade::{Palisade, Server};
use test_support::Machine;

use super::*;

const STATE: &str = "/var/lib/palisade";

/// The boot was at 1,790,000,000, a thousand seconds ago.
const NOW: i64 = 1_790_001_000;

fn document(schema: &str, written: i64) -> String {
    let written = Timestamp::from_second(written).unwrap();
    serde_json::json!({
        "schema": schema, "written_at": written.to_string(), "later": "ignored",
        "state": {"mfa_enabled": true, "mail": null, "administrators": ["eva"], "later": 1},
    })
    .to_string()
}

/// A host on which a server runs with this command line and this `status.json`.
fn host(command_line: &str, status: &str) -> Machine {
    Machine::new()
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/uptime", "1000.00 1\n")
        .file("/proc/stat", "cpu 1\nbtime 1790000000\n")
        .file("/proc/70/comm", "palisade\n")
        .file("/proc/70/cmdline", command_line.replace(' ', "\0"))
        .file("/proc/70/status", "Name:\tpalisade\nUid:\t0\t961\t961\t961\n")
        .link("/proc/70/fd/3", "/dev/null")
        .link("/proc/70/fd/9", "/var/lib/palisade/lock")
        .file_with_mode("/var/lib/palisade/seal.key", "x", 0o640)
        .file_with_mode("/var/lib/palisade/pki/server.key", "x", 0o600)
        .file_with_mode("/var/lib/palisade/status.json", status, 0o600)
        .mode(STATE, 0o700)
        .file_with_mode("/etc/palisade/palisade.toml", "", 0o666)
}

fn read(machine: Machine) -> Fact<Palisade> {
    let (door, _tree) = machine.door();
    probe(&Context::new(door))
}

fn only(machine: Machine) -> Server {
    let found = read(machine);
    let servers = found.value().and_then(|palisade| palisade.servers.value()).cloned();
    let Some([server]) = servers.as_deref() else { panic!("{found:?}") };
    server.clone()
}

fn why<T: std::fmt::Debug>(fact: &Fact<T>) -> &str {
    let Fact::Unreadable(reason) = fact else { panic!("{fact:?}") };
    reason
}

#[test]
fn a_server_that_runs_is_read_with_its_files_and_what_it_says() {
    let server = only(host(
        "/usr/bin/palisade serve --config /etc/palisade/palisade.toml",
        &document(Published::SCHEMA, NOW - 60),
    ));
    assert_eq!((server.name.as_str(), server.pid.value(), server.uid.value()), (STATE, Some(&70), Some(&961)));
    let state = server.state.value().unwrap();
    assert_eq!(state.mfa_enabled.value(), Some(&true));
    assert!(state.mail.is_absent() && state.sessions.is_unreadable(), "absent is not what was not told");
    let [configuration] = server.configuration.value().unwrap().as_slice() else { panic!("{server:?}") };
    assert!(configuration.others_access && configuration.others_write && configuration.owner_trusted);
    let files = server.files.value().unwrap();
    let mode = |name: &str| files.iter().find(|file| file.path == name).map(|file| file.mode.as_str());
    assert_eq!(mode(STATE), Some("0700"));
    assert_eq!(mode("/var/lib/palisade/seal.key"), Some("0640"));
    assert_eq!(mode("/var/lib/palisade/pki/server.key"), Some("0600"));
    let open: Vec<&str> =
        files.iter().filter(|file| file.group_access).map(|file| file.path.as_str()).collect();
    assert!(open.contains(&"/var/lib/palisade/seal.key"), "{open:?}");
}

#[test]
fn what_was_not_said_lately_or_in_another_form_is_unreadable() {
    let up = "palisade up";
    for (status, told) in [
        (document(Published::SCHEMA, NOW - 301), "last did so at"),
        (document(Published::SCHEMA, NOW + 400), "last did so at"),
        (document("palisade.status/2", NOW), "reads palisade.status/1"),
        ("{".to_owned(), "cannot be understood"),
        (" ".repeat(Published::MOST_BYTES + 1), "status.json"),
    ] {
        let server = only(host(up, &status));
        assert!(why(&server.state).contains(told), "{}", why(&server.state));
        assert_eq!(server.configuration.value(), Some(&Vec::new()));
        assert!(server.files.value().is_some());
    }
    let (door, tree) = host(up, "").door();
    std::fs::remove_file(tree.path().join("var/lib/palisade/status.json")).unwrap();
    let found = probe(&Context::new(door));
    let server = found.value().and_then(|palisade| palisade.servers.value()?.first()).unwrap();
    assert!(server.state.is_unreadable(), "a server that says nothing is there all the same");
}

#[test]
fn a_process_whose_state_directory_cannot_be_seen_is_not_left_out() {
    let machine = host("palisade up", &document(Published::SCHEMA, NOW));
    std::fs::remove_file(machine.place("/proc/70/fd/9")).unwrap();
    let (door, _tree) = machine.door();
    let found = probe(&Context::new(door));
    let servers = found.value().and_then(|palisade| palisade.servers.value()).unwrap();
    // What rests in the usual place may be another server's.
    let names: Vec<&str> = servers.iter().map(|server| server.name.as_str()).collect();
    assert_eq!(names, ["process 70", STATE]);
    assert!(why(&servers[0].state).contains("holds no lock"));
}

#[test]
fn another_command_of_the_program_is_no_server_and_what_rests_is_read() {
    let server = only(host("palisade audit", &document(Published::SCHEMA, 1)));
    assert!(server.pid.is_absent() && server.uid.is_absent());
    assert_eq!(server.state.value().unwrap().mfa_enabled.value(), Some(&true), "it holds, however old");
    assert_eq!(server.configuration.value().unwrap().len(), 1);
    let (door, _tree) = host("palisade up", &document(Published::SCHEMA, 1)).offline_door();
    let found = probe(&Context::new(door));
    assert!(found.value().unwrap().servers.value().unwrap()[0].pid.is_absent());
}

#[test]
fn a_host_without_a_server_has_none_and_one_that_hides_its_processes_is_not_known() {
    let bare = || Machine::new().file("/proc/1/comm", "systemd\n").file("/proc/uptime", "1 1\n");
    assert!(read(bare()).is_absent());
    let hidden = Machine::new().file("/proc/77/comm", "sh\n").file("/proc/uptime", "1 1\n").not_root();
    assert!(read(hidden).value().unwrap().servers.is_unreadable());
}

#[test]
fn a_server_in_another_file_tree_is_read_there() {
    let machine = Machine::new()
        .file("/proc/1/comm", "systemd\n")
        .file("/proc/uptime", "1000.00 1\n")
        .file("/proc/stat", "btime 1790000000\n")
        .file("/proc/70/comm", "palisade\n")
        .file("/proc/70/cmdline", "palisade\0serve\0--config=/run/credentials/palisade.service/palisade.toml\0")
        .file("/proc/70/status", "Uid:\t961\t961\t961\t961\n")
        .link("/proc/70/fd/9", "/var/lib/palisade/lock")
        .link("/proc/70/ns/mnt", "mnt:[2]")
        .link("/proc/self/ns/mnt", "mnt:[1]")
        .file("/proc/70/root/var/lib/palisade/status.json", document(Published::SCHEMA, NOW))
        .file_with_mode("/proc/70/root/run/credentials/palisade.service/palisade.toml", "", 0o400)
        .file_with_mode("/etc/palisade/palisade.toml", "", 0o640);
    let server = only(machine);
    assert_eq!(server.name, STATE);
    assert_eq!(server.state.value().unwrap().mfa_enabled.value(), Some(&true));
    let paths: Vec<&str> =
        server.configuration.value().unwrap().iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["/run/credentials/palisade.service/palisade.toml", CONFIGURATION]);
}
