//! Where the ledger is sent, and what keeps it back.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::shell::Shell;

/// One receiver.
#[derive(Clone, Debug, Default)]
pub(crate) struct Receiver {
    /// `syslog`, `opensearch`.
    pub(crate) name: String,
    pub(crate) place: String,
    /// `well`, `behind`, `fails`.
    pub(crate) health: String,
    /// Entries that wait to be sent.
    pub(crate) waiting: u64,
    /// For how long the oldest of them has waited.
    pub(crate) seconds: i64,
    /// When it took entries last.
    pub(crate) succeeded: Option<Timestamp>,
    /// Since when it takes none.
    pub(crate) failing: Option<Timestamp>,
    /// Why.
    pub(crate) error: Option<String>,
}

/// All of them; nothing where there are none.
pub(super) fn section(shell: &Shell, all: &[Receiver]) -> Markup {
    html! {
        @if !all.is_empty() {
            section aria-labelledby="receivers-h" {
                h2 #receivers-h { "Sent elsewhere" }
                table.stack {
                    caption.heard { "Receivers that the ledger is sent to" }
                    thead { tr {
                        th scope="col" { "Receiver" }
                        th scope="col" { "Standing" }
                        th scope="col" { "Last sent" }
                        th.right scope="col" { "Waiting" }
                    } }
                    tbody { @for receiver in all { (line(shell, receiver)) } }
                }
            }
        }
    }
}

fn line(shell: &Shell, receiver: &Receiver) -> Markup {
    let (class, word) = match receiver.health.as_str() {
        "well" => ("badge pass", "sent as it comes"),
        "behind" => ("badge unknown", "behind"),
        _ => ("badge fail", "not sent"),
    };
    html! {
        tr {
            th scope="row" {
                (printable(&receiver.name))
                p.sub { (printable(&receiver.place)) }
            }
            td data-label="Standing" {
                span class=(class) { (word) }
                @if let Some(since) = receiver.failing { " since " (shell.time(since)) }
                @if let Some(error) = &receiver.error { p.sub { (printable(error)) } }
            }
            td data-label="Last sent" {
                @match receiver.succeeded {
                    Some(at) => (shell.time(at)),
                    None => span.quiet { "never" },
                }
            }
            td.right data-label="Waiting" {
                (receiver.waiting)
                @if receiver.waiting > 0 { p.sub { "for " (span(receiver.seconds)) } }
            }
        }
    }
}

/// A time span in its largest unit.
fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "h"),
        _ => (seconds / 86_400, "days"),
    };
    format!("{count} {unit}")
}
