//! Reviews of the ledger: somebody looks at what is unusual, says whether it was expected, and signs.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::access::Mark;
use crate::web::access::review::Signature;
use crate::web::form::{Act, Choice, Field, Form, Kind, ticks};
use crate::web::icon::fence;
use crate::web::list::{Empty, Listing};
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// All reviews.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reviews {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// When the next one is due.
    pub(crate) due: Option<Timestamp>,
    pub(crate) is_overdue: bool,
    /// Begins one, for whom may and when none is open.
    pub(crate) begin: Option<Act>,
}

/// One review in the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) begun: Timestamp,
    pub(crate) by: String,
    pub(crate) decided: usize,
    pub(crate) of: usize,
    /// `open`, `signed`.
    pub(crate) state: Mark,
    pub(crate) signed: Option<(Timestamp, String)>,
    /// Which entries of which streams.
    pub(crate) ranges: Vec<String>,
    /// Entries that were removed before anybody reviewed them.
    pub(crate) removed: u64,
}

/// The list.
pub(crate) fn list(shell: &Shell, view: &Reviews) -> Markup {
    let head = Head {
        above: &[("Ledger", "/ledger")],
        title: html! { "Reviews of the ledger" },
        lead: html! {
            p { "Every week somebody looks at what is unusual since the last review, says whether it was expected, and signs." }
            @if let Some(due) = view.due {
                p { "The next one is due " (shell.day(due)) ". " @if view.is_overdue { span.badge.fail { "overdue" } } }
            }
        },
        actions: html! { @if let Some(act) = &view.begin { (act.draw("button primary")) } },
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (list.search("Find a reviewer"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "No review yet",
                text: "The first one looks at everything that is kept; each later one begins where the one before ended.",
                next: None,
            }))
        } @else {
            table.stack.list {
                caption.heard { "Reviews of the ledger" }
                thead { tr { (list.column("begun", "Begun")) th scope="col" { "State" } th scope="col" { "Looked at" } th scope="col" { "Covers" } (list.column("signed", "Signed")) } }
                tbody { @for row in &view.rows {
                    tr {
                        th scope="row" { a href=(row.href) { (shell.time(row.begun)) } p.sub { "by " (name(&row.by)) } }
                        td data-label="State" { (row.state.draw()) }
                        td data-label="Looked at" {
                            @if row.of == 0 { span.quiet { "nothing unusual" } }
                            @else { (row.decided) " of " (row.of) }
                        }
                        td data-label="Covers" { (covers(&row.ranges, row.removed)) }
                        td data-label="Signed" {
                            @match &row.signed {
                                Some((at, by)) => { (shell.time(*at)) p.sub { "by " (name(by)) } },
                                None => { span.quiet { "not yet" } },
                            }
                        }
                    }
                } }
            }
            (list.pages(view.rows.len(), "review"))
        }
    };
    shell.page("Reviews of the ledger", &body)
}

/// Which entries, and what is missing of them.
fn covers(ranges: &[String], removed: u64) -> Markup {
    html! {
        @for range in ranges { p.sub { (name(range)) } }
        @if removed > 0 { p { span.badge.fail { "gap" } " " (removed) " entries had been removed before anybody reviewed them" } }
    }
}

/// One review.
#[derive(Clone, Debug, Default)]
pub(crate) struct Review {
    pub(crate) begun: Timestamp,
    pub(crate) by: String,
    pub(crate) decided: usize,
    pub(crate) of: usize,
    pub(crate) ranges: Vec<String>,
    pub(crate) removed: u64,
    pub(crate) findings: Vec<Finding>,
    /// Signs it: field `statement` to tick; none while something was not looked at, or once it is signed.
    pub(crate) sign: Option<Form>,
    pub(crate) signed: Option<Signature>,
}

/// Something unusual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Finding {
    /// Tells its form from the others.
    pub(crate) key: String,
    /// Why it is shown, in a word or two.
    pub(crate) reason: String,
    /// What it is, in a sentence.
    pub(crate) said: String,
    pub(crate) entries: u64,
    pub(crate) since: Timestamp,
    /// The list of its entries.
    pub(crate) href: String,
    /// Sent as `decision` with `note` and `ticket`; empty once signed.
    pub(crate) choices: Vec<Choice>,
    pub(crate) note: String,
    pub(crate) ticket: String,
    pub(crate) action: String,
    /// What was decided, in a word; empty while open.
    pub(crate) decision: String,
    pub(crate) decided_by: String,
    pub(crate) decided_at: Option<Timestamp>,
}

/// The page of one review.
pub(crate) fn one(shell: &Shell, view: &Review) -> Markup {
    let head = Head {
        above: &[("Ledger", "/ledger"), ("Reviews", "/ledger/reviews")],
        title: html! { "Ledger review of " (shell.day(view.begun)) },
        lead: html! {
            p { "Begun by " (name(&view.by)) " " (shell.time(view.begun)) ". What is unusual against the time before stands here; was it expected?" }
            (covers(&view.ranges, view.removed))
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        @if view.of > 0 { (picture::progress(view.decided, view.of, "Looked at")) }
        @if let Some(signature) = &view.signed {
            (signature.draw(shell))
        }
        @if view.findings.is_empty() {
            div.empty { (fence(14, None)) h2 { "Nothing unusual" } p { "Nothing in these entries differs from the time before." } }
        } @else {
            ol.people { @for finding in &view.findings { li.card id=(format!("finding-{}", finding.key)) { (look(shell, finding)) } } }
        }
        @if let Some(form) = &view.sign {
            section aria-labelledby="sign-h" {
                h2 #sign-h { "Sign" }
                p { "Signing closes the review; its record cannot be changed afterwards, and the ledger holds its hash." }
                (form.draw("sign", &[
                    Field::new("statement", "Statement", Kind::Ticks(&[Choice { value: "yes".into(), label: "I looked at what is unusual in these entries and judged it to the best of my knowledge.".into(), ..Choice::default() }])),
                ], &html! { button.primary type="submit" { "Sign the review" } }))
            }
        } @else if view.signed.is_none() {
            p.quiet { (count(view.of.saturating_sub(view.decided), "finding")) " to look at before it can be signed." }
        }
    };
    shell.page("Ledger review", &body)
}

fn look(shell: &Shell, finding: &Finding) -> Markup {
    let id = format!("look-{}", finding.key);
    html! {
        div.person-head {
            h2 id=(id) { (name(&finding.said)) }
            span.badge { (printable(&finding.reason)) }
            @match finding.decision.as_str() {
                "" => {},
                "expected" => { span.badge.pass { "expected" } },
                _ => { span.badge.fail { "not expected" } },
            }
        }
        p.meta {
            span { a href=(finding.href) { (finding.entries) @if finding.entries == 1 { " entry" } @else { " entries" } } ", since " (shell.time(finding.since)) }
            @if !finding.decided_by.is_empty() {
                span { "looked at by " (name(&finding.decided_by)) @if let Some(at) = finding.decided_at { " " (shell.time(at)) } }
            }
        }
        @if finding.choices.is_empty() {
            @if !finding.note.is_empty() { p { (name(&finding.note)) } }
            @if !finding.ticket.is_empty() { p.meta { span { "Ticket " (name(&finding.ticket)) } } }
        } @else {
            form.decide method="post" action=(finding.action) {
                input type="hidden" name="item" value=(finding.key);
                fieldset {
                    legend.heard { "Was it expected: " (printable(&finding.said)) }
                    (ticks(&format!("{id}-decision"), "decision", "radio", &finding.choices))
                }
                div.field {
                    label for=(format!("{id}-note")) { "Note " span.optional { "(needed when it was not)" } }
                    input type="text" id=(format!("{id}-note")) name="note" value=(&finding.note) maxlength="500" dir="auto" autocomplete="off";
                }
                div.field {
                    label for=(format!("{id}-ticket")) { "Ticket " span.optional { "(optional)" } }
                    input type="text" id=(format!("{id}-ticket")) name="ticket" value=(&finding.ticket) maxlength="100" dir="auto" autocomplete="off";
                }
                button type="submit" { "Record" span.heard { " what was found: " (printable(&finding.said)) } }
            }
        }
    }
}
