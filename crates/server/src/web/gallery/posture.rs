//! Samples of the pages about how machines stand.

use std::sync::Arc;
use std::time::Duration;

use maud::Markup;
use model::Severity;
use model::report::{ProbeStatus, Status, Summary, Verdict};

use super::{Much, ago, choice, inside, listing};
use crate::web::form::Act;
use crate::web::picture::{Coverage, Point};
use crate::web::posture::{
    GuideRow, Link, ReportRef, dashboard, difference, finding, guide, report, reports, rule,
};
use crate::web::shell::Tone;

/// Rule, title, remedy.
const RULES: [(&str, &str, &str, Severity); 9] = [
    (
        "ssh.no-root-login",
        "Root logs in over SSH with a password",
        "Set `PermitRootLogin no` in `/etc/ssh/sshd_config.d/10-palisade.conf`.",
        Severity::Critical,
    ),
    (
        "docker.socket-not-shared",
        "The Docker socket is mounted into a container",
        "Remove the mount, or put a proxy before the socket that allows what is needed.",
        Severity::Critical,
    ),
    (
        "firewall.input-refused-by-default",
        "Packets that nothing allows are let in",
        "Give the input chain the policy `drop` and allow what the machine serves.",
        Severity::High,
    ),
    (
        "accounts.no-empty-passwords",
        "An account has an empty password",
        "Lock it with `passwd -l`, or give it a password.",
        Severity::High,
    ),
    (
        "audit.rules-load-at-boot",
        "Audit rules are not loaded at boot",
        "Put them into `/etc/audit/rules.d` and enable `auditd`.",
        Severity::High,
    ),
    (
        "updates.security-installed",
        "14 security updates wait to be installed",
        "Run `apt-get upgrade` in the next maintenance window.",
        Severity::Medium,
    ),
    (
        "time.synchronised",
        "The clock is not synchronised",
        "Enable `systemd-timesyncd` with the plant's time server.",
        Severity::Medium,
    ),
    (
        "tls.certificate-not-near-end",
        "A certificate ends within 30 days",
        "Renew it; the subject names the file.",
        Severity::Medium,
    ),
    (
        "login.banner-shown",
        "No banner before login",
        "Write the site's notice into `/etc/issue.net`.",
        Severity::Low,
    ),
];
const GUIDES: [(&str, usize, usize, usize, usize, usize); 7] = [
    ("TSS.Web secure deployment", 41, 6, 4, 9, 1),
    ("Nerve hardening: Management System", 28, 3, 12, 14, 0),
    ("Nerve hardening: node", 33, 9, 2, 11, 2),
    ("Nerve hardening: general", 12, 1, 0, 22, 0),
    ("Workloads", 19, 0, 1, 3, 0),
    ("KEPServerEX secure deployment", 0, 0, 0, 0, 0),
    ("TRUE Connector", 7, 2, 31, 5, 0),
];

/// One of a few, over and over.
fn nth<T: Copy>(list: &[T], at: usize) -> T {
    list[at % list.len()]
}

fn summary(much: Much) -> Summary {
    match much {
        Much::Nothing => Summary { pass: 214, ..Summary::default() },
        Much::One => Summary { pass: 240, fail: 1, ..Summary::default() },
        Much::Many => Summary { pass: 187, fail: 23, unknown: 31, not_applicable: 64, waived: 4 },
        Much::Hostile => Summary { pass: 1, fail: 123_456, unknown: 7, not_applicable: 0, waived: 1 },
    }
}

fn severities(much: Much) -> Vec<(Severity, usize)> {
    let numbers = match much {
        Much::Nothing => [0; 4],
        Much::One => [1, 0, 0, 0],
        Much::Many => [2, 8, 10, 3],
        Much::Hostile => [100_000, 23_000, 456, 0],
    };
    Severity::ALL.into_iter().zip(numbers).collect()
}

fn guides(much: Much) -> Vec<GuideRow> {
    let row = |at| {
        let (title, met, unmet, unknown, attestation_due, waived) = nth(&GUIDES, at);
        let coverage = Coverage { met, unmet, unknown, attestation_due, waived, not_applicable: 3 };
        GuideRow { title: much.text(at, title), href: format!("/reports/7/guides/{at}"), coverage }
    };
    much.list(row).into_iter().take(7).collect()
}

fn of_report(much: Much) -> ReportRef {
    ReportRef { href: "/reports/7".into(), target: much.text(1, "edge-linz-03"), at: ago(3) }
}

fn requirements(much: Much) -> Vec<Link> {
    much.list(|at| Link {
        label: much.text(at, &format!("TSS-{at}.2")),
        href: (at != 2).then(|| "/reports/7/guides/tss#r2".into()),
    })
}

pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let home = &inside(much, "/");
    let reports = &inside(much, "/reports");
    let within = &inside(much, "/reports/7");
    let bad = much != Much::Nothing;
    let history = || {
        let verdicts = [
            Verdict::Unknown,
            Verdict::Fail,
            Verdict::Fail,
            Verdict::Pass,
            Verdict::NotApplicable,
            Verdict::Waived,
        ];
        let number = if much.is_many() { 60 } else { much.list(|_| ()).len() };
        (0..number).map(|at| (ago(60 * (60 - at as i64)), nth(&verdicts, at / 9))).collect::<Vec<_>>()
    };
    vec![
        ("overview", dashboard::page(home, &known(much))),
        ("overview-first", dashboard::page(home, &machine(much, dashboard::State::First { since: ago(0) }))),
        ("overview-failed", dashboard::page(home, &machine(much, dashboard::State::Failed { at: ago(2), why: much.text(1, "the content folder cannot be read: permission denied") }))),
        ("reports", reports::page(reports, &list(much))),
        ("report", report::page(within, &one(much))),
        ("guide", guide::page(within, &a_guide(much))),
        ("rule", rule::page(within, &rule::Rule {
            id: much.text(1, "ssh.no-root-login"),
            title: much.text(0, "Root logs in over SSH with a password"),
            severity: Severity::Critical,
            expected: much.text(3, "`PermitRootLogin` is `no` or `prohibit-password` for every address"),
            why: much.text(4, "Root is the one name that every attacker knows. With a password it is a matter of patience."),
            remedy: much.text(5, nth(&RULES, 0).2),
            fix: bad,
            requirements: requirements(much),
            report: of_report(much),
            subjects: much.list(|at| rule::Subject {
                name: much.text(at, &format!("container-{at}")),
                verdict: nth(&[Verdict::Fail, Verdict::Pass, Verdict::Waived], at / 3),
                href: format!("/reports/7/findings/{at}"),
                since: (at != 1).then(|| ago(60 * 24 * 9)),
            }),
            history: history(),
        })),
        ("finding", finding::page(within, &a_finding(much))),
        ("difference", difference::page(within, &changes(much))),
    ]
}

fn machine(much: Much, state: dashboard::State) -> dashboard::Dashboard {
    let act = Act { action: "/audits".into(), label: "Audit now".into(), ..Act::default() };
    dashboard::Dashboard {
        machine: much.text(1, "edge-linz-03"),
        state,
        stale: (much == Much::Hostile).then(|| much.text(3, "")),
        audit_now: Some(act),
        running: much.is_many().then(|| ago(0)),
    }
}

fn known(much: Much) -> dashboard::Dashboard {
    let worst = |at| {
        let (rule, title, remedy, severity) = nth(&RULES, at);
        dashboard::Worst {
            severity,
            title: much.text(at, title),
            rule: much.text(at + 1, rule),
            subject: if at % 3 == 1 || much == Much::Hostile {
                much.text(at + 2, "historian")
            } else {
                String::new()
            },
            remedy: much.text(at + 3, remedy),
            since: Some(ago(60 * 24 * (at as i64 + 1))),
            fix: at % 2 == 0,
            href: format!("/reports/7/findings/{at}"),
        }
    };
    let due = |at: usize| dashboard::Due {
        what: much.text(
            at,
            nth(
                &[
                    "Attest TSS-4.2: firewall rules reviewed",
                    "Access review",
                    "Waiver of login.banner-shown ends",
                    "Attest KEP-2.0.1: network diagram",
                ],
                at,
            ),
        ),
        by: Some(ago(60 * 24 * (4 - 5 * at as i64))),
        is_overdue: at == 0,
        href: "/reports/7/guides/tss#r4".into(),
    };
    let number = match much {
        Much::Nothing => 0,
        Much::One => 1,
        Much::Many => 90,
        Much::Hostile => 2,
    };
    let point = |at: i64| Point {
        at: ago((number - at) * 60 * 8 + 3),
        fail: usize::try_from(48 - at / 4 + (at * 7) % 5 - if at > 50 { 9 } else { 0 }).unwrap(),
        unknown: usize::try_from(31 + (at / 13) % 4).unwrap(),
    };
    let verdict = match much {
        Much::Nothing => "Every rule that concerns this machine passes",
        Much::One => "1 rule fails",
        _ => "23 rules fail, 2 of them critical; 31 could not be decided",
    };
    let posture = dashboard::Posture {
        tone: if much == Much::Nothing { Tone::Good } else { Tone::Bad },
        verdict: much.text(0, verdict),
        summary: summary(much),
        severities: severities(much),
        worst: much.list(worst).into_iter().take(6).collect(),
        failing: "/reports/7?verdict=fail".into(),
        guides: guides(much),
        trend: (0..number).map(point).collect(),
        due: much.list(due).into_iter().take(4).collect(),
        audited: ago(3),
        took: Duration::from_millis(1840),
        next: much.some(ago(-57)),
        report: "/reports/7".into(),
        changed: much.some(dashboard::Changed {
            new: 2,
            mended: 5,
            href: "/reports/compare?before=6&after=7".into(),
        }),
    };
    machine(much, dashboard::State::Known(Arc::new(posture)))
}

fn list(much: Much) -> reports::Reports {
    let row = |at: usize| reports::Row {
        href: format!("/reports/{at}"),
        target: much.text(at, nth(&["edge-linz-03", "edge-linz-04", "historian"], at)),
        kind: much.text(at + 1, "host"),
        at: ago(60 * at as i64 + 3),
        took: Duration::from_millis(1700 + 13 * at as u64),
        summary: Summary { fail: (at * 5) % 24, pass: 187 + at, ..summary(much) },
    };
    reports::Reports {
        listing: listing(
            much,
            "/reports",
            &["at", "target", "fail"],
            Some(("kind", "Kind", &["any", "host", "image"])),
        ),
        rows: much.list(row),
        audit_now: much.some(Act { action: "/audits".into(), label: "Audit now".into(), ..Act::default() }),
        running: much.is_many().then(|| ago(0)),
    }
}

fn one(much: Much) -> report::OneReport {
    let row = |at| {
        let (rule, title, _, severity) = nth(&RULES, at);
        report::FindingRow {
            severity,
            verdict: nth(&[Verdict::Fail, Verdict::Unknown, Verdict::Waived, Verdict::Pass], at / 3),
            title: much.text(at, title),
            rule: much.text(at + 1, rule),
            rule_href: format!("/reports/7/rules/{at}"),
            subject: much.text(at + 2, "edge-linz-03"),
            href: format!("/reports/7/findings/{at}"),
        }
    };
    let probe = |at: usize| report::ProbeRow {
        name: much.text(at, nth(&["sshd", "docker", "firewall", "accounts"], at)),
        status: nth(&[ProbeStatus::Ok, ProbeStatus::Partial, ProbeStatus::Failed, ProbeStatus::Absent], at),
        reason: if at.is_multiple_of(4) {
            String::new()
        } else {
            much.text(at + 1, "/etc/shadow cannot be read: permission denied")
        },
        took: Duration::from_millis(17 * at as u64),
    };
    report::OneReport {
        target: much.text(1, "edge-linz-03"),
        at: ago(3),
        took: Duration::from_millis(1840),
        tone: if much == Much::Nothing { Tone::Good } else { Tone::Bad },
        verdict: much
            .text(0, if much == Much::Nothing { "Nothing fails" } else { "23 rules fail, 2 of them critical" }),
        facts: vec![
            ("Target".into(), much.text(0, "host, 6f1c2a9be0")),
            ("Version".into(), "0.1.0".into()),
            ("Profile".into(), much.text(1, "/etc/palisade/profile.yaml")),
            ("Run by".into(), "self-managed".into()),
        ],
        summary: summary(much),
        severities: severities(much),
        guides: guides(much),
        listing: listing(
            much,
            "/reports/7",
            &["severity", "title", "subject", "verdict"],
            Some(("verdict", "Verdict", &["any", "fail", "unknown", "waived", "pass"])),
        ),
        findings: much.list(row),
        compare: much.list(|at| {
            choice(&at.to_string(), &much.text(at, &format!("2026-11-22 1{at}:37 UTC")), "", at == 1)
        }),
        compare_action: "/reports/compare".into(),
        id: "7".into(),
        downloads: vec![
            ("HTML".into(), "/reports/7/file.html".into()),
            ("JSON".into(), "/reports/7/file.json".into()),
        ],
        probes: much.list(probe),
    }
}

fn a_guide(much: Much) -> guide::Guide {
    const STATES: [Status; 11] = [
        Status::Met,
        Status::Met,
        Status::Unmet,
        Status::Met,
        Status::AttestationDue,
        Status::Met,
        Status::Unknown,
        Status::Met,
        Status::Waived,
        Status::NotApplicable,
        Status::Met,
    ];
    let requirement = |section: usize, at: usize| {
        let (rule, title, _, _) = nth(&RULES, section * 3 + at);
        guide::Requirement {
            id: much.text(at, &format!("TSS-{}.{}", section + 1, at + 1)),
            title: much.text(
                at + 1,
                nth(
                    &[
                        "Root does not log in over the network",
                        "Network access is limited to what is needed",
                        "Audit records are kept for 180 days",
                        "Firewall rules are reviewed",
                    ],
                    section + at,
                ),
            ),
            level: nth(&["must", "should", "may"], at).into(),
            status: nth(&STATES, section * 5 + at * 3),
            reason: much.text(at + 2, "2 rules pass, 1 fails."),
            rules: (0..at % 3)
                .map(|n| guide::RuleRef {
                    id: much.text(n, rule),
                    title: much.text(n + 1, title),
                    href: format!("/reports/7/rules/{n}"),
                    verdict: (n == 0).then_some(Verdict::Fail),
                    failing: 3,
                })
                .collect(),
        }
    };
    guide::Guide {
        title: much.text(1, "TSS.Web secure deployment"),
        about: much.text(0, "What the deployment guide asks of a host that runs TSS.Web, in our words."),
        report: of_report(much),
        sections: much.list(|section| guide::Section {
            title: much.text(section, &format!("{} Network and access", section + 1)),
            requirements: (0..if much.is_many() { 7 } else { 1 }).map(|at| requirement(section, at)).collect(),
        }),
    }
}

fn a_finding(much: Much) -> finding::Finding {
    finding::Finding {
        rule: much.text(1, "ssh.no-root-login"),
        rule_href: "/reports/7/rules/ssh.no-root-login".into(),
        title: much.text(0, "Root logs in over SSH with a password"),
        severity: Severity::Critical,
        verdict: Verdict::Fail,
        subject: much.text(1, "edge-linz-03"),
        expected: much.text(2, "`PermitRootLogin` is `no`"),
        reason: if much == Much::Hostile { much.text(3, "") } else { String::new() },
        waiver: much.is_many().then(|| {
            much.text(4, "by Anna Gruber until 2026-12-31 (39 days left): replaced with the new line")
        }),
        evidence: much
            .list(|at| finding::Seen {
                path: much.text(
                    at,
                    nth(&["sshd.permit_root_login", "accounts.root.password_locked", "sshd.listen"], at),
                ),
                value: much.text(at + 1, nth(&["\"yes\"", "false", "[\"0.0.0.0:22\"]"], at)),
                at: much.text(at + 2, "/etc/ssh/sshd_config:33"),
                excerpt: if at % 2 == 0 { much.text(at + 3, "PermitRootLogin yes") } else { String::new() },
                overridden: (0..at % 2)
                    .map(|n| (much.text(n, "/etc/ssh/sshd_config:120"), much.text(n + 1, "PermitRootLogin no")))
                    .collect(),
            })
            .into_iter()
            .take(4)
            .collect(),
        why: much.text(3, "Root is the one name that every attacker knows."),
        remedy: much.text(4, nth(&RULES, 0).2),
        fix: much != Much::Nothing,
        requirements: requirements(much),
        report: of_report(much),
        since: much.some(ago(60 * 24 * 12)),
    }
}

fn changes(much: Much) -> difference::Difference {
    let changed = |at: usize, before, after| {
        let (rule, title, _, severity) = nth(&RULES, at);
        difference::Changed {
            severity,
            title: much.text(at, title),
            rule: much.text(at + 1, rule),
            subject: much.text(at + 2, "edge-linz-03"),
            href: format!("/reports/7/findings/{at}"),
            before,
            after,
            cause: (0..at % 3).map(|n| much.text(n, "sshd.permit_root_login: \"no\" -> \"yes\"")).collect(),
        }
    };
    let some = |number: usize, before, after| {
        much.list(|at| changed(at, before, after)).into_iter().take(number).collect()
    };
    difference::Difference {
        before: ReportRef { at: ago(63), href: "/reports/6".into(), ..of_report(much) },
        after: of_report(much),
        new: some(2, None, Some(Verdict::Fail)),
        mended: some(5, Some(Verdict::Fail), Some(Verdict::Pass)),
        lost: some(0, Some(Verdict::Pass), Some(Verdict::Unknown)),
        still: some(9, Some(Verdict::Fail), Some(Verdict::Fail)),
    }
}
