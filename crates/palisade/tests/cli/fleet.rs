//! Several targets in one run, named one by one or in an inventory.

use serde_json::Value;

use crate::support::{Folder, facts, palisade};

/// A folder with a good host, a bad host and an inventory that also names one that is not there.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("good.json", &facts("no").replace("edge-07", "edge-01").replace("0123", "0001"));
    folder.file("bad.json", &facts("yes"));
    folder.file("strict.yaml", "role: hosted\nassurance: high\n");
    folder.file(
        "plant.yaml",
        "defaults:\n  labels: {site: graz}\n  role: self-managed\ntargets:\n- target: facts:good.json\n  labels: {area: press}\n\
         - target: facts:bad.json\n  name: paint-line\n  profile: strict.yaml\n- target: root:not-here\n",
    );
    folder
}

const RULE: [&str; 2] = ["--rule", "ssh.password-login-off"];

#[test]
fn several_targets_give_one_report_each_and_a_summary() {
    let folder = folder();
    let [good, bad] = ["good.json", "bad.json"].map(|name| format!("facts:{}", folder.path(name).display()));
    let ran = palisade(&[&["audit", &good, &bad], &RULE[..]].concat());
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.starts_with("edge-01: 1 rule, 1 finding: 1 pass"), "{}", ran.out);
    let summary = ran.out.split_once("summary of 2 targets").unwrap().1;
    assert!(summary.contains("edge-01") && summary.contains("(ssh.password-login-off): edge-07"), "{summary}");
    assert!(!summary.contains("could not be audited"), "{summary}");
    assert_eq!(palisade(&[&["audit", &good, &good], &RULE[..]].concat()).code, 0);
}

#[test]
fn an_inventory_gives_names_labels_profiles_and_roles() {
    let folder = folder();
    let inventory = folder.path("plant.yaml").display().to_string();
    let ran = palisade(&[&["audit", "--inventory", &inventory, "--format", "json"], &RULE[..]].concat());
    // The host that is not there does not cost the others theirs.
    assert_eq!(ran.code, 2, "{}", ran.err);
    let fleet = ran.json();
    assert_eq!(fleet["schema"], "palisade.fleet/1");
    let targets = fleet["targets"].as_array().unwrap();
    let names: Vec<&Value> = targets.iter().map(|target| &target["name"]).collect();
    assert_eq!(names, ["edge-01", "paint-line", "root:not-here"]);
    assert_eq!(targets[0]["labels"], serde_json::json!({"area": "press", "site": "graz"}));
    assert_eq!(targets[1]["labels"], serde_json::json!({"site": "graz"}));
    assert!(targets[2]["error"].as_str().unwrap().contains("not-here does not exist"), "{}", targets[2]);
    assert!(targets[1]["report"]["profile"]["path"].as_str().unwrap().ends_with("strict.yaml"));
    // What the inventory says of a target goes before what its profile says.
    assert_eq!(targets[1]["report"]["profile"]["role"], "self-managed");
    assert_eq!(fleet["summary"]["fail"], 1);
    assert_eq!(fleet["summary"]["pass"], 1);
    let requirement = fleet["guides"].as_array().unwrap().iter().flat_map(|guide| {
        guide["requirements"].as_array().unwrap().iter().filter(|requirement| {
            requirement["rules"].as_array().unwrap().iter().any(|rule| rule == "ssh.password-login-off")
        })
    });
    let reasons: Vec<&str> = requirement.map(|requirement| requirement["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.contains("on 1 of 2 targets (paint-line)")), "{reasons:?}");
}

#[test]
fn a_target_that_could_not_be_audited_leaves_open_what_the_others_meet() {
    let folder = folder();
    let status = |targets: &str| -> Vec<String> {
        let inventory = folder.file("some.yaml", targets);
        let ran = palisade(&[&["audit", "--inventory", &inventory, "--format", "json"], &RULE[..]].concat());
        let fleet = ran.json();
        let guides = fleet["guides"].as_array().unwrap().iter();
        let requirements = guides.flat_map(|guide| guide["requirements"].as_array().unwrap());
        requirements.map(|requirement| requirement["status"].as_str().unwrap().to_owned()).collect()
    };
    let alone = status("targets:\n- target: facts:good.json\n");
    assert!(alone.iter().any(|status| status == "met"), "{alone:?}");
    // What a compose project could say of SSH is nothing.
    let other = status("targets:\n- target: facts:good.json\n- target: compose:not-here\n");
    assert!(other.iter().any(|status| status == "met"), "{other:?}");
    let open = status("targets:\n- target: facts:good.json\n- target: root:not-here\n");
    assert!(!open.iter().any(|status| status == "met"), "{open:?}");
}

#[test]
fn reports_of_several_targets_go_to_a_folder() {
    let folder = folder();
    let [inventory, out] = ["plant.yaml", "out"].map(|name| folder.path(name).display().to_string());
    for (format, ending) in [("html", "html"), ("json", "json"), ("oscal", "oscal.json"), ("csv", "csv")] {
        let args = ["audit", "--inventory", &inventory, "--format", format, "--output", &out];
        let ran = palisade(&[&args[..], &RULE].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.out.contains("summary of 3 targets"), "{}", ran.out);
        for name in ["edge-01", "paint-line", "summary"] {
            let path = folder.path("out").join(format!("{name}.{ending}"));
            assert!(path.metadata().unwrap().len() > 100, "{}", path.display());
        }
    }
    let page = std::fs::read_to_string(folder.path("out/summary.html")).unwrap();
    assert!(page.contains("href=\"paint-line.html\""), "{page}");
}

#[test]
fn what_is_wrong_with_an_inventory_is_said_with_its_place() {
    let folder = Folder::new();
    for (text, place, what) in [
        ("targets:\n- target: gopher:x\n", "plant.yaml:2", "no kind of target"),
        ("targets:\n- targt: local\n", "plant.yaml:2:3", "unknown field `targt`"),
        ("targets:\n- target: local\n  role: owner\n", "plant.yaml:3", "owner"),
        ("targets: 3\n", "plant.yaml:1", ""),
        ("targets: []\n", "plant.yaml", "`targets` is empty"),
        (
            "targets:\n- target: ssh://ann:hunter2@plant\n",
            "plant.yaml:2",
            "`ssh://ann:...@plant`: a password cannot",
        ),
    ] {
        let inventory = folder.file("plant.yaml", text);
        let ran = palisade(&["audit", "--inventory", &inventory]);
        assert_eq!(ran.code, 2, "{text}");
        assert!(ran.err.contains(place) && ran.err.contains(what), "{text}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
}

#[test]
fn a_name_that_a_target_gives_itself_is_cut() {
    let folder = Folder::new();
    folder.file("tree/etc/hostname", &"a".repeat(10_000));
    let tree = format!("root:{}", folder.path("tree").display());
    let report = palisade(&["audit", &tree, "--format", "json"]).json();
    assert_eq!(report["target"]["name"], "a".repeat(255));
}

#[test]
fn credentials_come_from_files_and_the_environment_and_a_missing_one_names_its_target() {
    let folder = Folder::new();
    let good = folder.file("good.json", &facts("no"));
    let inventory = folder.file(
        "plant.yaml",
        &format!(
            "targets:\n- target: facts:{good}\n- target: root:.\n  credentials: {{user: x, password_env: PALISADE_NOT_SET}}\n"
        ),
    );
    let args = ["audit", "--inventory", &inventory, "--format", "json"];
    let ran = palisade(&[&args[..], &RULE].concat());
    let fleet = ran.json();
    assert_eq!(fleet["targets"][0]["error"], "");
    assert!(fleet["targets"][1]["error"].as_str().unwrap().contains("PALISADE_NOT_SET"), "{}", ran.out);
    // What holds for all holds for those of the inventory that say nothing else.
    let all = folder.file("all.yaml", "user: x\npassword_file: empty\n");
    folder.file("empty", "\n");
    let ran = palisade(&[&args[..], &["--credentials", &all], &RULE].concat());
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("empty holds no password"), "{}", ran.err);
    let broken = folder.file("login.yaml", "user: x\npassword: secret-in-a-file\n");
    let ran = palisade(&["audit", &format!("facts:{good}"), "--credentials", &broken]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("login.yaml:2") && !ran.err.contains("secret-in-a-file"), "{}", ran.err);
}

#[test]
fn a_baseline_is_of_one_target() {
    let folder = folder();
    let [good, bad] = ["good.json", "bad.json"].map(|name| format!("facts:{}", folder.path(name).display()));
    let ran = palisade(&["audit", &good, &bad, "--baseline", "x.json"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--baseline"), "{}", ran.err);
}
