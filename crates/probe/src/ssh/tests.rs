//! The section on made-up machines.

use host::Door;
use model::Fact;
use model::facts::ssh::{Server, Ssh};
use test_support::Machine;

use crate::Context;

const PASSWD: &str = "root:x:0:0::/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n\
    bob:x:1001:1001::/home/bob:/bin/sh\nwww:x:33:33::/var/www:/usr/sbin/nologin\n";
const GROUP: &str = "root:x:0:\nalice:x:1000:\nbob:x:1001:\nssh:x:50:alice\nwww:x:33:\n";
const ED25519: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEtzdK6Sce9zMqyGgwYf+evIsGVvSrBKHDNKMyD8/1Gj";

fn machine(config: &str) -> Machine {
    Machine::new()
        .file("/etc/passwd", PASSWD)
        .file("/etc/group", GROUP)
        .file("/usr/sbin/sshd", "")
        .file("/etc/ssh/sshd_config", config)
}

fn ssh(door: Door) -> Ssh {
    match super::probe(&Context::new(door)) {
        Fact::Known(ssh, _) => ssh,
        other => panic!("{other:?}"),
    }
}

fn read(machine: Machine) -> Ssh {
    let (door, _root) = machine.door();
    ssh(door)
}

fn server(machine: Machine) -> Server {
    match read(machine).server {
        Fact::Known(server, _) => server,
        other => panic!("{other:?}"),
    }
}

fn option(server: &Server, name: &str) -> Option<String> {
    server.options.get(name).and_then(Fact::value).cloned()
}

#[test]
fn a_host_without_sshd_has_no_server_but_may_have_keys() {
    let ssh = read(
        Machine::new()
            .file("/etc/passwd", PASSWD)
            .file("/etc/group", GROUP)
            .file("/home/alice/.ssh/authorized_keys", ED25519),
    );
    assert!(ssh.server.is_absent());
    assert!(ssh.login_users.is_absent());
    assert_eq!(ssh.authorized_keys.len(), 1);
}

#[test]
fn what_sshd_says_wins_and_the_files_name_the_line() {
    let config = "PasswordAuthentication no\nPasswordAuthentication yes\nMaxAuthTries 4\n";
    let server = server(machine(config).program(
        "sshd -T",
        "port 22\npasswordauthentication no\nmaxauthtries 4\npermitrootlogin without-password\nnewoption x\n",
    ));
    assert_eq!(server.method, "sshd -T");
    assert_eq!(server.config_valid.value(), Some(&true));
    assert_eq!(option(&server, "permitrootlogin").as_deref(), Some("prohibit-password"));
    assert_eq!(option(&server, "newoption").as_deref(), Some("x"));
    // sshd would have printed it if it knew it.
    assert!(server.options["requiredrsasize"].is_absent());
    let Fact::Known(_, Some(source)) = &server.options["passwordauthentication"] else { panic!() };
    assert_eq!(source.at, "/etc/ssh/sshd_config:1");
    assert_eq!(source.overridden[0].at, "/etc/ssh/sshd_config:2");
}

#[test]
fn a_refused_configuration_is_modelled_and_said_to_be_refused() {
    let complaint = "/etc/ssh/sshd_config: line 1: Bad configuration option: Bogus\n";
    let server = server(machine("Bogus x\nPermitRootLogin no\n").failing_program("sshd -T", 255, complaint));
    assert_eq!(server.config_valid.value(), Some(&false));
    assert!(server.config_error.value().unwrap().contains("Bogus"));
    assert_eq!(server.method, "modelled from files");
    assert_eq!(option(&server, "permitrootlogin").as_deref(), Some("no"));
}

#[test]
fn missing_host_keys_do_not_make_the_configuration_wrong() {
    let machine =
        machine("").failing_program("sshd -T", 1, "sshd: no hostkeys available -- exiting.\n").not_root();
    let server = server(machine);
    assert!(matches!(&server.config_valid, Fact::Unreadable(why) if why.ends_with("run as root")));
    assert_eq!(option(&server, "permitrootlogin").as_deref(), Some("prohibit-password"));
}

#[test]
fn sshd_is_asked_about_each_match_block() {
    let config =
        "PermitRootLogin no\nMatch User alice\nPermitRootLogin yes\nMatch Group ssh,!x\nX11Forwarding yes\n";
    let globals = "permitrootlogin no\nx11forwarding no\n";
    let argument = |user: &str| {
        format!("sshd -T -C user={user},host=nowhere.invalid,addr=192.0.2.1,laddr=192.0.2.2,lport=22")
    };
    let server = server(
        machine(config)
            .program("sshd -T", globals)
            .program(&argument("alice"), "permitrootlogin yes\nx11forwarding yes\n"),
    );
    assert_eq!(server.matches.len(), 2);
    assert_eq!(server.matches[0].criteria, "User alice");
    assert_eq!(server.matches[0].source, "/etc/ssh/sshd_config:2");
    assert!(server.matches[0].method.starts_with("sshd -T -C user=alice"));
    assert_eq!(server.matches[0].options["permitrootlogin"], "yes");
    let scope = server.scopes[1].value().unwrap();
    let Fact::Known(value, Some(source)) = &scope.options["permitrootlogin"] else { panic!() };
    assert_eq!((value.as_str(), source.at.as_str()), ("yes", "/etc/ssh/sshd_config:3"));
    assert_eq!(source.overridden[0].at, "/etc/ssh/sshd_config:1");
}

#[test]
fn a_block_no_connection_was_found_for_is_judged_all_the_same() {
    let server = server(machine("PermitRootLogin no\nMatch Group nobody-is-in-it\nPermitRootLogin yes\n"));
    assert_eq!(server.matches[0].options["permitrootlogin"], "yes");
    assert_eq!(server.matches[0].method, "modelled from files");
}

#[test]
fn an_unreadable_drop_in_makes_what_it_may_set_unknown() {
    let config = "MaxAuthTries 3\nInclude /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n";
    // A directory in place of a file cannot be read as one.
    let server = server(machine(config).directory("/etc/ssh/sshd_config.d/10.conf"));
    assert_eq!(option(&server, "maxauthtries").as_deref(), Some("3"));
    assert!(server.options["permitrootlogin"].is_unreadable());
    assert!(server.options["passwordauthentication"].is_unreadable());
    assert!(server.options["allowusers"].is_unreadable());
    assert!(server.scopes.iter().any(Fact::is_unreadable));
}

#[test]
fn logins_follow_lists_groups_and_root() {
    let names = |config: &str| {
        let users = read(machine(config)).login_users;
        users.value().unwrap().iter().map(|user| user.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(""), ["root", "alice", "bob"]);
    assert_eq!(names("PermitRootLogin no\nAllowUsers b* root\n"), ["bob"]);
    assert_eq!(names("AllowGroups ssh\n"), ["alice"]);
    assert_eq!(names("DenyUsers alice@10.0.0.1\nDenyGroups root\n"), ["bob"]);
    let users =
        read(machine("AuthenticationMethods publickey,password\nMatch User bob\nAuthenticationMethods any\n"));
    let factors: Vec<bool> = users.login_users.value().unwrap().iter().map(|user| user.two_factors).collect();
    assert_eq!(factors, [true, true, false]);
}

#[test]
fn keys_are_found_where_the_server_looks_for_them() {
    let config =
        "AuthorizedKeysFile /etc/ssh/keys/%u .ssh/authorized_keys\nMatch User bob\nAuthorizedKeysFile %h/k\n";
    let ssh = read(
        machine(config)
            .file_with_mode("/etc/ssh/keys/alice", format!("{ED25519} alice@desk\n"), 0o644)
            .file(
                "/home/alice/.ssh/authorized_keys",
                format!("# old\n\nfrom=\"10.0.0.0/8\",restrict {ED25519}\n"),
            )
            .file("/home/bob/k", format!("{ED25519}\nnonsense\nssh-ed25519 AAAA x\ncommand=\"a b {ED25519}\n"))
            .file("/home/bob/.ssh/id_ed25519", "-----BEGIN PRIVATE KEY-----\nMII\n"),
    );
    let keys: Vec<_> = ssh.authorized_keys.iter().map(|key| key.value().unwrap()).collect();
    let found: Vec<(&str, &str, bool)> =
        keys.iter().map(|key| (key.user.as_str(), key.source.as_str(), key.parsable)).collect();
    assert_eq!(
        found,
        [
            ("alice", "/home/alice/.ssh/authorized_keys:3", true),
            ("alice", "/etc/ssh/keys/alice:1", true),
            ("bob", "/home/bob/k:1", true),
            ("bob", "/home/bob/k:2", false),
            ("bob", "/home/bob/k:3", false),
            ("bob", "/home/bob/k:4", false),
        ]
    );
    assert_eq!(keys[0].from, ["10.0.0.0/8"]);
    assert_eq!(keys[1].comment, "alice@desk");
    assert_eq!(keys[1].bits.value(), Some(&256));
    assert_eq!(keys[2].shared_with, ["alice"]);
    assert_eq!(ssh.private_keys.value().unwrap()[0].encrypted.value(), Some(&false));
    assert!(ssh.key_files.iter().filter_map(Fact::value).any(|file| file.mode == "0644" && file.others_read));
    assert_eq!(ssh.all_keys_read.value(), Some(&true));
}

#[test]
fn an_unreadable_key_file_is_unknown_not_absent() {
    let ssh = read(machine("").directory("/home/alice/.ssh/authorized_keys"));
    assert!(ssh.authorized_keys.iter().any(Fact::is_unreadable));
    assert!(ssh.all_keys_read.is_unreadable());
}

#[test]
fn a_file_tree_is_modelled() {
    let (door, _root) = machine("PermitRootLogin yes\n").offline_door();
    let ssh = ssh(door);
    let server = ssh.server.value().unwrap();
    assert!(server.version.is_unreadable());
    assert_eq!(option(server, "permitrootlogin").as_deref(), Some("yes"));
}

#[test]
fn host_keys_are_read_from_their_public_files() {
    let server = server(
        machine("HostKey /etc/ssh/k\nHostKey /etc/ssh/gone\n")
            .file_with_mode("/etc/ssh/k", "secret", 0o640)
            .file("/etc/ssh/k.pub", format!("{ED25519} root@here\n")),
    );
    assert_eq!(server.host_keys.len(), 1);
    assert_eq!(server.host_keys[0].algorithm.value().map(String::as_str), Some("ssh-ed25519"));
    assert!(!server.host_keys[0].only_root_reads);
}

#[test]
fn hostile_configuration_costs_little_and_is_not_believed() {
    let before = std::time::Instant::now();
    let looping = server(machine("Include /etc/ssh/*\nPermitRootLogin no\n"));
    assert!(looping.options["permitrootlogin"].is_unreadable());
    let mut many = machine("Include /etc/ssh/d/*\nPermitRootLogin no\n");
    for index in 0..2_000 {
        many = many.file(&format!("/etc/ssh/d/{index}"), "MaxAuthTries 1\n");
    }
    let many = server(many);
    assert_eq!(option(&many, "maxauthtries").as_deref(), Some("1"));
    assert!(many.options["permitrootlogin"].is_unreadable());
    let junk: Vec<u8> = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let ssh = read(machine("").file("/etc/ssh/sshd_config", &junk).file("/root/.ssh/authorized_keys", &junk));
    assert!(ssh.server.value().is_some());
    let huge = read(machine("").file("/root/.ssh/authorized_keys", "x".repeat(host::FILE_LIMIT + 1)));
    assert!(huge.all_keys_read.is_unreadable());
    let lines = read(machine("").file("/root/.ssh/authorized_keys", "x y\n".repeat(100_000)));
    assert_eq!(lines.authorized_keys.len(), 5_001);
    assert!(before.elapsed().as_secs() < 20, "{:?}", before.elapsed());
}
