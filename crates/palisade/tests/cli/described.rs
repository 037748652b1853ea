//! Targets that are files: compose projects, Dockerfiles, definitions of machines; every finding at its place.

use std::collections::BTreeMap;

use serde_json::Value;
use test_support::{RIGHT, WRONG};

use crate::support::{Folder, palisade};

/// The places of all failing findings, by rule and subject, without the folder.
fn failing(folder: &Folder, report: &Value) -> BTreeMap<(String, String), String> {
    let root = format!("{}/", folder.path("").display()).replace("//", "/");
    let text = |value: &Value| value.as_str().unwrap_or_default().replace(&root, "");
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "fail");
    findings
        .map(|finding| {
            let place = &finding["evidence"][0]["source"]["at"];
            ((text(&finding["rule"]), text(&finding["subject"])), text(place))
        })
        .collect()
}

fn audit(folder: &Folder, target: &str) -> (i32, Value, String) {
    let target = target.replace("FOLDER", &folder.path("").display().to_string());
    let ran = palisade(&["audit", &target, "--format", "json"]);
    assert!(!ran.out.contains("hunter2"), "a secret is shown: {}", ran.out);
    (ran.code, ran.json(), ran.err)
}

#[test]
fn every_mistake_of_a_compose_project_is_found_at_its_place() {
    let folder = Folder::new();
    WRONG.write(&folder.path(""));
    let (code, report, err) = audit(&folder, "compose:FOLDER");
    assert_eq!(code, 1, "{err}");
    let found = failing(&folder, &report);
    let file = "docker-compose.yml";
    for (rule, subject, place) in [
        ("container.unprivileged", "ecc", "7:5"),
        ("container.own-network", "ecc", "8:5"),
        ("container.own-processes", "ecc", "9:5"),
        ("container.own-ipc", "ecc", "10:5"),
        ("container.own-host-name", "ecc", "11:5"),
        ("compose.user-namespace-kept", "ecc", "12:5"),
        ("container.own-cgroup", "ecc", "13:5"),
        ("container.not-root", "ecc", "14:5"),
        ("container.no-extra-capabilities", "ecc", "15:5"),
        ("compose.apparmor-kept", "ecc", "18:9"),
        ("compose.selinux-kept", "ecc", "19:9"),
        ("container.kernel-paths-masked", "ecc", "20:9"),
        ("container.no-secrets-in-environment", "ecc", "23:7"),
        ("container.no-secrets-in-labels", "ecc", "25:7"),
        ("container.no-engine-socket", "ecc", "28:9"),
        ("container.no-system-directories", "ecc", "29:9"),
        ("container.configuration-mounted-read-only", "ecc", "30:9"),
        ("container.mounts-not-shared", "ecc", "30:9"),
        ("container.no-host-devices", "ecc", "31:5"),
        ("container.no-secrets-on-command-line", "ecc", "33:14"),
        ("container.oom-killer-on", "ecc", "34:5"),
        ("container.log-kept", "ecc", "3:11"),
        ("container.memory-limited", "ecc", "5:3"),
        ("container.processors-limited", "ecc", "5:3"),
        ("container.processes-limited", "ecc", "5:3"),
        ("container.resources-reserved", "ecc", "5:3"),
        ("container.restart-policy-set", "ecc", "5:3"),
        ("container.health-checked", "ecc", "5:3"),
        ("container.read-only-root", "ecc", "5:3"),
        ("container.drops-capabilities", "ecc", "5:3"),
        ("container.no-new-privileges", "ecc", "17:5"),
        ("compose.image-pinned", "ecc", "6:5"),
        ("container.image-version-chosen", "be-dataapp", "37:5"),
        ("container.seccomp-on", "be-dataapp", "39:9"),
        ("container.off-default-bridge", "be-dataapp", "36:3"),
        ("container.log-bounded", "be-dataapp", "36:3"),
        ("compose.user-named", "be-dataapp", "36:3"),
        ("compose.no-secrets-in-build-arguments", "ui", "47:9"),
        ("container.ports-on-chosen-addresses", "8183/tcp", "49:9"),
        ("container.ports-on-chosen-addresses", "21/tcp", "50:9"),
        ("container.ports-unprivileged", "21/tcp", "50:9"),
        ("container.ports-speak-encrypted-protocols", "21/tcp", "50:9"),
    ] {
        let place = format!("{file}:{place}");
        assert_eq!(
            found.get(&(rule.to_owned(), subject.to_owned())),
            Some(&place),
            "{rule} {subject}: {found:#?}"
        );
    }
    for (rule, subject, place) in [
        ("container.no-secrets-in-environment", "be-dataapp", "app.env:3"),
        ("compose.variables-closed-to-others", "app.env", "docker-compose.yml:42:9"),
        ("compose.files-not-writable", "docker-compose.yml", "docker-compose.yml"),
        ("image.no-remote-shell", "ui/Dockerfile", "ui/Dockerfile:9"),
    ] {
        assert_eq!(
            found.get(&(rule.to_owned(), subject.to_owned())).map(String::as_str),
            Some(place),
            "{found:#?}"
        );
    }
    assert!(!found.contains_key(&("container.ports-on-chosen-addresses".to_owned(), "9000/tcp".to_owned())));
}

#[test]
fn every_mistake_of_a_dockerfile_is_found_at_its_line() {
    let folder = Folder::new();
    WRONG.write(&folder.path(""));
    let (code, report, err) = audit(&folder, "dockerfile:FOLDER/ui");
    assert_eq!(code, 1, "{err}");
    let found = failing(&folder, &report);
    for (rule, line) in [
        ("dockerfile.bases-versioned", 2),
        ("dockerfile.bases-pinned", 2),
        ("dockerfile.no-secret-arguments", 3),
        ("dockerfile.copies-no-secrets", 4),
        ("dockerfile.user-named", 6),
        ("dockerfile.adds-no-unchecked-download", 7),
        ("image.copies-instead-of-adding", 7),
        ("image.installs-from-fresh-index", 8),
        ("image.no-remote-shell", 9),
        ("dockerfile.no-sudo", 9),
        ("dockerfile.checks-certificates", 9),
        ("image.loads-over-tls", 9),
        ("image.runs-no-download-unseen", 9),
        ("dockerfile.no-open-permissions", 13),
        ("image.no-secrets-in-environment", 14),
        ("image.no-secrets-in-history", 14),
        ("image.no-remote-shell-port", 16),
        ("image.packages-upgraded", 6),
        ("image.health-check-included", 6),
    ] {
        let place = format!("ui/Dockerfile:{line}");
        let subject = "ui/Dockerfile".to_owned();
        assert_eq!(found.get(&(rule.to_owned(), subject)), Some(&place), "{rule}: {found:#?}");
    }
}

#[test]
fn every_mistake_of_a_machine_s_definition_is_found_at_its_place() {
    let folder = Folder::new();
    WRONG.write(&folder.path(""));
    let (code, report, err) = audit(&folder, "vm:FOLDER/domain.xml");
    assert_eq!(code, 1, "{err}");
    let found = failing(&folder, &report);
    for (rule, place) in [
        ("vm.no-secrets-in-definition", ":5:7"),
        ("vm.no-nested-virtualization", ":13:3"),
        ("vm.secure-boot-on", ":10:3"),
        ("vm.tpm-present", ":1:1"),
        ("vm.memory-limited", ":1:1"),
        ("vm.processors-limited", ":1:1"),
        ("vm.restarts-after-crash", ":15:3"),
        ("vm.watchdog-present", ":1:1"),
        ("vm.random-source-present", ":1:1"),
        ("vm.no-host-disks", ":17:5"),
        ("vm.disks-not-shared", ":17:5"),
        ("vm.disk-cache-safe", ":17:5"),
        ("vm.disk-format-named", ":17:5"),
        ("vm.disks-encrypted", ":17:5"),
        ("vm.drives-empty", ":23:5"),
        ("vm.no-system-directories", ":29:5"),
        ("vm.shares-read-only", ":29:5"),
        ("vm.not-on-the-wire", ":33:5"),
        ("vm.interfaces-filtered", ":33:5"),
        ("vm.inbound-limited", ":33:5"),
        ("vm.consoles-local", ":36:5"),
        ("vm.screens-guarded", ":40:5"),
        ("vm.screens-local", ":40:5"),
        ("vm.no-usb-redirection", ":42:5"),
        ("vm.no-shared-memory", ":43:5"),
        ("vm.no-host-devices", ":47:5"),
        ("vm.confined", ":54:3"),
        ("vm.no-raw-arguments", ":55:3"),
        ("vm.definition-closed", ""),
    ] {
        let place = format!("domain.xml{place}");
        assert_eq!(found.get(&(rule.to_owned(), "plc".to_owned())), Some(&place), "{rule}: {found:#?}");
    }
}

#[test]
fn what_is_right_has_no_failing_finding() {
    let folder = Folder::new();
    RIGHT.write(&folder.path(""));
    for target in ["compose:FOLDER", "dockerfile:FOLDER/ui", "vm:FOLDER/domain.xml"] {
        let (code, report, err) = audit(&folder, target);
        assert_eq!((code, failing(&folder, &report)), (0, BTreeMap::new()), "{target}: {err}");
        let passed = report["summary"]["pass"].as_u64().unwrap();
        assert!(passed > 10, "{target}: {passed}");
    }
}

#[test]
fn what_cannot_be_read_is_an_error_that_says_where_and_others_go_on() {
    let folder = Folder::new();
    WRONG.write(&folder.path("ok"));
    let target = |kind: &str, name: &str, text: &str| format!("{kind}:{}", folder.file(name, text));
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, before) in ["b", "c", "d", "e", "f"].iter().zip(["a", "b", "c", "d", "e"]) {
        bomb.push_str(&format!("{name}: &{name} [{}]\n", vec![format!("*{before}"); 10].join(", ")));
    }
    let entities = "<!DOCTYPE d [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>\n<domain><name>&b;</name></domain>";
    for (target, why) in [
        (
            target("compose", "twice.yml", "services:\n  a: {image: x}\n  a: {image: y}\n"),
            "twice.yml:3:3: `a` stands twice",
        ),
        (target("compose", "bomb.yml", &bomb), "aliases included"),
        (
            target("compose", "deep.yml", &format!("{}{}", "[".repeat(100), "]".repeat(100))),
            "deep.yml:1:65: values nest deeper",
        ),
        (target("compose", "broken.yml", "services: [\n"), "broken.yml:"),
        (target("dockerfile", "Broken", "FROM a\nFORM b\n"), "Broken:2: no instruction"),
        (target("vm", "bomb.xml", entities), "bomb.xml:1:1: the file declares a document type"),
        (target("vm", "list.xml", "<network/>"), "list.xml:1:1: the element is `network`, not `domain`"),
        ("compose:/nonexistent".to_owned(), "no such file"),
        ("vm:/nonexistent.xml".to_owned(), "no such file"),
    ] {
        let ran = palisade(&["audit", &target]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{target}");
        let err = ran.err.to_lowercase();
        assert!(err.contains(&why.to_lowercase()), "{target}: {}", ran.err);
    }
    let good = format!("compose:{}", folder.path("ok").display());
    let ran = palisade(&["audit", "compose:/nonexistent", &good, "--format", "json"]);
    assert_eq!(ran.code, 2, "{}", ran.err);
    assert!(ran.out.contains("container.unprivileged"), "the other target is not told");
}
