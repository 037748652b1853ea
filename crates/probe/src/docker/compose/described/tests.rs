//! What is read of a project that is only described.

use test_support::{Machine, RIGHT, WRONG, mutations};

use super::*;

fn section(machine: Machine) -> Docker {
    let (door, _root) = machine.door();
    let cx = Context::new(door).of(Subject::Compose { paths: vec!["/p".to_owned()] });
    match probe(&cx) {
        Fact::Known(section, _) => section,
        other => panic!("{other:?}"),
    }
}

fn service(text: &str) -> Container {
    let file = format!("services:\n  web:\n    {}\n", text.replace('\n', "\n    "));
    let section = section(Machine::new().file("/p/compose.yaml", file));
    section.containers.value().unwrap()[0].clone()
}

fn reason<T: std::fmt::Debug>(fact: &Fact<T>) -> &str {
    match fact {
        Fact::Unreadable(reason) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_file_does_not_say_is_absent_or_the_engine_s_default() {
    let web = service("image: app");
    assert_eq!(web.status, Fact::known("described".to_owned()));
    assert!(web.user.is_absent() && web.runs_as_root.is_unreadable());
    assert!(web.limits.value().unwrap().memory_bytes.is_absent());
    assert_eq!(web.restart_policy.value().unwrap(), "no");
    assert_eq!(web.seccomp.value().unwrap(), "default");
    assert!(web.apparmor.is_absent() && web.applied.is_absent() && web.restart_count.is_absent());
    assert_eq!(web.extra_capabilities.value().unwrap().len(), 0);
    assert_eq!(web.networks.value().unwrap(), &["default"]);
    assert_eq!(web.source, "/p/compose.yaml:2:3");
}

#[test]
fn what_only_the_shell_knows_is_unknown_with_that_reason() {
    let web = service(
        "image: app:${TAG}\nuser: ${APP_USER:-1000}\nprivileged: ${PRIVILEGED}\nvolumes: ['${DATA}:/data']",
    );
    assert!(reason(&web.image).contains("/p/compose.yaml:3:12: the variable TAG is set by the shell"));
    assert_eq!(web.user.value().unwrap(), "1000");
    assert!(reason(&web.privileged).contains("PRIVILEGED"));
    assert!(reason(&web.mounts).contains("DATA"));
    let section = section(Machine::new().file("/p/compose.yaml", "services: {web: {image: 'a:${B}-${C:-1}'}}"));
    let projects = section.compose_projects.value().unwrap();
    assert_eq!(projects[0].shell_variables.value().unwrap(), &["B"]);
}

#[test]
fn a_value_of_the_wrong_kind_is_unknown_and_never_a_default() {
    let web = service(
        "image: [a]\nprivileged: maybe\nmem_limit: much\ncpus: [1]\npids_limit: x\nports: [a]\ncap_add: {a: b}",
    );
    assert!(reason(&web.image).contains("this is no text"));
    assert!(reason(&web.privileged).contains("/p/compose.yaml:4:17: this is not true or false"));
    let limits = web.limits.value().unwrap();
    assert!(reason(&limits.memory_bytes).contains("not a size"));
    assert!(limits.cpus.is_unreadable() && limits.pids.is_unreadable() && web.ports.is_unreadable());
}

#[test]
fn limits_of_both_forms_count() {
    let web = service(
        "image: a\ndeploy: {resources: {limits: {memory: 1g, cpus: '0.5', pids: 50}, reservations: {memory: 64m}}}",
    );
    let limits = web.limits.value().unwrap();
    assert_eq!(limits.memory_bytes.value(), Some(&(1 << 30)));
    assert_eq!((limits.cpus.value(), limits.pids.value()), (Some(&0.5), Some(&50)));
    assert_eq!(limits.memory_reservation_bytes.value(), Some(&(64 << 20)));
    let web = service("image: a\nmem_limit: 0\npids_limit: -1\ncpu_quota: 50000");
    let limits = web.limits.value().unwrap();
    assert!(limits.memory_bytes.is_absent() && limits.pids.is_absent());
    assert_eq!(limits.cpus.value(), Some(&0.5));
}

#[test]
fn the_environment_is_that_of_files_and_of_the_service() {
    let machine = Machine::new()
        .file(
            "/p/compose.yaml",
            "services:\n  web:\n    image: a\n    env_file: [a.env, {path: none.env, required: false}]\n    environment: [B_TOKEN, \
             C=1, D_SECRET_FILE=/run/x]\n",
        )
        .file("/p/a.env", "A_PASSWORD=x\nC=2\n");
    let web = section(machine).containers.value().unwrap()[0].clone();
    let seen: Vec<_> = web
        .environment
        .value()
        .unwrap()
        .iter()
        .map(|v| (v.name.as_str(), v.is_secret, v.source.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("A_PASSWORD", true, "/p/a.env:1"),
            ("C", false, "/p/compose.yaml:5:28"),
            ("B_TOKEN", true, "/p/compose.yaml:5:19"),
            ("D_SECRET_FILE", false, "/p/compose.yaml:5:33"),
        ]
    );
    let web = service("image: a\nenv_file: none.env");
    assert!(reason(&web.environment).contains("/p/compose.yaml:4:15: "));
}

#[test]
fn a_port_that_only_the_shell_knows_is_unknown_by_itself() {
    let text =
        "services:\n  a: {image: x, ports: ['${PORT}:80', '22:22']}\n  b: {image: x, ports: ['443:443']}\n";
    let section = section(Machine::new().file("/p/compose.yaml", text));
    let ports = section.published_ports.value().unwrap();
    let known: Vec<_> = ports.iter().filter_map(Fact::value).map(|port| port.name.as_str()).collect();
    assert_eq!(known, ["22/tcp", "443/tcp"]);
    assert!(reason(&ports[0]).contains("/p/compose.yaml:2:25: the variable PORT"), "{:?}", ports[0]);
    let containers = section.containers.value().unwrap();
    assert!(containers[0].ports.is_unreadable() && containers[1].ports.value().is_some());
}

#[test]
fn namespaces_of_other_services_are_followed() {
    let text = "services:\n  a: {image: x, network_mode: 'service:b'}\n  b: {image: x, network_mode: host}\n";
    let section = section(Machine::new().file("/p/compose.yaml", text));
    assert_eq!(section.containers.value().unwrap()[0].network_mode.value().unwrap(), "host");
}

#[test]
fn networks_volumes_and_files_are_those_of_the_project() {
    let text = "name: app\nservices:\n  a: {image: x, networks: [in], volumes: ['d:/d']}\n  b: {image: x}\nnetworks: {in: {driver: \
                macvlan}, out: {external: true}}\nvolumes: {d: {driver_opts: {type: none, o: bind, device: /etc}}, e: {}}\nsecrets: {s: \
                {file: s.txt}}\n";
    let machine = Machine::new().file("/p/compose.yaml", text).file_with_mode("/p/s.txt", "x", 0o604);
    let section = section(machine);
    let names: Vec<_> = section.networks.value().unwrap().iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["app_in", "out", "app_default"]);
    let volumes = section.volumes.value().unwrap();
    assert_eq!(volumes[0].device.value().unwrap(), "/etc");
    assert_eq!((volumes[0].unused.value(), volumes[1].unused.value()), (Some(&false), Some(&true)));
    let mount = &section.containers.value().unwrap()[0].mounts.value().unwrap()[0];
    assert!(mount.is_sensitive_host_path && mount.kind == "volume");
    let secret = section.compose_files.value().unwrap().iter().find(|file| file.kind == "secret").unwrap();
    assert!(secret.others_may_read && secret.source == "/p/compose.yaml:7:15");
}

#[test]
fn what_the_shell_gives_is_a_secret_by_its_name_or_form_everywhere() {
    let web = service(
        "image: a\ncommand: ['--password=${PW}', '--token', '${TOKEN:?say}', '--key=$$KEY', '--user=${WHO}']\nenvironment: \
         {DB_URL: 'postgres://u:${PW}@db/x', DB_PASSWORD: '${PW}', WHO: '${WHO}', FROM_SHELL: null}",
    );
    assert_eq!(web.command_secrets.value().unwrap(), &["password", "token"]);
    let variables = web.environment.value().unwrap().iter().filter(|variable| variable.is_secret);
    let names: Vec<_> = variables.map(|variable| (variable.name.as_str(), variable.reason.as_str())).collect();
    assert_eq!(names, [("DB_URL", "url"), ("DB_PASSWORD", "name")]);
}

#[test]
fn the_last_security_option_of_a_kind_wins() {
    let web = service(
        "image: a\nsecurity_opt: ['no-new-privileges:true', 'seccomp:x.json', 'apparmor:mine', 'systempaths:unconfined', \
         'no-new-privileges:false', 'seccomp:unconfined', 'apparmor:unconfined']",
    );
    assert_eq!((web.no_new_privileges.value(), web.masked_paths.value()), (Some(&false), Some(&false)));
    assert_eq!(web.seccomp.value().unwrap(), "unconfined");
    assert_eq!(web.apparmor.value().unwrap(), "unconfined");
    let web = service("image: a\nsecurity_opt: ['no-new-privileges:false', no-new-privileges]");
    assert_eq!((web.no_new_privileges.value(), web.masked_paths.value()), (Some(&true), Some(&true)));
}

#[test]
fn configurations_are_seen_like_binds_and_variables() {
    let text = "services:\n  a: {image: x, configs: [app, {source: host, target: /etc/passwd}, none], secrets: [sock, plain]}\n  b: \
                {image: x, configs: [shell]}\n  c: {image: x, configs: [open]}\n  d: {image: x}\nconfigs:\n  app: {content: \"mode = \
                1\\npassword = hunter2hunter2\\n\"}\n  host: {file: /etc/passwd}\n  shell: {content: 'password = ${NOWHERE}'}\n  open: {file: \
                '${NOWHERE}/x', content: 'mode = 1'}\nsecrets: {sock: {file: /run/docker.sock}, plain: {file: /etc/app/key}}\n";
    let section = section(Machine::new().file("/p/compose.yaml", text));
    let facts = serde_json::to_string(&section).unwrap();
    assert!(!facts.contains("hunter2"), "{facts}");
    let [a, b, c, d] = &section.containers.value().unwrap()[..] else { panic!("four services") };
    assert_eq!(a.config_secrets.value().unwrap(), &["app line 2: assignment"]);
    let mounts: Vec<_> = a.mounts.value().unwrap().iter().map(|mount| mount.destination.as_str()).collect();
    assert_eq!(mounts, ["/etc/passwd", "/run/secrets/sock"]);
    let mounts = a.mounts.value().unwrap();
    assert!(mounts[0].is_sensitive_host_path && mounts[1].is_engine_socket);
    assert!(mounts.iter().all(|mount| mount.kind == "bind" && mount.read_write == Fact::known(false)));
    assert!(reason(&b.config_secrets).contains("NOWHERE"));
    assert!(reason(&c.mounts).contains("NOWHERE"));
    assert_eq!((d.config_secrets.value().unwrap().len(), d.mounts.value().unwrap().len()), (0, 0));
}

#[test]
fn a_service_that_may_use_the_engine_has_its_socket() {
    let mounts = service("image: a\nuse_api_socket: true").mounts;
    assert!(matches!(mounts.value().unwrap().as_slice(), [mount] if mount.is_engine_socket));
    assert!(service("image: a\nuse_api_socket: false").mounts.value().unwrap().is_empty());
    assert!(reason(&service("image: a\nuse_api_socket: '${X}'").mounts).contains("variable X"));
}

#[test]
fn mounts_that_come_from_elsewhere_are_followed_or_unknown() {
    let text = "services:\n  a: {image: x, volumes: ['/run/docker.sock:/s']}\n  b: {image: x, volumes_from: ['a:ro']}\n  c: {image: x, \
                volumes_from: ['container:z']}\n  d: {image: x, volumes_from: [d]}\n  e: {image: x, volumes: ['v:/v']}\nvolumes: {v: \
                {driver_opts: {device: '${NOWHERE}'}}}\n";
    let section = section(Machine::new().file("/p/compose.yaml", text));
    let [_, b, c, d, e] = &section.containers.value().unwrap()[..] else { panic!("five services") };
    let mount = &b.mounts.value().unwrap()[0];
    assert!(mount.is_engine_socket && mount.read_write == Fact::known(false));
    assert!(reason(&c.mounts).contains("another container"));
    assert!(reason(&d.mounts).contains("in a circle"));
    assert!(reason(&e.mounts).contains("NOWHERE"));
}

#[test]
fn what_a_service_is_built_from_speaks_for_it() {
    let machine = Machine::new()
        .file(
            "/p/compose.yaml",
            "services:\n  a: {build: .}\n  b: {build: {context: ., dockerfile: other}}\n  c: {build: ., healthcheck: {disable: \
             true}}\n  d: {build: ., user: '${U:-}', healthcheck: {test: [NONE]}}\n  e: {build: {context: ., target: dev, args: \
             [WHO]}}\n  f: {image: x, healthcheck: {disable: '${OFF}'}}\n",
        )
        .file(
            "/p/Dockerfile",
            "FROM scratch AS dev\nARG WHO=app\nUSER $WHO\nFROM scratch\nUSER 0\nHEALTHCHECK CMD true\n",
        );
    let section = section(machine);
    let [a, b, c, d, e, f] = &section.containers.value().unwrap()[..] else { panic!("six services") };
    assert_eq!((a.runs_as_root.value(), d.runs_as_root.value()), (Some(&true), Some(&true)));
    assert!(a.health_check.value().is_some());
    assert!(c.health_check.is_absent() && d.health_check.is_absent() && e.health_check.is_absent());
    assert!(reason(&f.health_check).contains("OFF"));
    for reason in [reason(&b.user), reason(&b.runs_as_root), reason(&b.health_check)] {
        assert!(reason.starts_with("/p/compose.yaml:3:"), "{reason}");
    }
    assert!(e.user.is_unreadable());
    let images = section.images.value().unwrap();
    assert_eq!(images.len(), 3);
    assert!(images.iter().any(|image| image.name == "/p/other" && image.dockerfile.is_unreadable()));
}

#[test]
fn junk_is_an_error_and_never_a_panic() {
    let (door, _root) = Machine::new().door();
    for text in [
        "\0\u{1}",
        "services: {a: {ports: [[[]]], volumes: {}, environment: 7, deploy: []}}",
        "- - -",
        "services: {a: ~}",
    ] {
        let _ = described(&door, text);
    }
    assert!(described(&door, "services: {a: {image: x}}\ninclude: [x, y]").is_none());
}

#[test]
fn damaged_projects_are_read_or_refused_and_never_a_panic() {
    let (door, _root) = Machine::new().door();
    for text in [WRONG.text("docker-compose.yml"), RIGHT.text("compose.yaml")] {
        for text in mutations(text, 400) {
            let _ = described(&door, &text);
        }
    }
}

#[test]
fn no_secret_of_a_project_becomes_a_fact() {
    let machine = Machine::new()
        .file("/p/docker-compose.yml", WRONG.text("docker-compose.yml"))
        .file("/p/.env", WRONG.text(".env"))
        .file("/p/app.env", WRONG.text("app.env"))
        .file("/p/ui/Dockerfile", WRONG.text("ui/Dockerfile"));
    let facts = serde_json::to_string(&section(machine)).unwrap();
    assert!(facts.contains("KEYSTORE_PASSWORD") && !facts.contains("hunter2"), "{facts}");
}
