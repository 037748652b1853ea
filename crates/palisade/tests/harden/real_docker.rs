//! The Docker fixes on a real engine, with real containers and the compose of this system.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};
use test_support::Engine;

/// Two services: one stays healthy whatever it loses, the other writes to its root.
const PROJECT: &str = r#"services:
  web:
    image: tiny:1
    command: ["/bin/sleep", "1000"]
    stop_signal: SIGKILL
    environment: {TZ: UTC}
    healthcheck: {test: ["CMD", "/bin/true"], interval: 200ms, retries: 1}
    ports:
      - "8080:80"
  picky:
    image: tiny:1
    command: ["/bin/sleep", "1000"]
    stop_signal: SIGKILL
    healthcheck: {test: ["CMD", "/bin/touch", "/mark"], interval: 200ms, retries: 1}
  db:
    image: postgres:15
    command: ["/bin/sleep", "1000"]
    stop_signal: SIGKILL
    environment:
      POSTGRES_PASSWORD: hunter2
    healthcheck:
      test: ["CMD", "/bin/sh", "-c", "[ \"$$POSTGRES_PASSWORD\" = hunter2 ] || /bin/cat $$POSTGRES_PASSWORD_FILE"]
      interval: 200ms
      retries: 1
"#;

struct Plant {
    engine: Engine,
    folder: String,
}

impl Plant {
    fn palisade(&self, args: &[&str]) -> Output {
        self.engine.enter(env!("CARGO_BIN_EXE_palisade"), args)
    }

    /// Mends what these rules say; `extra` are further arguments.
    fn harden(&self, rules: &[&str], extra: &[&str]) -> Output {
        let rules = rules.iter().flat_map(|rule| ["--rule", rule]);
        let args: Vec<&str> = ["harden"]
            .into_iter()
            .chain(rules)
            .chain(["--apply", "--yes"])
            .chain(extra.iter().copied())
            .collect();
        self.palisade(&args)
    }

    fn mended(&self, rules: &[&str], extra: &[&str]) {
        let output = self.harden(rules, extra);
        assert!(output.status.success(), "{rules:?}: {output:#?}");
    }

    fn undone(&self) {
        let output = self.palisade(&["harden", "undo", "--yes"]);
        assert!(output.status.success(), "{output:#?}");
    }

    /// Whether all findings on these rules about this subject (all, when empty) have that verdict.
    fn all(&self, rules: &[&str], subject: &str, verdict: &str) {
        let args = rules.iter().flat_map(|rule| ["--rule", rule]);
        let args: Vec<&str> = ["audit", "--format", "json"].into_iter().chain(args).collect();
        let output = self.palisade(&args);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:#?}"));
        let findings = report["findings"].as_array().unwrap_or_else(|| panic!("{report:#}"));
        for rule in rules {
            let mut own = findings
                .iter()
                .filter(|finding| {
                    finding["rule"] == *rule && (subject.is_empty() || finding["subject"] == subject)
                })
                .peekable();
            assert!(own.peek().is_some(), "no finding on {rule} {subject}");
            own.for_each(|finding| assert_eq!(finding["verdict"], verdict, "{finding:#}"));
        }
    }

    fn inspect(&self, name: &str) -> Value {
        serde_json::from_str(&self.engine.succeed("GET", &format!("/containers/{name}/json"), "")).unwrap()
    }

    fn limits(&self, name: &str) -> Vec<i64> {
        let container = self.inspect(name);
        // The engine writes no limit in several ways.
        let limit = |name: &str| match container["HostConfig"][name].as_i64() {
            Some(limit) if (1..1 << 62).contains(&limit) => limit,
            _ => 0,
        };
        ["Memory", "CpuQuota", "PidsLimit"].map(limit).to_vec()
    }

    fn compose(&self, args: &[&str]) {
        let all: Vec<&str> =
            ["--project-directory", &self.folder].iter().copied().chain(args.iter().copied()).collect();
        let file = format!("{}/docker-compose.yml", self.folder);
        let all: Vec<&str> = ["-p", "edge", "-f", &file].iter().copied().chain(all).collect();
        let output = self.engine.enter("docker-compose", &all);
        assert!(output.status.success(), "docker-compose (package docker-compose): {output:#?}");
    }

    fn daemon_json(&self) -> Option<String> {
        fs::read_to_string(self.engine.inside("/etc/docker/daemon.json")).ok()
    }

    fn info(&self) -> Value {
        serde_json::from_str(&self.engine.succeed("GET", "/info", "")).unwrap()
    }
}

#[test]
fn a_real_engine_and_its_containers_are_mended_and_as_before_when_undone() {
    let engine = Engine::start_as_usual("{\n\t\"log-level\": \"warn\"\n}");
    engine.import("tiny:1", &["/bin/sh", "/bin/sleep", "/bin/true", "/bin/touch"], &[]);
    engine.import("postgres:15", &["/bin/sh", "/bin/sleep", "/bin/cat"], &[]);
    let folder = engine.directory().join("project");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("docker-compose.yml"), PROJECT).unwrap();
    let plant = Plant { engine, folder: folder.display().to_string() };
    plant.compose(&["up", "-d"]);
    plant.engine.run(
        "odd",
        &json!({"Image": "tiny:1", "Cmd": ["/bin/sleep", "1000"], "StopSignal": "SIGKILL"}).to_string(),
    );
    let override_file = folder.join("docker-compose.override.yml");

    limits(&plant);
    assert!(!override_file.exists());
    hardening(&plant, &override_file);
    ports_and_secrets(&plant);
    settings(&plant);
}

/// At once, and back to none; the override file alone keeps them for a compose service.
fn limits(plant: &Plant) {
    let rules = [
        "container.memory-limited",
        "container.processors-limited",
        "container.processes-limited",
        "container.restart-policy-set",
    ];
    let before = ["odd", "edge_web_1"].map(|name| plant.inspect(name)["Id"].clone());
    assert_eq!(plant.limits("odd"), [0, 0, 0]);
    plant.mended(&rules, &[]);
    for name in ["odd", "edge_web_1", "edge_picky_1"] {
        assert_eq!(plant.limits(name), [512 << 20, 100_000, 200]);
        assert_eq!(plant.inspect(name)["HostConfig"]["RestartPolicy"]["Name"], "unless-stopped");
    }
    plant.all(&[rules[0], "container.limits-applied"], "", "pass");
    let after = ["odd", "edge_web_1"].map(|name| plant.inspect(name)["Id"].clone());
    assert_eq!(before, after, "a container was made anew");
    plant.undone();
    for name in ["odd", "edge_web_1", "edge_picky_1"] {
        assert_eq!(plant.limits(name), [0, 0, 0]);
        assert_eq!(plant.inspect(name)["HostConfig"]["RestartPolicy"]["Name"], "no");
    }
}

/// What stays healthy is kept, what does not is put back.
fn hardening(plant: &Plant, override_file: &std::path::Path) {
    let rules = ["container.drops-capabilities", "container.no-new-privileges", "container.log-bounded"];
    let opt_in = ["--opt-in", "compose-hardening"];
    plant.mended(&rules, &opt_in);
    let web = plant.inspect("edge_web_1");
    assert_eq!(web["HostConfig"]["CapDrop"], json!(["ALL"]));
    assert_eq!(web["HostConfig"]["LogConfig"]["Config"]["max-size"], "10m");
    assert_eq!(web["State"]["Health"]["Status"], "healthy");
    plant.undone();
    assert_eq!(plant.inspect("edge_web_1")["HostConfig"]["CapDrop"], Value::Null);
    assert!(!override_file.exists());

    let before = plant.inspect("edge_picky_1")["HostConfig"].clone();
    let output = plant.harden(&["container.read-only-root"], &opt_in);
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && said.contains("edge_picky_1 is unhealthy"), "{output:#?}");
    assert!(!override_file.exists());
    let after = plant.inspect("edge_picky_1");
    assert_eq!(after["HostConfig"], before);
    assert_eq!(after["State"]["Running"], true);
}

fn ports_and_secrets(plant: &Plant) {
    let file = format!("{}/docker-compose.yml", plant.folder);
    let bound = |plant: &Plant| {
        plant.inspect("edge_web_1")["HostConfig"]["PortBindings"]["80/tcp"][0]["HostIp"].clone()
    };
    assert_eq!(bound(plant), "");
    let rules = ["container.ports-on-chosen-addresses"];
    plant.mended(&rules, &["--opt-in", "compose-ports"]);
    assert_eq!(bound(plant), "127.0.0.1");
    let output = plant.palisade(&["harden", "confirm"]);
    assert!(output.status.success(), "{output:#?}");
    plant.undone();
    assert_eq!((fs::read_to_string(&file).unwrap().as_str(), bound(plant)), (PROJECT, json!("")));

    let rules = ["container.no-secrets-in-environment"];
    plant.mended(&rules, &["--opt-in", "compose-secrets"]);
    let db = plant.inspect("edge_db_1");
    assert_eq!(db["State"]["Health"]["Status"], "healthy");
    assert!(!db["Config"]["Env"].to_string().contains("hunter2"), "{}", db["Config"]["Env"]);
    plant.undone();
    assert!(plant.inspect("edge_db_1")["Config"]["Env"].to_string().contains("hunter2"));
    assert!(!plant.engine.inside("/etc/palisade/secrets").exists());
}

/// What the engine reads while it runs counts at once, the rest after its next start, and the file is as before.
fn settings(plant: &Plant) {
    let rules = [
        "docker.live-restore-on",
        "docker.default-bridge-isolates",
        "docker.log-level-info",
        "docker.no-new-privileges-by-default",
        "docker.userland-proxy-off",
        "docker.default-logs-bounded",
        "docker.default-ulimits-set",
    ];
    let before = plant.daemon_json();
    let web = plant.inspect("edge_web_1")["State"]["Pid"].clone();
    plant.mended(&rules, &[]);
    assert_eq!(plant.info()["LiveRestoreEnabled"], true);
    plant.engine.restart();
    assert_eq!(plant.inspect("edge_web_1")["State"]["Pid"], web, "the container did not live on");
    plant.engine.run(
        "late",
        &json!({"Image": "tiny:1", "Cmd": ["/bin/sleep", "1000"], "StopSignal": "SIGKILL"}).to_string(),
    );
    let late = plant.inspect("late");
    assert_eq!(late["HostConfig"]["LogConfig"]["Config"]["max-size"], "10m");
    let status = fs::read_to_string(format!("/proc/{}/status", late["State"]["Pid"])).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    plant.all(&rules, "", "pass");
    plant.undone();
    assert_eq!(plant.daemon_json(), before);
    // A reload does not reset what the file says nothing of any more.
    plant.engine.restart();
    assert_eq!(plant.info()["LiveRestoreEnabled"], false);
}
