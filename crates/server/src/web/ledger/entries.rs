//! What happened, newest first.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::receivers::{self, Receiver};
use super::result;
use super::witnesses::{Witnessing, alarms, section};
use crate::web::form::{hidden, options};
use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::name;

/// Entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    pub(crate) listing: Listing,
    /// What is looked for beside the lists to narrow by.
    pub(crate) words: Vec<Word>,
    /// What of that is wrong, a sentence each.
    pub(crate) problems: Vec<String>,
    /// How the stream stands; none: nothing was ever logged in it.
    pub(crate) standing: Option<Standing>,
    /// Label and address of each export that the viewer may take.
    pub(crate) exports: Vec<(String, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) witnessing: Witnessing,
    /// Where all of it is sent.
    pub(crate) receivers: Vec<Receiver>,
}

/// A box to look for something.
#[derive(Clone, Debug, Default)]
pub(crate) struct Word {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) value: String,
    /// Whether it asks for a day.
    pub(crate) is_day: bool,
}

/// How a stream stands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) size: u64,
    /// Entries that were removed after their retention.
    pub(crate) removed: u64,
    /// When the first one that is kept happened.
    pub(crate) since: Option<Timestamp>,
    pub(crate) signed: Timestamp,
    /// The key that checks it, as commands take it.
    pub(crate) key: String,
    /// Why nothing can be added.
    pub(crate) refuses: Option<String>,
    /// When the server checked the log, and what is wrong with it, a sentence each; none: not yet.
    pub(crate) checked: Option<(Timestamp, Vec<String>)>,
    /// How much room it has; none: it was not measured yet.
    pub(crate) room: Option<Room>,
}

/// How much room the ledger has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    /// 0, or the level that is reached, in percent.
    pub(crate) level: u64,
    /// How much of how much, and until when it lasts.
    pub(crate) said: String,
}

/// One entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) position: u64,
    pub(crate) at: Timestamp,
    pub(crate) event: String,
    /// What it says, in a sentence.
    pub(crate) about: String,
    pub(crate) result: String,
    pub(crate) times: u64,
    pub(crate) who: String,
    /// `user`, `token`, ...
    pub(crate) who_kind: String,
    pub(crate) from: String,
    /// What it was done to.
    pub(crate) on: String,
    pub(crate) on_kind: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Entries) -> Markup {
    let head = Head {
        title: html! { "Ledger" },
        lead: html! {
            p { "Everything that happened, in a log that nobody can change unseen: each entry is in a tree whose root is signed." }
            @if let Some(standing) = &view.standing { (stands(shell, standing)) }
        },
        actions: html! { a.button href="/ledger/reviews" { "Reviews" } @for (label, href) in &view.exports { a.button href=(href) { (printable(label)) } } },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        @if let Some(why) = view.standing.as_ref().and_then(|standing| standing.refuses.as_ref()) {
            p.warn role="alert" { span.badge.fail { "nothing is added" } " " (printable(why)) }
        }
        @for why in view.standing.iter().filter_map(|standing| standing.checked.as_ref()).flat_map(|(_, found)| found) {
            p.warn role="alert" { span.badge.fail { "not as it was signed" } " " (printable(why)) }
        }
        @if let Some(room) = view.standing.iter().filter_map(|standing| standing.room.as_ref()).find(|room| room.level > 0) {
            @let class = if room.level >= 95 { "badge fail" } else { "badge unknown" };
            p.warn role="alert" { span class=(class) { (room.level) " % of its room" } " The ledger takes " (printable(&room.said)) "." }
        }
        (alarms(&view.witnessing))
        (search(view))
        @for problem in &view.problems { p.warn role="alert" { span.badge.unknown { "not understood" } " " (printable(problem)) } }
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "Nothing in this stream yet",
                text: "What happens appears here within a second.",
                next: None,
            }))
        } @else {
            table.stack.list {
                caption.heard { "Entries of the ledger" }
                thead { tr {
                    th scope="col" { "What" }
                    th scope="col" { "When" }
                    th scope="col" { "Who" }
                    th scope="col" { "On" }
                    th scope="col" { "Result" }
                    th.right scope="col" { "Entry" }
                } }
                tbody { @for row in &view.rows { (line(shell, row)) } }
            }
            (list.pages(view.rows.len(), "event"))
        }
        (receivers::section(shell, &view.receivers))
        @if let Some(standing) = &view.standing { (key(standing)) }
        (section(shell, &view.witnessing))
    };
    shell.page("Ledger", &body)
}

/// How many, since when, signed when.
fn stands(shell: &Shell, standing: &Standing) -> Markup {
    html! {
        p.quiet {
            (standing.size) @if standing.size == 1 { " entry" } @else { " entries" }
            @if standing.removed > 0 { ", the first " (standing.removed) " removed after their retention" }
            @if let Some(since) = standing.since { ", since " (shell.time(since)) }
            ". Signed " (shell.time(standing.signed)) "."
            @match &standing.checked {
                None => { " The server has not checked it yet." },
                Some((at, found)) if found.is_empty() => { " Checked by the server itself " (shell.time(*at)) ": as it was signed." },
                Some((at, _)) => { " Checked by the server itself " (shell.time(*at)) "." },
            }
            @if let Some(room) = standing.room.as_ref().filter(|room| room.level == 0) { " It takes " (printable(&room.said)) "." }
        }
    }
}

fn key(standing: &Standing) -> Markup {
    html! {
        section aria-labelledby="key-h" {
            h2 #key-h { "The key of this stream" }
            (super::command("vkey", &standing.key))
            p.quiet {
                "Keep it somewhere else than the exports: with it and an archive, " code { "palisade ledger verify ARCHIVE --key KEY" }
                " finds whatever was changed or left out, without this server."
            }
        }
    }
}

fn search(view: &Entries) -> Markup {
    let list = &view.listing;
    let is_narrowed = list.facets.iter().any(|facet| facet.choices.iter().skip(1).any(|choice| choice.chosen))
        || view.words.iter().any(|word| !word.value.is_empty());
    html! {
        form.search role="search" aria-label="Find entries" method="get" action=(list.path) {
            (hidden(&list.keep))
            @for word in &view.words {
                @let id = format!("word-{}", word.name);
                div.search-field {
                    label for=(id) { (printable(&word.label)) }
                    // A browser's calendar shows days alone; other times are kept as they were written.
                    @let kind = if word.is_day && (word.value.is_empty() || is_day(&word.value)) { "date" } else { "text" };
                    input type=(kind) id=(id) name=(word.name) value=(&word.value) dir="auto" spellcheck="false" autocomplete="off";
                }
            }
            @for facet in &list.facets {
                @let id = format!("facet-{}", facet.name);
                div.search-field {
                    label for=(id) { (printable(&facet.label)) }
                    select id=(id) name=(facet.name) { (options(&facet.choices, None)) }
                }
            }
            div.search-send {
                button type="submit" { "Show" }
                @if is_narrowed { " " a href=(list.path) { "Show all" } }
            }
        }
    }
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
}

fn line(shell: &Shell, row: &Row) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(row.href) { (printable(&row.event)) }
                @if row.times > 1 { " " span.quiet { (row.times) " times" } }
                p.sub { (printable(&row.about)) }
            }
            td data-label="When" { (shell.time(row.at)) }
            td data-label="Who" {
                @if row.who.is_empty() { span.quiet { (printable(&row.who_kind)) } } @else { (name(&row.who)) }
                @if !row.from.is_empty() { p.sub { "from " (printable(&row.from)) } }
            }
            td data-label="On" {
                @if row.on.is_empty() { span.quiet { "\u{2013}" } } @else { (name(&row.on)) }
                @if !row.on_kind.is_empty() { p.sub { (printable(&row.on_kind)) } }
            }
            td data-label="Result" { (result(&row.result)) }
            td.right data-label="Entry" { (row.position) }
        }
    }
}
