//! The standard report: every verdict, state, kind of source and change, many subjects, hostile names.

use model::content::{Level, Role};
use model::report::{
    Change, Changes, Evidence, Finding, GuideReport, ProbeRun, ProbeStatus, ProfileSummary, REPORT_SCHEMA,
    Report, RequirementReport, Status, Summary, Target, TargetKind, Tool, Verdict, WaiverUse,
};
use model::{Place, Severity, Source};
use serde_json::{Value, json};

/// A name that tries everything: colours, cursor, line ends, a formula, markup, bidirectional override.
pub(crate) const HOSTILE: &str =
    "=cmd|'/c calc'!A0\x1b[2J\x1b]0;owned\x07\u{9b}31m\r\n<script>alert(1)</script>]]>&\u{202e}exe.txt\0\u{7f}";

/// A report that is clean: one pass, one met requirement.
pub(crate) fn clean() -> Report {
    let mut report = empty();
    report.findings.push(Finding {
        verdict: Verdict::Pass,
        ..finding("time.synchronised", "The clock is synchronised", Severity::High)
    });
    report.guides.push(GuideReport {
        id: "nerve-node".to_owned(),
        title: "Nerve Node".to_owned(),
        requirements: vec![requirement("NRV-N-001", "2.1", Status::Met, &["time.synchronised"])],
    });
    report.summary = summary(&report);
    report
}

/// A report without findings and guides.
pub(crate) fn empty() -> Report {
    Report {
        schema: REPORT_SCHEMA.to_owned(),
        tool: Tool {
            name: "palisade".to_owned(),
            version: "0.1.0".to_owned(),
            content: "3f2a91c05d7e".repeat(5) + "3f2a",
        },
        target: Target {
            kind: TargetKind::Host,
            name: "edge-07".to_owned(),
            id: "4f1c0e7a9d3b4c55a1b2c3d4e5f60718".to_owned(),
        },
        started_at: "2026-11-22T07:00:00.123456Z".parse().unwrap(),
        duration_ms: 412,
        profile: ProfileSummary::default(),
        probes: Vec::new(),
        summary: Summary::default(),
        findings: Vec::new(),
        guides: Vec::new(),
        changes: None,
    }
}

/// The standard report.
pub(crate) fn report() -> Report {
    let mut report = empty();
    report.profile = ProfileSummary {
        path: "/etc/palisade/profile.yaml".to_owned(),
        role: Role::SelfManaged,
        parameters: vec!["ssh.key-age.max_days".to_owned()],
    };
    report.probes = vec![
        probe("accounts", ProbeStatus::Partial, "/etc/shadow: permission denied; run as root"),
        probe("docker", ProbeStatus::Failed, "no answer from /run/docker.sock within 5 s"),
        probe("ssh", ProbeStatus::Ok, ""),
        probe("boot", ProbeStatus::Absent, ""),
    ];
    report.findings = failing();
    report.findings.extend(undecided());
    report.findings.extend(decided());
    report.summary = summary(&report);
    report.guides = guides();
    report.changes = Some(changes());
    report
}

fn failing() -> Vec<Finding> {
    let docker_socket = Finding {
        subject: "web".to_owned(),
        expected: "no mount of the engine's socket".to_owned(),
        evidence: vec![seen(
            "c.mounts",
            json!([{"source": "/run/docker.sock", "read_only": false}]),
            Some("docker inspect web"),
        )],
        why: "Who can write to the engine's socket is root on the host.".to_owned(),
        remedy:
            "Remove the mount of /run/docker.sock from the container.\nRecreate it: `docker compose up -d web`."
                .to_owned(),
        requirements: ids(&["WRK-7.7-DOCKER-1", "NRV-MS-020"]),
        ..finding("docker.socket-not-mounted", "No container can reach the engine's socket", Severity::Critical)
    };
    let password = Finding {
        expected: "PasswordAuthentication no".to_owned(),
        evidence: vec![Evidence {
            path: "facts.ssh.server.options.passwordauthentication".to_owned(),
            value: json!("yes"),
            source: Some(Source {
                at: "/etc/ssh/sshd_config.d/10-site.conf:3".to_owned(),
                excerpt: Some("PasswordAuthentication yes".to_owned()),
                overridden: vec![Place {
                    at: "/etc/ssh/sshd_config:57".to_owned(),
                    excerpt: "PasswordAuthentication no".to_owned(),
                }],
            }),
        }],
        why: "A password can be guessed, reused or phished; a key cannot be guessed.".to_owned(),
        remedy: "Write `PasswordAuthentication no` to a file in /etc/ssh/sshd_config.d that is read first, then run `systemctl reload ssh`.".to_owned(),
        requirements: ids(&["TRC-035", "TSS-3.6", "NRV-MS-031", "WRK-4.2", "KEP-012", "NRV-N-007", "NRV-G-003", "TSS-3.6.1", "TSS-3.6.2", "TRC-036"]),
        ..finding("ssh.password-login-off", "SSH refuses password logins", Severity::High)
    };
    let hostile = Finding {
        subject: HOSTILE.to_owned(),
        expected: "declared by the site".to_owned(),
        evidence: vec![Evidence {
            path: "facts.accounts.users[3].name".to_owned(),
            value: json!(HOSTILE),
            source: Some(Source::line("/etc/passwd", 31, HOSTILE)),
        }],
        why: "An account nobody asked for is a way in.".to_owned(),
        remedy: "Remove the account with `userdel`, or declare it.".to_owned(),
        requirements: ids(&["NRV-MS-031"]),
        ..finding("accounts.administrators-declared", "Every administrator is declared", Severity::High)
    };
    let privileged = |at: usize| Finding {
        subject: format!("worker-{at:02}"),
        expected: "not privileged".to_owned(),
        evidence: vec![seen("c.privileged", json!(true), Some(&format!("docker inspect worker-{at:02}")))],
        why: "A privileged container is root on the host.".to_owned(),
        remedy: "Remove `privileged: true`; add the one capability that is needed.".to_owned(),
        requirements: ids(&["WRK-7.7-DOCKER-3"]),
        ..finding("docker.container-unprivileged", "Containers run without privileges", Severity::High)
    };
    let forwarding = Finding {
        evidence: vec![
            seen(
                "facts.net.sysctl[\"net.ipv4.ip_forward\"]",
                json!("1"),
                Some("/proc/sys/net/ipv4/ip_forward"),
            ),
            seen(
                "facts.net.sysctl[\"net.ipv6.conf.all.forwarding\"]",
                json!("1"),
                Some("/proc/sys/net/ipv4/ip_forward"),
            ),
            seen("facts.docker.engine", Value::Null, None),
            seen("facts.net.routes", json!("10.0.0.0/8 via 192.0.2.1 ".repeat(20)), None),
        ],
        why: "A host that forwards joins networks that somebody keeps apart.".to_owned(),
        remedy: "sysctl -w net.ipv4.ip_forward=0".to_owned(),
        ..finding("net.forwarding-off", "The host does not forward between networks", Severity::Medium)
    };
    let banner = Finding {
        remedy: "Write a banner to /etc/issue.net.".to_owned(),
        ..finding("ssh.banner-shown", "SSH shows a banner before login", Severity::Low)
    };
    let mut all = vec![docker_socket, password, hostile];
    all.extend((1..=12).map(privileged));
    all.extend([forwarding, banner]);
    all
}

fn undecided() -> Vec<Finding> {
    let unknown = |rule: &str, title: &str, severity, reason: &str| Finding {
        verdict: Verdict::Unknown,
        reason: reason.to_owned(),
        remedy: "See to it.".to_owned(),
        ..finding(rule, title, severity)
    };
    let docker = |fact: &str| format!("docker.{fact}: no answer from /run/docker.sock within 5 s");
    vec![
        unknown(
            "accounts.passwords-set",
            "No account has an empty password",
            Severity::Critical,
            "accounts.users[0].password: /etc/shadow: permission denied; run as root",
        ),
        unknown(
            "accounts.hashes-strong",
            "Passwords are hashed with a strong scheme",
            Severity::High,
            "accounts.users[0].password: /etc/shadow: permission denied; run as root",
        ),
        unknown(
            "ssh.users-declared",
            "Only declared users may log in over SSH",
            Severity::High,
            "the profile does not say `declared.ssh_users`: User names that may log in over SSH. Add `ssh_users: [...]` under `declare:` in it.",
        ),
        unknown(
            "net.ports-declared",
            "Only declared ports listen",
            Severity::Medium,
            "the profile does not say `declared.ports` Add `ports: [...]` under `declare:` in it.",
        ),
        unknown(
            "docker.live-restore",
            "Containers survive a restart of the engine",
            Severity::Medium,
            &docker("engine.live_restore"),
        ),
        unknown("docker.userns", "The engine maps users", Severity::Medium, &docker("engine.userns")),
    ]
}

fn decided() -> Vec<Finding> {
    vec![
        Finding {
            verdict: Verdict::Waived,
            waiver: Some(WaiverUse {
                owner: "Ada Lovelace <ada@example.org>".to_owned(),
                reason: "The vendor's historian needs it until the upgrade.".to_owned(),
                expires: "2026-12-01".to_owned(),
                days_left: 9,
            }),
            reason: "waived by Ada Lovelace <ada@example.org> until 2026-12-01".to_owned(),
            evidence: vec![seen("l.port", json!(23), Some("tcp 0.0.0.0:23"))],
            subject: "tcp 0.0.0.0:23".to_owned(),
            requirements: ids(&["TSS-3.2.7"]),
            ..finding("net.telnet-off", "No telnet server listens", Severity::High)
        },
        Finding {
            verdict: Verdict::Pass,
            evidence: vec![seen("facts.time.synchronised", json!(true), Some("adjtimex(2)"))],
            requirements: ids(&["NRV-N-001"]),
            ..finding("time.synchronised", "The clock is synchronised", Severity::High)
        },
        Finding {
            verdict: Verdict::NotApplicable,
            reason: "facts.boot.grub != null is false: no boot loader on this host".to_owned(),
            evidence: vec![seen("facts.boot.grub", Value::Null, None)],
            ..finding("boot.password-set", "The boot loader asks for a password", Severity::Medium)
        },
    ]
}

fn guides() -> Vec<GuideReport> {
    let nerve = vec![
        requirement("NRV-MS-020", "3.1", Status::Unmet, &["docker.socket-not-mounted"]),
        requirement(
            "NRV-MS-031",
            "3.2",
            Status::Unmet,
            &["ssh.password-login-off", "accounts.administrators-declared"],
        ),
        RequirementReport {
            reason: "attested by the organisation every 12 months: process document".to_owned(),
            ..requirement("NRV-MS-040", "4", Status::AttestationDue, &[])
        },
        RequirementReport {
            level: Level::Should,
            ..requirement("NRV-N-001", "5.1", Status::Met, &["time.synchronised"])
        },
        requirement("NRV-N-002", "5.2", Status::Unknown, &["docker.live-restore", "docker.userns"]),
    ];
    let tss = vec![
        requirement("TSS-3.2.7", "3.2.7", Status::Waived, &["net.telnet-off"]),
        RequirementReport {
            level: Level::May,
            reason: "the boot loader is out of reach".to_owned(),
            ..requirement("TSS-3.9", "3.9", Status::NotApplicable, &["boot.password-set"])
        },
        RequirementReport {
            title: HOSTILE.to_owned(),
            ..requirement("TSS-3.10-a", "3.10", Status::AttestationDue, &[])
        },
    ];
    vec![
        GuideReport {
            id: "nerve-ms".to_owned(),
            title: "Nerve Management System, Security Guide".to_owned(),
            requirements: nerve,
        },
        GuideReport {
            id: "tss-web".to_owned(),
            title: "TSS-WEB 3, Secure Operation".to_owned(),
            requirements: tss,
        },
    ]
}

fn changes() -> Changes {
    let change = |rule: &str, subject: &str, before, after, cause: &str| Change {
        rule: rule.to_owned(),
        subject: subject.to_owned(),
        before,
        after,
        cause: vec![cause.to_owned()],
    };
    Changes {
        since: "2026-11-15T06:00:00Z".parse().unwrap(),
        new: vec![
            change(
                "ssh.password-login-off",
                "edge-07",
                Some(Verdict::Pass),
                Some(Verdict::Fail),
                "facts.ssh.server.options.passwordauthentication: \"no\" -> \"yes\"",
            ),
            change(
                "accounts.administrators-declared",
                HOSTILE,
                None,
                Some(Verdict::Fail),
                "facts.accounts.users[3]: absent -> there",
            ),
        ],
        mended: vec![change(
            "time.synchronised",
            "edge-07",
            Some(Verdict::Fail),
            Some(Verdict::Pass),
            "facts.time.synchronised: false -> true",
        )],
        lost: vec![
            change(
                "docker.userns",
                "edge-07",
                Some(Verdict::Pass),
                Some(Verdict::Unknown),
                "facts.docker: no answer from /run/docker.sock within 5 s",
            ),
            change(
                "docker.container-unprivileged",
                "gone",
                Some(Verdict::Fail),
                None,
                "facts.docker.containers: the container is gone",
            ),
        ],
    }
}

/// Counts of the findings.
pub(crate) fn summary(report: &Report) -> Summary {
    let count = |verdict| report.findings.iter().filter(|finding| finding.verdict == verdict).count();
    Summary {
        pass: count(Verdict::Pass),
        fail: count(Verdict::Fail),
        unknown: count(Verdict::Unknown),
        not_applicable: count(Verdict::NotApplicable),
        waived: count(Verdict::Waived),
    }
}

/// A failing finding about the host, with nothing else said.
pub(crate) fn finding(rule: &str, title: &str, severity: Severity) -> Finding {
    Finding {
        rule: rule.to_owned(),
        title: title.to_owned(),
        severity,
        verdict: Verdict::Fail,
        subject: "edge-07".to_owned(),
        expected: String::new(),
        evidence: Vec::new(),
        reason: String::new(),
        waiver: None,
        requirements: Vec::new(),
        why: String::new(),
        remedy: String::new(),
        fix: None,
    }
}

fn requirement(id: &str, section: &str, status: Status, rules: &[&str]) -> RequirementReport {
    RequirementReport {
        id: id.to_owned(),
        section: section.to_owned(),
        title: format!("The statement that {id} makes, in our words"),
        level: Level::Must,
        status,
        reason: match rules {
            [] => String::new(),
            rules => format!("{} of {} rules say so", rules.len(), rules.len()),
        },
        rules: ids(rules),
    }
}

fn probe(name: &str, status: ProbeStatus, reason: &str) -> ProbeRun {
    ProbeRun { name: name.to_owned(), status, reason: reason.to_owned(), duration_ms: 12 }
}

fn seen(path: &str, value: Value, at: Option<&str>) -> Evidence {
    Evidence { path: path.to_owned(), value, source: at.map(Source::at) }
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}
