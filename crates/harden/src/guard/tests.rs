//! Every way in which a plan could lock somebody out.

use serde_json::json;

use super::*;
use crate::compile::unified;
use crate::disk::Perms;
use crate::fix::Disruption;
use crate::plan::PLAN_SCHEMA;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBLDPS0bVqMHypm9QGuW/0Cx0nJJR8O4VxvgUiMpHk99 alice@desk";
const FILE: &str = "/home/alice/.ssh/authorized_keys";
const DROP_IN: &str = "/etc/ssh/sshd_config.d/00-palisade.conf";

/// Alice administers with a key, bob is nobody; both are let in, with passwords too.
fn facts() -> Facts {
    facts_but(|_| {})
}

/// The same, but for something.
fn facts_but(change: impl FnOnce(&mut serde_json::Value)) -> Facts {
    let login = |name: &str, uid: u32, keys: u32| json!({"name": name, "uid": uid, "keys": keys, "password_accepted": true, "key_accepted": true, "methods": "any"});
    let user = |name: &str, uid: u32, groups: &[&str]| json!({"name": name, "uid": uid, "groups": groups, "password": "set", "home_others_write": false});
    let mut facts = json!({
        "accounts": {
            "users": [user("root", 0, &["root"]), user("alice", 1000, &["alice", "sudo"]), user("bob", 1001, &["bob"])],
            "administrators": [{"name": "alice", "uid": 1000, "can_log_in": true, "via": ["group sudo"]}],
        },
        "ssh": {
            "server": {
                "options": {
                    "passwordauthentication": "yes", "kbdinteractiveauthentication": "no", "permitrootlogin": "yes",
                    "authorizedkeyscommand": "none", "trustedusercakeys": "none", "strictmodes": "yes",
                    "port": "22", "usepam": "yes",
                },
                "user_key_algorithms": ["ssh-ed25519", "rsa-sha2-512"],
                "host_key_algorithms": ["ssh-ed25519", "rsa-sha2-512"],
                "host_keys": [{"path": "/etc/ssh/k", "algorithm": "ssh-ed25519", "bits": 256}],
            },
            "login_users": [login("alice", 1000, 1), login("bob", 1001, 0)],
            "authorized_keys": [{
                "name": "alice x", "user": "alice", "uid": 1000, "file": FILE, "parsable": true,
                "algorithm": "ssh-ed25519", "bits": 256, "fingerprint": keys::fingerprint(KEY).unwrap(),
            }],
            "key_files": [{"path": FILE, "user": "alice", "owner_fits": true, "others_write": false}],
        },
    });
    change(&mut facts);
    serde_json::from_value(facts).unwrap()
}

fn from_afar(name: &str) -> Operator {
    Operator { name: name.to_owned(), ssh_from: Some("192.0.2.7".to_owned()) }
}

fn at_the_console() -> Operator {
    Operator { name: "root".to_owned(), ssh_from: None }
}

fn planned(id: &str, changes: Vec<Shown>) -> PlannedFix {
    PlannedFix {
        id: id.to_owned(),
        title: String::new(),
        disruption: Disruption::Reload,
        can_cut_off: true,
        may_break: String::new(),
        mends: Vec::new(),
        changes,
        notes: Vec::new(),
    }
}

fn plan(fixes: Vec<PlannedFix>, steps: Vec<Step>) -> Plan {
    Plan {
        schema: PLAN_SCHEMA.to_owned(),
        fixes,
        refused: Vec::new(),
        steps,
        checks: Vec::new(),
        live: Vec::new(),
        settle: Vec::new(),
    }
}

/// A plan whose only fix makes the drop-in read so.
fn drop_in(text: &str) -> Plan {
    edited(DROP_IN, "", text)
}

fn edited(path: &str, before: &str, after: &str) -> Plan {
    let diff = unified(path, Some(before), Some(after));
    plan(vec![planned("the-fix", vec![Shown::Diff { path: path.to_owned(), diff }])], Vec::new())
}

fn file(text: &str, perms: Perms) -> State {
    State::File {
        content: Some(Content(text.as_bytes().to_vec())),
        perms,
        xattrs: std::collections::BTreeMap::new(),
        modified: None,
    }
}

fn stepped(path: &str, before: State, after: State) -> Plan {
    let step = Step { path: path.to_owned(), before, after, fixes: vec!["the-fix".to_owned()] };
    plan(vec![planned("the-fix", Vec::new())], vec![step])
}

/// The reason for which the only fix is refused; none when it is not.
fn refused(facts: &Facts, plan: &Plan, operator: &Operator) -> Option<String> {
    let mut refused = guard(facts, plan, operator);
    assert!(refused.len() <= 1, "{refused:?}");
    refused.pop().map(|(fix, reason)| {
        assert_eq!(fix, "the-fix");
        reason
    })
}

#[track_caller]
fn refuses(plan: &Plan, operator: &str, part: &str) {
    let reason = refused(&facts(), plan, &from_afar(operator)).expect("it is not refused");
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn what_leaves_the_operator_in_is_not_refused() {
    let text = "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin no\nAllowGroups sudo ops\n\
                PubkeyAcceptedAlgorithms -ssh-rsa\nRequiredRSASize 4096\nHostKeyAlgorithms ssh-ed25519\nX11Forwarding no\n";
    assert_eq!(refused(&facts(), &drop_in(text), &from_afar("alice")), None);
    assert_eq!(refused(&facts(), &drop_in(text), &at_the_console()), None);
}

#[test]
fn passwords_are_not_switched_off_for_an_operator_without_a_key() {
    refuses(&drop_in("PasswordAuthentication no\n"), "bob", "bob has no key in authorized_keys");
    // At a console only the administrators count, and alice has a key.
    assert_eq!(refused(&facts(), &drop_in("PasswordAuthentication no\n"), &at_the_console()), None);
}

#[test]
fn an_operator_outside_the_group_or_the_list_is_not_shut_out() {
    refuses(
        &drop_in("AllowGroups plant ops*\n"),
        "alice",
        "in none of the groups plant ops*: run `gpasswd -a alice",
    );
    assert_eq!(refused(&facts(), &drop_in("AllowGroups su?o\n"), &from_afar("alice")), None);
    refuses(&drop_in("AllowUsers bob root\n"), "alice", "not among the users");
    refuses(&drop_in("DenyUsers al*\n"), "alice", "turned away");
    refuses(&drop_in("DenyGroups sudo\n"), "alice", "turned away");
}

#[test]
fn a_root_who_came_over_ssh_stays_in() {
    let facts = facts_but(|facts| {
        facts["ssh"]["login_users"].as_array_mut().unwrap().push(json!(
            {"name": "root", "uid": 0, "keys": 0, "password_accepted": true, "key_accepted": true, "methods": "any"}
        ));
    });
    let root = from_afar("root");
    assert!(
        refused(&facts, &drop_in("PermitRootLogin no\n"), &root).unwrap().contains("root could not log in")
    );
    let by_key = refused(&facts, &drop_in("PermitRootLogin prohibit-password\n"), &root).unwrap();
    assert!(by_key.contains("root has no key"), "{by_key}");
    // Whoever became root by sudo is alice.
    assert_eq!(refused(&facts, &drop_in("PermitRootLogin no\n"), &from_afar("alice")), None);
}

#[test]
fn keys_stay_accepted() {
    refuses(
        &drop_in("PasswordAuthentication no\nPubkeyAuthentication no\n"),
        "alice",
        "sshd takes no key of alice",
    );
    refuses(
        &drop_in("PasswordAuthentication no\nPubkeyAcceptedAlgorithms -ssh-ed*\n"),
        "alice",
        "none of alice's keys",
    );
    refuses(
        &drop_in("PasswordAuthentication no\nPubkeyAcceptedAlgorithms rsa-sha2-512\n"),
        "alice",
        "none of alice's keys",
    );
    refuses(&drop_in("HostKeyAlgorithms rsa-sha2-512\n"), "alice", "no host key left");
}

#[test]
fn methods_that_are_demanded_stay_possible() {
    refuses(
        &drop_in("AuthenticationMethods publickey,keyboard-interactive\n"),
        "alice",
        "AuthenticationMethods",
    );
    assert_eq!(
        refused(&facts(), &drop_in("AuthenticationMethods publickey,password\n"), &from_afar("alice")),
        None
    );
}

#[test]
fn without_pam_a_locked_account_is_shut_out() {
    let facts = facts_but(|facts| {
        facts["accounts"]["users"][1]["password"] = json!("none");
    });
    let reason = refused(&facts, &drop_in("UsePAM no\n"), &from_afar("alice")).unwrap();
    assert!(reason.contains("takes alice's account for locked"), "{reason}");
}

#[test]
fn strict_modes_do_not_close_a_key_file_that_others_can_write() {
    let facts = facts_but(|facts| {
        facts["ssh"]["server"]["options"]["strictmodes"] = json!("no");
        facts["ssh"]["key_files"][0]["others_write"] = json!(true);
    });
    let plan = drop_in("StrictModes yes\nPasswordAuthentication no\n");
    assert!(refused(&facts, &plan, &from_afar("alice")).unwrap().contains("none of alice's keys"));
}

#[test]
fn the_server_stays_where_it_is() {
    refuses(&drop_in("Port 2222\n"), "alice", "port would change");
    let plan = edited(
        "/etc/ssh/sshd_config",
        "Port 22\nListenAddress 10.0.0.1\n",
        "Port 22\n#ListenAddress 10.0.0.1\n",
    );
    refuses(&plan, "alice", "listenaddress would change");
    // The same line at another place says the same.
    let plan = edited("/etc/ssh/sshd_config", "Port 22\nX11Forwarding yes\n", "X11Forwarding no\nPort 22\n");
    assert_eq!(refused(&facts(), &plan, &from_afar("alice")), None);
}

#[test]
fn a_line_that_goes_leaves_what_holds_for_everybody() {
    let facts = facts_but(|facts| {
        facts["ssh"]["server"]["options"]["passwordauthentication"] = json!("no");
    });
    let before = "Match User bob\nPasswordAuthentication yes\n";
    let after = "Match User bob\n#PasswordAuthentication yes\n";
    let plan = edited("/etc/ssh/sshd_config", before, after);
    assert!(refused(&facts, &plan, &from_afar("bob")).unwrap().contains("bob has no key"));
    assert_eq!(refused(&facts, &plan, &from_afar("alice")), None);
}

#[test]
fn the_last_administrator_stays_in_whoever_works() {
    let reason = refused(&facts(), &drop_in("AllowGroups bob\n"), &at_the_console()).unwrap();
    assert!(reason.contains("no administrator could log in over SSH any more"), "{reason}");
    // Where none could before, none is lost.
    let facts = facts_but(|facts| {
        facts["ssh"]["login_users"] = json!([]);
    });
    assert_eq!(refused(&facts, &drop_in("AllowGroups bob\n"), &at_the_console()), None);
}

#[test]
fn an_operator_of_whom_nothing_is_known_is_not_shut_out() {
    refuses(&drop_in("PasswordAuthentication no\n"), "eve", "how eve gets in is not known");
    // What decides nothing is done all the same.
    assert_eq!(refused(&facts(), &drop_in("X11Forwarding no\n"), &from_afar("eve")), None);
}

#[test]
fn the_last_key_stays_when_passwords_go() {
    let mut plan =
        stepped(FILE, file(&format!("{KEY}\n"), Perms::root(0o600)), file("# none\n", Perms::root(0o600)));
    assert_eq!(refused(&facts(), &plan, &from_afar("alice")), None, "the password still works");
    let diff = unified(DROP_IN, None, Some("PasswordAuthentication no\n"));
    plan.fixes.insert(0, planned("other", vec![Shown::Diff { path: DROP_IN.to_owned(), diff }]));
    // The second of the two is one too many.
    assert!(refused(&facts(), &plan, &from_afar("alice")).unwrap().contains("none of alice's keys"));
}

#[test]
fn a_key_file_that_its_account_could_not_read_is_no_way_in() {
    let before = file(&format!("{KEY}\n"), Perms { uid: 1000, gid: 1000, mode: 0o600 });
    let with = |perms| {
        let mut plan = stepped(FILE, before.clone(), file(&format!("{KEY}\n"), perms));
        let diff = unified(DROP_IN, None, Some("PasswordAuthentication no\n"));
        plan.fixes.insert(0, planned("other", vec![Shown::Diff { path: DROP_IN.to_owned(), diff }]));
        refused(&facts(), &plan, &from_afar("alice"))
    };
    assert!(with(Perms::root(0o600)).unwrap().contains("none of alice's keys"));
    assert_eq!(with(Perms::root(0o644)), None);
    assert_eq!(with(Perms { uid: 1000, gid: 1000, mode: 0o400 }), None);
}

#[test]
fn accounts_that_are_closed_count_as_shut_out() {
    let line = |shell: &str| format!("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:{shell}\n");
    let plan = stepped(
        "/etc/passwd",
        file(&line("/bin/bash"), Perms::root(0o644)),
        file(&line("/usr/sbin/nologin"), Perms::root(0o644)),
    );
    refuses(&plan, "alice", "alice's account could not log in");
    assert_eq!(
        refused(&facts(), &plan, &at_the_console()).as_deref(),
        Some("no administrator could log in over SSH any more: alice's account could not log in any more")
    );
}

#[test]
fn memberships_and_passwords_that_end_count() {
    let held = facts_but(|facts| {
        facts["ssh"]["server"]["options"]["allowgroups"] = json!("sudo");
    });
    let plan = stepped(
        "/etc/group",
        file("sudo:x:27:alice,bob\n", Perms::root(0o644)),
        file("sudo:x:27:bob\n", Perms::root(0o644)),
    );
    assert!(refused(&held, &plan, &from_afar("alice")).unwrap().contains("in none of the groups sudo"));
    let shadow = |hash: &str| file(&format!("bob:{hash}:19000:0:99999:7:::\n"), Perms::root(0o640));
    let plan = stepped("/etc/shadow", shadow("$y$x"), shadow("!$y$x"));
    refuses(&plan, "bob", "bob has no key");
}
