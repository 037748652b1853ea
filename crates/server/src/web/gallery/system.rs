//! Samples of the pages about the server, of questions and of failures.

use std::time::Duration;

use maud::Markup;

use super::{Much, ago, form, inside, listing, outside, strings};
use crate::web::system::{about, confirm, failure, settings};

pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let fail = |status: u16, retry: Option<u64>| failure::Failure {
        status,
        detail: much.some(much.text(1, "")).unwrap_or_default(),
        retry: retry.map(Duration::from_secs),
        request: "01JD8Y3V6Q0R".into(),
    };
    let shell = &inside(much, "/nowhere");
    let about = about::About {
        version: "0.1.0".into(),
        content: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
        rules: 412,
        guides: much.list(|at| (much.text(at, "TSS.Web secure deployment"), 61 + at)),
        started: much.some(ago(60 * 24 * 3)),
        facts: vec![
            ("Database".into(), much.text(1, "SQLite, /var/lib/palisade/palisade.db")),
            ("Certificate".into(), much.text(0, "own CA, until 2027-11-22")),
        ],
        licence: "Apache-2.0".into(),
        api: much.some("/api/v1/openapi.json".into()),
    };
    let confirm = confirm::Confirm {
        title: much.text(1, "Delete the user b.huber?"),
        consequences: strings(&[
            "All 2 sessions end at once, and 1 API token stops to work.",
            "What the user did stays in the records under the same name.",
            "This cannot be taken back.",
        ]),
        typed: much.some(much.text(0, "b.huber")),
        form: form(much, "/users/2/delete", &["typed"], &[("typed", "This is another name.")]),
        label: much.text(2, "Delete the user"),
        cancel: "/users/2".into(),
    };
    vec![
        ("settings", settings::page(&inside(much, "/settings"), &effective(much))),
        ("about", about::page(&inside(much, "/about"), &about)),
        ("confirm", confirm::page(&inside(much, "/users/2"), &confirm)),
        ("error-400", failure::page(shell, &fail(400, None))),
        ("error-401", failure::page(&outside(much), &fail(401, None))),
        ("error-403", failure::page(shell, &fail(403, None))),
        ("error-404", failure::page(shell, &fail(404, None))),
        ("error-409", failure::page(shell, &fail(409, None))),
        ("error-429", failure::page(&outside(much), &fail(429, Some(1740)))),
        ("error-500", failure::page(shell, &fail(500, None))),
        ("error-503", failure::page(&outside(much), &fail(503, Some(5)))),
    ]
}

fn effective(much: Much) -> settings::Settings {
    let setting =
        |key: &str, value: &str, source: &str, about: &str, bad: Option<(&str, &str)>| settings::Setting {
            key: key.into(),
            value: much.text(1, value),
            default: (source != "default").then(|| "false".into()),
            source: much.text(0, source),
            about: about.into(),
            unsafe_because: bad.map(|(why, remedy)| (why.into(), remedy.into())),
        };
    let brute = vec![
        setting(
            "max_attempts_by_ip_and_username",
            "5",
            "default",
            "Failures of a user name from one address before both are blocked.",
            None,
        ),
        setting("block_duration_by_ip_and_username", "1800s", "default", "How long they are blocked.", None),
        setting(
            "max_attempts_by_ip",
            "100000",
            "palisade.toml:14:1",
            "Failures from one address before it is blocked.",
            Some(("passwords can be guessed at leisure", "write at most 100")),
        ),
    ];
    let mail = vec![setting(
        "smtp_password",
        "",
        "PALISADE_SMTP_PASSWORD_FILE",
        "Set from a file; never shown.",
        None,
    )];
    let section = |name: &str, about: &str, settings| settings::Section {
        name: name.into(),
        about: about.into(),
        settings,
    };
    let sections = match much {
        Much::Nothing => Vec::new(),
        Much::One => vec![section("mail", "", mail)],
        Much::Many | Much::Hostile => vec![
            section("brute_force", "Limits of failed attempts, as the Nerve guide names them.", brute),
            section("mail", "", mail),
        ],
    };
    settings::Settings {
        listing: listing(much, "/settings", &[], None),
        file: much.text(1, "/etc/palisade/palisade.toml"),
        sections,
    }
}
