//! Every report there is, newest first.

use std::time::Duration;

use jiff::Timestamp;
use maud::{Markup, html};
use model::report::Summary;
use report::printable;

use super::dashboard::running;
use crate::web::form::Act;
use crate::web::list::{Empty, Listing};
use crate::web::picture;
use crate::web::shell::{Head, Shell};
use crate::web::text::{length, name};

/// Reports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    pub(crate) listing: Listing,
    pub(crate) rows: Vec<Row>,
    /// Starts an audit now, where the viewer may.
    pub(crate) audit_now: Option<Act>,
    /// Since when an audit runs.
    pub(crate) running: Option<Timestamp>,
}

/// One report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    pub(crate) href: String,
    pub(crate) target: String,
    pub(crate) kind: String,
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) summary: Summary,
}

/// The page. Columns: `at`, `target`, `fail`, `unknown`.
pub(crate) fn page(shell: &Shell, view: &Reports) -> Markup {
    let head = Head {
        title: html! { "Reports" },
        lead: html! { "What each audit found. Reports are never changed after they are made." },
        actions: html! { @if let Some(act) = &view.audit_now { (act.draw("button")) } },
        ..Head::default()
    };
    let list = &view.listing;
    let body = html! {
        (head.draw())
        (running(shell, view.running))
        (list.search("Find a target"))
        @if view.rows.is_empty() {
            (list.nothing(&Empty {
                title: "No report yet",
                text: "The first one is made when the server starts, then one every hour. It appears here when it is done.",
                next: Some(("To the overview", "/")),
            }))
        } @else {
            table.stack.list {
                caption.heard { "Reports" }
                thead { tr {
                    (list.column("target", "Target"))
                    (list.column("at", "Audited"))
                    th scope="col" { "Findings" }
                    (list.column("fail", "Failing"))
                    (list.number("unknown", "Unknown"))
                } }
                tbody { @for row in &view.rows { (line(shell, row)) } }
            }
            (list.pages(view.rows.len(), "report"))
        }
    };
    shell.page("Reports", &body)
}

fn line(shell: &Shell, row: &Row) -> Markup {
    html! {
        tr {
            th scope="row" {
                a href=(row.href) { (name(&row.target)) }
                @if !row.kind.is_empty() { p.sub { (printable(&row.kind)) } }
            }
            td data-label="Audited" { (shell.time(row.at)) p.sub { "took " (length(row.took)) } }
            td.drawn data-label="Findings" { (picture::verdicts(&row.summary)) p.sub { (row.summary.pass) " of " (row.summary.total()) " pass" } }
            td.figure-cell data-label="Failing" { span.fail[row.summary.fail > 0] { (row.summary.fail) } }
            td.right data-label="Unknown" { (row.summary.unknown) }
        }
    }
}
