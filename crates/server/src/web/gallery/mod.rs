//! Every page in its states, for tests and for looking at them.
//!
//! `cargo test -p server --lib web::gallery` writes them with their assets to `target/gallery`;
//! `crates/server/tests/axe.mjs` serves, photographs and checks them. The stories of `crates/palisade/tests/up/browser` do so with
//! the pages of a server.

mod access;
mod door;
mod ledger;
mod posture;
mod system;

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use maud::Markup;

use super::assets;
use super::form::{Choice, Form};
use super::list::{Column, Facet, Listing, Order};
use super::shell::{Notice, Place, Shell, Tab, Tone, Viewer};

/// How much a page has to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Much {
    Nothing,
    One,
    Many,
    Hostile,
}

impl Much {
    pub(super) const ALL: [Self; 4] = [Self::Nothing, Self::One, Self::Many, Self::Hostile];

    fn word(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::One => "one",
            Self::Many => "many",
            Self::Hostile => "hostile",
        }
    }

    /// As many as it is about, of things numbered from 0.
    fn list<T>(self, make: impl FnMut(usize) -> T) -> Vec<T> {
        let number = match self {
            Self::Nothing => 0,
            Self::One => 1,
            Self::Many => 9,
            Self::Hostile => HOSTILE.len(),
        };
        (0..number).map(make).collect()
    }

    /// The text, or in its place one that means harm.
    fn text(self, at: usize, text: &str) -> String {
        if self == Self::Hostile { hostile(at) } else { text.to_owned() }
    }

    fn some<T>(self, value: T) -> Option<T> {
        (self != Self::Nothing).then_some(value)
    }

    fn is_many(self) -> bool {
        matches!(self, Self::Many | Self::Hostile)
    }
}

/// What hostile texts hold, so that tests find it if it gets through.
pub(super) const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>&amp;",
    "",
    "مرحبا بالعالم שלום 123 abc",
    "exe\u{202e}gpj.\u{200b}\u{2066}x\nline two\r\ttab\0\x1b[31m",
    "👩‍👩‍👧‍👦🏳️‍🌈 Ünïcödé 機器 👨🏽‍🚒",
    "`unclosed -- %s {{7*7}} ${x} \\u003cscript\\u003e",
];

/// One of the hostile texts; the empty place of the list is a name of 300 characters.
fn hostile(at: usize) -> String {
    match HOSTILE[at % HOSTILE.len()] {
        "" => "Wolfeschlegelsteinhausenbergerdorff".chars().cycle().take(300).collect(),
        text => text.to_owned(),
    }
}

/// 2026-11-22 19:40:00 UTC, and `minutes` before.
fn ago(minutes: i64) -> Timestamp {
    let now: Timestamp = "2026-11-22T19:40:00Z".parse().unwrap();
    now - SignedDuration::from_mins(minutes)
}

fn strings(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn choice(value: &str, label: &str, about: &str, chosen: bool) -> Choice {
    Choice { value: value.into(), label: label.into(), about: about.into(), chosen }
}

fn form(much: Much, action: &str, values: &[&str], errors: &[(&str, &str)]) -> Form {
    let kept = values.iter().enumerate().map(|(at, name)| ((*name).to_owned(), much.text(at, "")));
    let errors = errors.iter().map(|(field, text)| ((*field).to_owned(), (*text).to_owned()));
    Form {
        action: action.into(),
        hidden: vec![("attempt".into(), much.text(0, "a1b2"))],
        values: kept.collect(),
        errors: if much.is_many() { errors.collect() } else { Vec::new() },
    }
}

fn listing(much: Much, path: &str, columns: &[&str], facet: Option<(&str, &str, &[&str])>) -> Listing {
    let column = |(at, key): (usize, &&str)| Column {
        key: (*key).to_owned(),
        href: format!("{path}?sort={key}"),
        sorted: (at == 0).then_some(Order::Falling),
    };
    let facets = facet.map(|(name, label, values)| Facet {
        name: name.into(),
        label: label.into(),
        choices: values.iter().enumerate().map(|(at, value)| choice(value, value, "", at == 0)).collect(),
    });
    Listing {
        path: path.into(),
        filter: if much == Much::Hostile { hostile(0) } else { String::new() },
        facets: facets.into_iter().collect(),
        keep: vec![("sort".into(), "at".into())],
        columns: columns.iter().enumerate().map(column).collect(),
        previous: much.is_many().then(|| format!("{path}?before=x")),
        next: much.is_many().then(|| format!("{path}?after=y")),
        total: much.is_many().then_some(4711),
    }
}

/// The frame of somebody who is logged in.
fn inside(much: Much, path: &str) -> Shell {
    let tab = |place| Tab { place, waiting: if place == Place::Blocks && much.is_many() { 3 } else { 0 } };
    let notice = Notice {
        tone: Tone::Good,
        text: much.text(1, "Saved."),
        link: Some((much.text(0, "What was changed"), "/users".into())),
    };
    Shell {
        user: Some(Viewer { name: much.text(1, "Anna Gruber"), roles: vec![much.text(0, "administrator")] }),
        path: path.into(),
        nav: Place::ALL.into_iter().map(tab).collect(),
        notices: if much == Much::Hostile { vec![notice] } else { Vec::new() },
        system: much.text(2, "Linz line 3"),
        version: "0.1.0".into(),
        refresh: (path == "/").then_some(Duration::from_secs(30)),
        zone: None,
    }
}

/// The frame of nobody.
fn outside(much: Much) -> Shell {
    Shell { user: None, nav: Vec::new(), ..inside(much, "/login") }
}

/// Every page with this much to show, by name.
pub(super) fn pages(much: Much) -> Vec<(&'static str, Markup)> {
    let mut pages = door::pages(much);
    pages.extend(posture::pages(much));
    pages.extend(access::pages(much));
    pages.extend(ledger::pages(much));
    pages.extend(system::pages(much));
    pages
}

/// Writes every page with its assets for looking at it; where.
#[expect(clippy::disallowed_methods, reason = "pages and assets are written for looking at them")]
fn written() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target")));
    let gallery = target.join("gallery");
    std::fs::create_dir_all(gallery.join("assets")).unwrap();
    for much in Much::ALL {
        for (name, markup) in pages(much) {
            let file = gallery.join(format!("{name}.{}.html", much.word()));
            std::fs::write(file, markup.into_string()).unwrap();
        }
    }
    for asset in assets::all() {
        std::fs::write(gallery.join(asset.path.trim_start_matches('/')), asset.bytes).unwrap();
    }
    gallery
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a browser is started")]
fn the_scripts_of_the_pages_do_in_a_browser_what_they_say() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live.mjs");
    let done = std::process::Command::new("/usr/bin/node")
        .arg(script)
        .arg(written())
        .env("NODE_MODULES", test_support::prepared_near("test-node").join("node_modules"))
        .output()
        .unwrap_or_else(|error| panic!("node cannot be started: {error}; see `cargo xtask setup`"));
    let told = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&told));
}
