//! The Docker engine, containers and compose projects.

use harden::Plan;
use serde_json::{Value, json};
use test_support::{Machine, container};

use crate::harness::{Case, Host};

const BASE: &str = "services:\n  web:\n    image: postgres:15\n    ports:\n      - \"8080:80\" # the site\n";
/// How compose is called for the project of [`compose_machine`].
const EDGE: &str = "docker-compose -p edge --project-directory /srv/edge -f /srv/edge/docker-compose.yml";
const OVERRIDDEN: &str = "-f /srv/edge/docker-compose.override.yml";

fn case(
    name: &'static str,
    fix: &'static str,
    rules: &'static [&'static str],
    machine: fn() -> Machine,
) -> Case {
    Case { name, fix, rules, machine, profile: "", answers_stay: false }
}

/// The machine answers as before: only its files can be judged.
fn told(case: Case) -> Case {
    Case { answers_stay: true, ..case }
}

pub(super) fn cases() -> Vec<Case> {
    [engine(), access(), containers(), compose()].into_iter().flatten().collect()
}

fn stopped_engine() -> Machine {
    Machine::new().file("/usr/sbin/dockerd", "")
}

fn engine() -> Vec<Case> {
    vec![
        case("live-restore, no daemon.json", "docker-live-setting", &["docker.live-restore-on"], || {
            Machine::new().engine(Vec::new())
        }),
        case(
            "engine settings, no daemon.json",
            "docker-setting",
            &[
                "docker.userland-proxy-off",
                "docker.no-new-privileges-by-default",
                "docker.default-bridge-isolates",
                "docker.default-logs-bounded",
                "docker.default-ulimits-set",
            ],
            stopped_engine,
        ),
        case(
            "engine settings, a linked daemon.json with tabs that says otherwise",
            "docker-setting",
            &[
                "docker.default-bridge-isolates",
                "docker.log-level-info",
                "docker.experimental-off",
                "docker.default-logs-bounded",
                "docker.default-ulimits-set",
            ],
            || {
                stopped_engine().link("/etc/docker/daemon.json", "../../srv/daemon.json").file(
                    "/srv/daemon.json",
                    "{\n\t\"icc\": true, \"log-level\": \"debug\",\n\t\"experimental\" : true,\n\t\"log-driver\": \"json-file\",\n\
                     \t\"log-opts\": {\"max-file\": \"9\", \"labels\": \"a\"},\n\t\"default-ulimits\": {}\n}",
                )
            },
        ),
        case(
            "engine settings, an empty daemon.json and other flags",
            "docker-setting",
            &["docker.default-bridge-isolates", "docker.no-new-privileges-by-default"],
            || {
                stopped_engine().file("/etc/docker/daemon.json", "").file(
                    "/lib/systemd/system/docker.service",
                    "[Service]\nExecStart=/usr/sbin/dockerd -H fd:// --userland-proxy=false\n",
                )
            },
        ),
        told(case("seccomp switched off", "docker-setting", &["docker.seccomp-on"], || {
            Machine::new()
                .engine(Vec::new())
                .file("/etc/docker/daemon.json", "{\"seccomp-profile\": \"unconfined\"}\n")
        })),
        case("user namespaces", "docker-userns", &["docker.user-namespaces-on"], stopped_engine),
        case("content trust", "docker-content-trust", &["docker.content-trust-on"], || {
            stopped_engine().file("/etc/environment", "DOCKER_CONTENT_TRUST=0\n")
        }),
        case("content trust, switched off last", "docker-content-trust", &["docker.content-trust-on"], || {
            stopped_engine().file("/etc/profile.d/zzz.sh", "umask 027\n  export DOCKER_CONTENT_TRUST=0\n")
        }),
    ]
}

fn owned(machine: Machine, path: &str, uid: u32, gid: u32) -> Machine {
    std::os::unix::fs::chown(machine.place(path), Some(uid), Some(gid)).unwrap();
    machine
}

fn access() -> Vec<Case> {
    vec![
        case(
            "files and sockets of the engine",
            "docker-access",
            &[
                "docker.sockets-closed-to-others",
                "docker.sockets-owned-by-root",
                "docker.files-owned-by-root",
                "docker.files-not-writable",
                "docker.private-keys-hidden",
            ],
            || {
                let machine = Machine::new()
                    .file("/usr/sbin/dockerd", "")
                    .file("/etc/group", "root:x:0:\ndocker:x:107:\nusers:x:100:\n")
                    .file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
                    .file_with_mode("/etc/docker/daemon.json", "{}", 0o666)
                    .mode("/etc/docker", 0o777)
                    .file_with_mode("/etc/docker/certs.d/reg/client.key", "", 0o640)
                    .file("/lib/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n")
                    .file_with_mode("/run/docker.sock", "", 0o666)
                    .file_with_mode("/run/containerd/containerd.sock", "", 0o662);
                let machine = owned(machine, "/etc/docker/daemon.json", 1000, 100);
                let machine = owned(machine, "/run/containerd/containerd.sock", 0, 100);
                owned(machine, "/run/docker.sock", 1000, 100)
            },
        ),
        case(
            "a drop-in of the socket that is there",
            "docker-access",
            &["docker.sockets-closed-to-others"],
            || {
                Machine::new()
                    .file("/usr/sbin/dockerd", "")
                    .file("/etc/group", "root:x:0:\n")
                    .file("/etc/systemd/system/docker.socket", "[Socket]\nListenStream=/run/docker.sock\n")
                    .file(
                        "/etc/systemd/system/docker.socket.d/10-palisade.conf",
                        "[Socket]\n#SocketMode=0600\nsocketmode=0666\n",
                    )
                    .file_with_mode("/run/docker.sock", "", 0o666)
            },
        ),
    ]
}

/// Labels of the service `web` of the project `edge`.
fn labels(version: &str, files: &str) -> Value {
    json!({
        "com.docker.compose.project": "edge",
        "com.docker.compose.service": "web",
        "com.docker.compose.version": version,
        "com.docker.compose.config-hash": "cafe",
        "com.docker.compose.project.working_dir": "/srv/edge",
        "com.docker.compose.project.config_files": files,
    })
}

/// A project of one service; what compose does changes nothing here.
fn compose_machine(version: &str, parts: Value) -> Machine {
    let mut web = container("edge_web_1", json!({"Config": {"Labels": labels(version, "docker-compose.yml")}}));
    test_support::merge(&mut web, &parts);
    Machine::new()
        .engine(vec![web])
        .file("/usr/bin/docker-compose", "")
        .file("/srv/edge/docker-compose.yml", BASE)
        .program(&format!("{EDGE} config --hash web"), "web cafe\n")
        .program(&format!("{EDGE} {OVERRIDDEN} config -q"), "")
        .program(&format!("{EDGE} {OVERRIDDEN} up -d --no-deps --no-build web"), "")
        .program(&format!("{EDGE} up -d --no-deps --no-build web"), "")
}

fn containers() -> Vec<Case> {
    let limits: &[&str] =
        &["container.memory-limited", "container.processors-limited", "container.processes-limited"];
    vec![
        case("limits of a container made by hand", "container-limits", limits, || {
            Machine::new().engine(vec![container("odd", json!({}))])
        }),
        case("limits of a compose service", "container-limits", limits, || {
            compose_machine("1.29.2", json!({}))
        }),
        Case {
            profile: "declare: {container_limits: [\"edge_web_1 memory=2g cpus=2 pids=300\"]}\n",
            ..case("declared limits of a compose service", "container-limits", limits, || {
                compose_machine("2.24.5", json!({"HostConfig": {"PidsLimit": -1}}))
            })
        },
        case("limits of a service that has an override", "container-limits", limits, || {
            let files = "docker-compose.yml,docker-compose.override.yml";
            compose_machine("1.29.2", json!({"Config": {"Labels": labels("1.29.2", files)}}))
                .file("/srv/edge/docker-compose.override.yml", "services: {}\n")
                .file("/srv/edge/.env", "PASSWORD=hunter2\n")
                .program(&format!("{EDGE} {OVERRIDDEN} -f /srv/edge/compose.palisade.yaml config -q"), "")
        }),
        case(
            "limits beside those of an earlier run",
            "container-limits",
            &["container.processes-limited"],
            || {
                compose_machine("1.29.2", json!({"HostConfig": {"Memory": 536_870_912, "CpuQuota": 100_000}})).file(
                "/srv/edge/docker-compose.override.yml",
                "# Written by Palisade; `palisade harden undo` takes it back.\nservices:\n  web:\n    mem_limit: \"512m\"\n",
            )
            },
        ),
        case("restart policy", "container-restart-policy", &["container.restart-policy-set"], || {
            compose_machine("1.29.2", json!({}))
        }),
    ]
}

fn compose() -> Vec<Case> {
    vec![
        told(case(
            "logs of a compose service",
            "compose-logging",
            &["container.log-bounded", "container.log-does-not-block"],
            || compose_machine("1.29.2", json!({})),
        )),
        told(case(
            "no log of a compose service",
            "compose-logging",
            &["container.log-kept", "container.log-does-not-block"],
            || compose_machine("2.24.5", json!({"HostConfig": {"LogConfig": {"Type": "none"}}})),
        )),
        told(case(
            "rights of a compose service",
            "compose-hardening",
            &[
                "container.unprivileged",
                "container.drops-capabilities",
                "container.not-root",
                "container.no-new-privileges",
                "container.read-only-root",
                "container.oom-killer-on",
                "container.resources-reserved",
            ],
            || compose_machine("1.29.2", json!({"HostConfig": {"Privileged": true, "OomKillDisable": true}})),
        )),
        told(case(
            "ports, where compose cannot replace a list",
            "compose-ports",
            &["container.ports-on-chosen-addresses"],
            || compose_machine("1.29.2", published()),
        )),
        told(case(
            "ports, where compose can replace a list",
            "compose-ports",
            &["container.ports-on-chosen-addresses"],
            || compose_machine("2.24.5", published()),
        )),
        told(case(
            "secrets of a service whose image reads files",
            "compose-secrets",
            &["container.no-secrets-in-environment"],
            || {
                let config = json!({"Image": "docker.io/library/postgres:15", "Env": ["TZ=UTC", "POSTGRES_PASSWORD=hunter2"]});
                compose_machine("1.29.2", json!({"Config": config}))
            },
        )),
    ]
}

/// A port on all addresses.
fn published() -> Value {
    json!({
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
        "NetworkSettings": {"Ports": {"80/tcp": [
            {"HostIp": "0.0.0.0", "HostPort": "8080"}, {"HostIp": "::", "HostPort": "8080"},
        ]}},
    })
}

fn plan_of(fix: &'static str, machine: fn() -> Machine) -> Plan {
    let case = case("", fix, &[], machine);
    Host::of(&case).plan(&case)
}

/// The text that a plan gives a file.
fn text_of(plan: &Plan, path: &str) -> String {
    let step = plan.steps.iter().find(|step| step.path == path).unwrap_or_else(|| panic!("{path}: {plan:#?}"));
    step.after.content().unwrap().as_text().unwrap().to_owned()
}

#[test]
fn a_flag_of_dockerd_is_never_set_in_its_file_too() {
    let plan = plan_of("docker-setting", || {
        stopped_engine().file(
            "/lib/systemd/system/docker.service",
            "[Service]\nExecStart=/usr/sbin/dockerd --icc=true $DOCKER_OPTS\n",
        )
    });
    let refused = plan.refused.iter().find(|one| one.rule == "docker.default-bridge-isolates").unwrap();
    assert!(refused.reason.contains("/lib/systemd/system/docker.service:2"), "{}", refused.reason);
    assert!(!text_of(&plan, "/etc/docker/daemon.json").contains("icc"));
}

#[test]
fn other_containers_of_a_service_and_variables_of_a_shell_keep_compose_from_running() {
    let plan = plan_of("compose-hardening", || {
        compose_machine("1.29.2", json!({}))
            .file("/srv/edge/docker-compose.yml", "services: {web: {image: \"${IMAGE}\"}}\n")
    });
    assert!(plan.is_empty() && plan.refused.iter().all(|one| one.reason.contains("IMAGE")), "{plan:#?}");
    let plan = plan_of("compose-hardening", || {
        let web = |name| container(name, json!({"Config": {"Labels": labels("1.29.2", "docker-compose.yml")}}));
        Machine::new()
            .engine(vec![web("edge_web_1"), web("edge_web_2")])
            .file("/usr/bin/docker-compose", "")
            .file("/srv/edge/docker-compose.yml", BASE)
    });
    assert!(plan.is_empty() && plan.refused.iter().all(|one| one.reason.contains("several")), "{plan:#?}");
}

#[test]
fn no_plan_shows_a_secret() {
    let plan = plan_of("compose-secrets", || {
        let config = json!({"Image": "postgres:15", "Env": ["POSTGRES_PASSWORD=hunter2"]});
        compose_machine("1.29.2", json!({"Config": config}))
    });
    assert_eq!(text_of(&plan, "/etc/palisade/secrets/edge_web_1/POSTGRES_PASSWORD"), "hunter2");
    let shown = serde_json::to_string(&plan.view()).unwrap() + &harden::playbook(&plan, "plant-7");
    assert!(!shown.contains("hunter2"), "{shown}");
    let plan = plan_of("compose-secrets", || {
        let config = json!({"Image": "acme/postgres:15", "Env": ["POSTGRES_PASSWORD=hunter2"]});
        compose_machine("1.29.2", json!({"Config": config}))
    });
    assert!(plan.is_empty() && plan.refused[0].reason.contains("POSTGRES_PASSWORD"), "{plan:#?}");
}

#[test]
fn ports_keep_what_stands_beside_them() {
    let plan = plan_of("compose-ports", || compose_machine("1.29.2", published()));
    assert_eq!(
        text_of(&plan, "/srv/edge/docker-compose.yml"),
        "services:\n  web:\n    image: postgres:15\n    ports:\n      - \"127.0.0.1:8080:80\" # the site\n"
    );
    let plan = plan_of("compose-ports", || compose_machine("2.24.5", published()));
    assert!(
        text_of(&plan, "/srv/edge/docker-compose.override.yml")
            .contains("ports: !override [\"127.0.0.1:8080:80/tcp\"]\n")
    );
}
