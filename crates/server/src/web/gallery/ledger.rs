//! Samples of the pages about the ledger.

use maud::Markup;

use super::{Much, ago, choice, form, inside, listing};
use crate::web::access::Mark;
use crate::web::access::review::Signature;
use crate::web::form::Act;
use crate::web::ledger::entries::{Entries, Room, Row, Standing, Word, page as entries};
use crate::web::ledger::entry::{Entry, Tree, page as entry};
use crate::web::ledger::receivers::Receiver;
use crate::web::ledger::review;
use crate::web::ledger::tree::{Step, sides};
use crate::web::ledger::witnesses::{Asked, Watched, Witnessing};
use crate::web::shell::Tone;

const KEY: &str =
    "localhost:8443/5f0c1a2b/management-system+9a6f4c11+AVQk8YyLJj0x5xq3oVnN2r0n0b3c0xqE2wGqk8YyLJj0";

fn asked(much: Much, at: usize) -> Asked {
    let trouble = |kind: &str, said: &str| Some((much.text(at, kind), much.text(at + 1, said), ago(30)));
    Asked {
        name: much.text(at, "plant-b.example:8443/77aa01c2/witness"),
        address: much.text(at + 1, "https://plant-b.example:8443/api/v1/ledger/witness"),
        cosigned: (at % 4 != 3).then(|| (4711, ago(1))),
        trouble: match at % 4 {
            1 => trouble("unreachable", "plant-b.example:8443 cannot be reached"),
            2 => trouble("contradicted", "it has cosigned another log of this name"),
            _ => None,
        },
    }
}

pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let word = |name: &str, label: &str, value: &str, is_day| Word {
        name: name.into(),
        label: label.into(),
        value: if much == Much::Hostile { much.text(0, value) } else { value.into() },
        is_day,
    };
    let row = |at: usize| Row {
        href: format!("/ledger/management-system/{}", 4711 - at),
        position: 4711 - at as u64,
        at: ago(at as i64 * 7),
        event: much.text(at, ["session.begun", "user.roles-assigned", "access.refused"][at % 3]),
        about: much.text(
            at + 1,
            "Somebody showed a password, a passkey, or what a provider or directory vouches for.",
        ),
        result: ["success", "success", "refused", "failed"][at % 4].into(),
        times: if at % 3 == 2 { 12 } else { 1 },
        who: if at % 4 == 3 { String::new() } else { much.text(at, "anna.gruber") },
        who_kind: much.text(at, if at % 4 == 3 { "nobody" } else { "user" }),
        from: much.text(at, "192.0.2.17"),
        on: if at.is_multiple_of(2) { String::new() } else { much.text(at, "b.huber") },
        on_kind: if at.is_multiple_of(2) { String::new() } else { much.text(at, "user") },
    };
    let receiver = |at: usize| Receiver {
        name: much.text(at, ["syslog", "opensearch", "opensearch"][at % 3]),
        place: much.text(at + 1, "logs.plant.example:6514"),
        health: ["well", "fails", "behind"][at % 3].into(),
        waiting: [0, 4711, 120_000][at % 3],
        seconds: [0, 700, 90_000][at % 3],
        succeeded: (at != 1).then(|| ago(at as i64)),
        failing: (at == 1).then(|| ago(12)),
        error: (at == 1).then(|| much.text(2, "logs.plant.example:6514 cannot be reached")),
    };
    let mut list =
        listing(much, "/ledger", &[], Some(("result", "Result", &["any", "success", "refused", "failed"])));
    list.filter.clear();
    let all = Entries {
        listing: list,
        words: vec![
            word("actor", "Who (user name)", "", false),
            word("subject", "On (user name or identifier)", "", false),
            word("since", "From day", if much == Much::Many { "2026-11-01" } else { "" }, true),
            word("until", "To day", "", true),
        ],
        problems: if much == Much::Hostile { vec![much.text(0, "")] } else { Vec::new() },
        standing: much.some(Standing {
            size: 4712,
            removed: if much.is_many() { 1200 } else { 0 },
            since: Some(ago(60 * 24 * 90)),
            signed: ago(1),
            key: much.text(1, KEY),
            refuses: (much == Much::Hostile).then(|| much.text(0, "")),
            room: much.some(Room {
                level: if much == Much::Hostile { 95 } else { 0 },
                said: much.text(
                    0,
                    "3.1 MiB of 16 GiB (0 %), about 35 KiB a day; it will not become full with this retention",
                ),
            }),
            checked: much.is_many().then(|| {
                let found = "entry in management-system: entry 7 is not the one that was logged";
                (ago(200), if much == Much::Hostile { vec![much.text(0, found)] } else { Vec::new() })
            }),
        }),
        exports: if much == Much::Nothing {
            Vec::new()
        } else {
            vec![
                ("Archive of all".into(), "/ledger/export?format=archive".into()),
                ("As JSON lines".into(), "/ledger/export?format=jsonl".into()),
                ("As CSV".into(), "/ledger/export?format=csv".into()),
            ]
        },
        rows: much.list(row),
        witnessing: Witnessing {
            asked: much.list(|at| asked(much, at)),
            own: much.text(0, "plant-a.example:8443/5f0c1a2b/witness+9a6f4c11+BFQk8YyL https://plant-a.example:8443/api/v1/ledger/witness"),
            watched: much.list(|at| Watched {
                name: much.text(at, "plant-b.example:8443/77aa01c2/management-system"),
                cosigned: (at % 3 != 2).then(|| (4700, ago(3))),
                refused: (at % 3 == 1).then(|| ago(2)),
                is_alarm: at % 3 == 1,
            }),
        },
        receivers: if much == Much::Nothing { Vec::new() } else { vec![receiver(0), receiver(1), receiver(2)] },
    };
    let hashes = match much {
        Much::Nothing => 0,
        Much::One => 4,
        Much::Many | Much::Hostile => 13,
    };
    let step = |(at, is_left): (usize, bool)| Step { is_left, hash: much.text(at + 2, "9f86d081") };
    let one = Entry {
        stream: much.text(2, "management-system"),
        position: 4711,
        event: much.text(0, "user.roles-assigned"),
        about: much.text(2, "Somebody was given exactly these roles."),
        result: "success".into(),
        at: ago(7),
        facts: much.list(|at| (much.text(at, "On"), much.text(at + 1, "user b.huber, 0192f0a1b2c3"))),
        json: much.text(0, "{\n  \"id\": \"0192f0a1b2c30000\",\n  \"event\": \"user.roles-assigned\"\n}"),
        fault: matches!(much, Much::Hostile)
            .then(|| much.text(1, "what the database holds as entry 4711 is not what was logged: it was changed")),
        tree: Tree {
            size: 4712,
            root: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            signed: ago(1),
            cosigned: much.list(|at| (much.text(at, "plant-b.example:8443/77aa01c2/witness"), ago(1))),
            steps: sides(4711, 4712, hashes).into_iter().enumerate().map(step).collect(),
            proof: much.text(0, "c2sp.org/tlog-proof@v1\nindex 4711\nn4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="),
        },
        downloads: vec![
            ("Entry".into(), "/ledger/management-system/4711/download/entry".into()),
            ("Proof".into(), "/ledger/management-system/4711/download/proof".into()),
        ],
        before: much.some("/ledger/management-system/4710".into()),
        after: None,
        command: much.text(
            1,
            "palisade ledger verify-proof management-system-4711.tlog-proof --entry management-system-4711.json --key KEY",
        ),
    };
    let at = |path: &str| inside(much, path);
    vec![
        ("ledger-reviews", review::list(&at("/ledger/reviews"), &reviews(much))),
        ("ledger-review", review::one(&at("/ledger/reviews/1"), &a_review(much, false))),
        ("ledger-review-signed", review::one(&at("/ledger/reviews/1"), &a_review(much, true))),
        ("ledger", entries(&inside(much, "/ledger"), &all)),
        ("ledger-entry", entry(&inside(much, "/ledger/management-system/4711"), &one)),
    ]
}

fn ranges(much: Much) -> Vec<String> {
    ["entries 4101 to 4711 of management-system", "no new entries of nodes"]
        .into_iter()
        .map(|text| much.text(0, text))
        .collect()
}

fn reviews(much: Much) -> review::Reviews {
    review::Reviews {
        listing: listing(
            much,
            "/ledger/reviews",
            &["begun", "signed"],
            Some(("state", "State", &["any", "open", "signed"])),
        ),
        rows: much.list(|n| review::Row {
            href: "/ledger/reviews/1".into(),
            begun: ago(60 * 24 * 7 * (n as i64 + 1)),
            by: much.text(n, "anna.gruber"),
            decided: if n == 0 { 3 } else { 7 },
            of: if n == 3 { 0 } else { 7 },
            state: Mark {
                tone: if n == 0 { Tone::Unsure } else { Tone::Good },
                word: if n == 0 { "open" } else { "signed" }.into(),
            },
            signed: (n > 0).then(|| (ago(60 * 24 * 7 * (n as i64 + 1) - 30), much.text(n, "anna.gruber"))),
            ranges: ranges(much),
            removed: if n == 4 { 12 } else { 0 },
        }),
        due: much.some(ago(-60 * 24 * 2)),
        is_overdue: much == Much::Hostile,
        begin: Some(Act { action: "/ledger/reviews".into(), label: "Begin a review".into(), ..Act::default() }),
    }
}

fn a_review(much: Much, is_signed: bool) -> review::Review {
    const SAID: [(&str, &str); 5] = [
        ("new address", "anna.gruber never logged in from 198.51.100.9 before"),
        (
            "unusual hour",
            "b.huber logged in between 02:00 and 03:00 UTC, never before at that time in 412 logins",
        ),
        ("many refusals", "38 refusals: from 203.0.113.5, in 7 days; 4 in 120 days before"),
        ("to be looked at", "anna.gruber gave or took roles, 2 times"),
        ("new or long away", "m.steiner logged in after 118 days without a login, from 192.0.2.14"),
    ];
    let finding = |n: usize| {
        let (reason, said) = SAID[n % SAID.len()];
        let decision = match n % 3 {
            0 => "expected",
            1 => "unexpected",
            _ => "",
        };
        let decision = if is_signed && decision.is_empty() { "expected" } else { decision };
        review::Finding {
            key: n.to_string(),
            reason: reason.into(),
            said: much.text(n, said),
            entries: n as u64 * 3 + 1,
            since: ago(60 * (n as i64 + 5)),
            href: "/ledger?stream=management-system&event=session.begun".into(),
            choices: if is_signed {
                Vec::new()
            } else {
                vec![
                    choice("expected", "Expected", "it is explained", decision == "expected"),
                    choice(
                        "unexpected",
                        "Not expected",
                        "the note says what was found",
                        decision == "unexpected",
                    ),
                ]
            },
            note: much.text(n, if decision == "unexpected" { "nobody knows that address" } else { "" }),
            ticket: much.text(n + 2, if decision == "unexpected" { "SEC-1204" } else { "" }),
            action: "/ledger/reviews/1/decide".into(),
            decision: decision.into(),
            decided_by: if decision.is_empty() { String::new() } else { much.text(n, "i.auer") },
            decided_at: (!decision.is_empty()).then(|| ago(20)),
        }
    };
    let findings = much.list(finding);
    let of = findings.len();
    review::Review {
        begun: ago(90),
        by: much.text(0, "i.auer"),
        decided: if is_signed { of } else { findings.iter().filter(|one| !one.decision.is_empty()).count() },
        of,
        ranges: ranges(much),
        removed: if much == Much::Hostile { 12 } else { 0 },
        findings,
        sign: (!is_signed && much != Much::Many).then(|| form(much, "/ledger/reviews/1/sign", &[], &[])),
        signed: is_signed.then(|| Signature {
            by: much.text(0, "i.auer"),
            at: ago(10),
            digest: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            record: "/api/v1/ledger/reviews/1/record".into(),
        }),
    }
}
