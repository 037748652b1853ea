//! What sshd is told, release by release, and what is refused.

use model::Source;
use model::facts::Facts;
use serde_json::json;

use super::*;
use crate::fix::{Operator, Site};
use crate::fixes::find;

#[test]
fn releases_compare_as_numbers() {
    assert_eq!(parse_release("OpenSSH_9.2p1"), Some((9, 2)));
    assert_eq!(parse_release("OpenSSH_10.0p2"), Some((10, 0)));
    assert_eq!(parse_release("8.5"), Some((8, 5)));
    assert_eq!(parse_release("dropbear"), None);
    assert!(parse_release("OpenSSH_10.0p2") > parse_release("OpenSSH_9.9p1"));
}

#[test]
fn of_two_wishes_the_stricter_one_holds_or_none() {
    assert_eq!(stricter("permitrootlogin", "prohibit-password", "no").as_deref(), Some("no"));
    assert_eq!(stricter("maxauthtries", "4", "3").as_deref(), Some("3"));
    assert_eq!(stricter("requiredrsasize", "2048", "3072").as_deref(), Some("3072"));
    assert_eq!(stricter("banner", "/a", "/b"), None);
}

/// A server of OpenSSH 9.2 with these options, but for something.
fn facts(options: serde_json::Value, change: impl FnOnce(&mut serde_json::Value)) -> Facts {
    let mut facts = json!({
        "os": {"id": "debian"},
        "ssh": {"server": {
            "version": "OpenSSH_9.2p1",
            "config_files": [{"path": MAIN}],
            "includes": [{"pattern": "/etc/ssh/sshd_config.d/*.conf", "in_match": false, "source": "/etc/ssh/sshd_config:3"}],
            "scopes": [{"name": "all connections", "is_global": true, "options": options}],
            "options": options,
            "ciphers": ["aes256-ctr", "aes128-cbc"],
            "key_exchanges": ["curve25519-sha256", "diffie-hellman-group14-sha1"],
        }},
    });
    change(&mut facts);
    serde_json::from_value(facts).unwrap()
}

fn one(rule: &str, subject: &str, args: serde_json::Value) -> Use {
    Use { rule: rule.to_owned(), subject: subject.to_owned(), args }
}

/// What `sshd-option` makes of findings.
fn draft(facts: &Facts, sources: &[(&str, Source)], uses: &[Use]) -> Draft {
    let sources = sources.iter().map(|(path, source)| ((*path).to_owned(), source.clone())).collect();
    let site = Site { operator: Operator::default(), ..Site::default() };
    let mut draft = Draft::default();
    (find("sshd-option").unwrap().plan)(&Ask { facts, sources: &sources, site: &site, uses }, &mut draft);
    draft
}

/// The reason for which the only finding is refused.
#[track_caller]
fn refusal(facts: &Facts, args: serde_json::Value) -> String {
    let draft = draft(facts, &[], &[one("a.b", "plant", args)]);
    assert!(draft.changes.is_empty(), "{:?}", draft.changes);
    draft.refused.into_iter().next().unwrap().2
}

/// The lines that the changes set, as `file: key value`, and others as they show themselves.
fn shown(draft: &Draft) -> Vec<String> {
    let edits = draft.changes.iter().map(|change| match change {
        Change::Edit { file, edit: Edit::Set { key, value, .. }, .. } => format!("{file}: {key} {value}"),
        Change::Edit { file, edit, .. } => format!("{file}: {edit}"),
        other => format!("{other:?}"),
    });
    edits.collect()
}

#[test]
fn a_way_in_that_methods_demand_stays_open() {
    let facts = facts(json!({"authenticationmethods": "publickey,keyboard-interactive:pam"}), |_| {});
    let why = refusal(&facts, json!({"KbdInteractiveAuthentication": "no"}));
    assert!(why.contains("AuthenticationMethods demands keyboard-interactive"), "{why}");
    let draft = draft(&facts, &[], &[one("a.b", "plant", json!({"PasswordAuthentication": "no"}))]);
    assert_eq!(draft.refused, []);
}

#[test]
fn what_this_release_does_not_know_is_refused() {
    let old = facts(json!({}), |facts| facts["ssh"]["server"]["version"] = json!("OpenSSH_9.0p1"));
    assert!(refusal(&old, json!({"RequiredRSASize": 2048})).contains("OpenSSH 9.1"));
    let offline =
        facts(json!({}), |facts| drop(facts["ssh"]["server"].as_object_mut().unwrap().remove("version")));
    assert!(refusal(&offline, json!({"RequiredRSASize": 2048})).contains("running host"));
    let fedora = facts(json!({}), |facts| facts["os"]["id"] = json!("fedora"));
    assert!(refusal(&fedora, json!({"DebianBanner": "no"})).contains("DebianBanner"));
    let broken = facts(json!({}), |facts| {
        facts["ssh"]["server"]["config_valid"] = json!(false);
        facts["ssh"]["server"]["config_error"] = json!("line 3: Bad configuration option: Prt");
    });
    assert!(refusal(&broken, json!({"X11Forwarding": "no"})).contains("Bad configuration option: Prt"));
}

#[test]
fn options_go_by_the_names_that_a_release_knows() {
    let old = facts(json!({"kbdinteractiveauthentication": "yes"}), |facts| {
        facts["ssh"]["server"]["version"] = json!("OpenSSH_8.4p1");
    });
    let draft = draft(&old, &[], &[one("a.b", "plant", json!({"KbdInteractiveAuthentication": "no"}))]);
    assert_eq!(
        shown(&draft),
        [
            format!("{FILE}: ChallengeResponseAuthentication no"),
            format!("{FILE}: KbdInteractiveAuthentication no")
        ]
    );
}

#[test]
fn lists_lose_what_is_weak_and_keep_the_rest() {
    let facts = facts(json!({"ciphers": "aes256-ctr,aes128-cbc"}), |_| {});
    let uses = [
        one("a.b", "plant", json!({"Ciphers": {"without": ["*-cbc"]}})),
        one("a.c", "plant", json!({"Ciphers": {"without": ["aes128-cbc", "arcfour"]}})),
    ];
    assert_eq!(shown(&draft(&facts, &[], &uses)), [format!("{FILE}: Ciphers -aes128-cbc")]);
    // A list that somebody wrote is written whole, and the file that wrote it may be read before ours.
    let by_hand = Source::line(MAIN, 1, "Ciphers aes256-ctr,aes128-cbc");
    assert_eq!(
        shown(&draft(&facts, &[("ssh.server.options.ciphers", by_hand)], &uses)),
        [format!("{FILE}: Ciphers aes256-ctr"), format!("{MAIN}: `Include {FILE}` to come first")]
    );
    assert!(
        refusal(&facts, json!({"Ciphers": {"without": ["aes*"]}})).contains("nothing that the server offers")
    );
    assert!(refusal(&facts, json!({"Ciphers": {"without": ["x"]}})).contains("reload it"));
}

#[test]
fn a_key_exchange_is_added_when_the_release_knows_it() {
    let args = json!({"KexAlgorithms": {"first": {"mlkem768x25519-sha256": "9.9", "sntrup761": "8.5"}}});
    let facts_of = |version: &str| facts(json!({}), |facts| facts["ssh"]["server"]["version"] = json!(version));
    let new = draft(&facts_of("OpenSSH_9.2p1"), &[], &[one("a.b", "plant", args.clone())]);
    assert_eq!(
        shown(&new),
        [format!("{FILE}: KexAlgorithms sntrup761,curve25519-sha256,diffie-hellman-group14-sha1")]
    );
    assert!(refusal(&facts_of("OpenSSH_8.4p1"), args).contains("update it"));
}

#[test]
fn what_another_program_speaks_is_not_changed_here() {
    let endpoint = |process: &str, container: serde_json::Value| {
        facts(json!({}), |facts| {
            facts["endpoints"] = json!({"ssh": [{
                "name": "0.0.0.0:22", "software": "OpenSSH_9.2p1",
                "place": {"process": process, "container": container},
                "weak": {"ciphers": ["aes256-ctr"], "macs": [], "host_keys": [], "key_exchanges": []},
            }]});
        })
    };
    let uses = [one("a.b", "0.0.0.0:22", json!({"Ciphers": {"without": []}}))];
    let own = draft(&endpoint("sshd", json!(null)), &[], &uses);
    assert_eq!(shown(&own), [format!("{FILE}: Ciphers -aes256-ctr")]);
    for other in [endpoint("dropbear", json!(null)), endpoint("sshd", json!("abc"))] {
        let draft = draft(&other, &[], &uses);
        assert!(draft.changes.is_empty() && draft.refused[0].2.contains("not this host's sshd"), "{draft:?}");
    }
}

#[test]
fn a_match_block_loses_its_own_lines_only() {
    let facts = facts(json!({"x11forwarding": "no", "passwordauthentication": "no"}), |facts| {
        facts["ssh"]["server"]["scopes"].as_array_mut().unwrap().push(json!(
            {"name": "Match User bob", "is_global": false, "options": {"passwordauthentication": "yes", "x11forwarding": "yes"}}
        ));
    });
    let mut winner = Source::line(MAIN, 9, "PasswordAuthentication yes");
    winner
        .overridden
        .push(model::Place { at: format!("{MAIN}:2"), excerpt: "PasswordAuthentication no".to_owned() });
    let sources = [
        ("ssh.server.scopes[1].options.passwordauthentication", winner),
        ("ssh.server.options.passwordauthentication", Source::line(MAIN, 2, "PasswordAuthentication no")),
    ];
    let one_use = |option: &str| [one("a.b", "Match User bob", json!({option: "no"}))];
    let lifted = draft(&facts, &sources, &one_use("PasswordAuthentication"));
    assert_eq!(
        shown(&lifted),
        [format!("{MAIN}: `PasswordAuthentication yes` to read `#PasswordAuthentication yes`")]
    );
    // A block whose line nobody found is left to a person.
    let unknown = draft(&facts, &sources, &one_use("X11Forwarding"));
    assert!(unknown.changes.is_empty() && unknown.refused[0].2.contains("by hand"), "{unknown:?}");
}
