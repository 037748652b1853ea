//! What `deploy/` ships holds what Palisade asks of others: the unit, the image's recipe, the compose file.

use std::process::Command;

use crate::support::{Folder, palisade, root};

/// What the profile of a site says of the shipped compose file and recipe.
fn profile() -> String {
    let none = "0".repeat(64);
    format!(
        "declare:\n  image_digests: [\"sha256:{none}\"]\n  published_ports: [8443/tcp]\n  \
         docker_networks: [palisade_front, palisade_back]\n"
    )
}

#[test]
fn the_unit_is_exposed_by_at_most_two_of_ten() {
    let unit = root().join("deploy/palisade.service");
    let output = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20"])
        .arg(&unit)
        .env("LC_ALL", "C.UTF-8")
        .env("SYSTEMD_COLORS", "0")
        .output()
        .expect("systemd-analyze is missing: install the package systemd");
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
    let level: f64 = line.split_whitespace().find_map(|word| word.parse().ok()).expect(&text);
    assert!(level <= 2.0, "{text}");
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&unit).unwrap();
    for limit in
        ["MemoryMax=", "TasksMax=", "LimitNOFILE=", "CapabilityBoundingSet=\n", "StateDirectoryMode=0700"]
    {
        assert!(text.contains(limit), "{limit}");
    }
}

#[test]
fn our_own_linter_finds_nothing_to_fault_in_the_compose_file() {
    let folder = Folder::new();
    let profile = folder.file("profile.yaml", &profile());
    let target = format!("compose:{}", root().join("deploy/compose.yaml").display());
    let ran = palisade(&["audit", &target, "--profile", &profile, "--fail-on", "low", "--strict"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.contains(" 0 fail, 0 unknown"), "{}", ran.out);
}

#[test]
fn our_own_linter_finds_nothing_to_fault_in_the_recipe_of_the_image() {
    let folder = Folder::new();
    let profile = folder.file("profile.yaml", &profile());
    let target = format!("dockerfile:{}", root().join("deploy/Containerfile").display());
    let ran = palisade(&["audit", &target, "--profile", &profile, "--fail-on", "low", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let report = ran.json();
    let unknown: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "unknown")
        .map(|finding| finding["rule"].as_str().unwrap())
        .collect();
    // Which registries a site approves is its own matter, and only the built image tells what its base holds.
    assert_eq!(unknown, ["image.from-approved-registry", "image.no-remote-shell"]);
}
