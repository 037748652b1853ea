//! Who vouches for this ledger, and for which ledgers of others this server does.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::command;
use crate::web::shell::Shell;
use crate::web::text::name;

/// Witnesses of a stream, and this server as a witness.
#[derive(Clone, Debug, Default)]
pub(crate) struct Witnessing {
    /// The witnesses that are asked.
    pub(crate) asked: Vec<Asked>,
    /// This server's key as a witness and its address, as another server's configuration takes them.
    pub(crate) own: String,
    /// The ledgers of others that this server witnesses.
    pub(crate) watched: Vec<Watched>,
}

/// A witness of this stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) address: String,
    /// Entries that it cosigned, and when it did last.
    pub(crate) cosigned: Option<(u64, Timestamp)>,
    /// `unreachable`, `refused`, `contradicted`, and why in words, since when; none: it cosigns.
    pub(crate) trouble: Option<(String, String, Timestamp)>,
}

/// A ledger of another server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) name: String,
    /// Entries that were cosigned, and when last.
    pub(crate) cosigned: Option<(u64, Timestamp)>,
    /// When it contradicted itself.
    pub(crate) refused: Option<Timestamp>,
    /// Whether that is so recent that nobody must overlook it.
    pub(crate) is_alarm: bool,
}

/// What must not be overlooked: a witness that saw another ledger, a ledger that contradicts itself.
pub(super) fn alarms(view: &Witnessing) -> Markup {
    html! {
        @for asked in &view.asked {
            @if let Some((_, said, _)) = asked.trouble.as_ref().filter(|(kind, ..)| kind == "contradicted") {
                p.warn role="alert" { span.badge.fail { "contradicted" } " The witness " (name(&asked.name)) " speaks against this ledger: " (printable(said)) }
            }
        }
        @for watched in view.watched.iter().filter(|watched| watched.is_alarm) {
            p.warn role="alert" { span.badge.fail { "forked" } " The ledger " (name(&watched.name)) ", which this server witnesses, contradicts itself." }
        }
    }
}

/// Both, below the entries.
pub(super) fn section(shell: &Shell, view: &Witnessing) -> Markup {
    html! {
        section aria-labelledby="witnesses-h" {
            h2 #witnesses-h { "Witnesses of this stream" }
            @if view.asked.is_empty() {
                p.quiet {
                    "None. Who has this server's key could show different ledgers to different people; servers of others that cosign it as "
                    "witnesses rule that out. They are named in " code { "[witnessing]" } " of the configuration."
                }
            } @else {
                table.stack.list {
                    caption.heard { "Witnesses of this stream" }
                    thead { tr { th scope="col" { "Witness" } th scope="col" { "Cosigned" } th scope="col" { "State" } } }
                    tbody { @for asked in &view.asked { (witness(shell, asked)) } }
                }
            }
        }
        section aria-labelledby="own-h" {
            h2 #own-h { "This server as a witness" }
            @if !view.watched.is_empty() {
                table.stack.list {
                    caption.heard { "Ledgers that this server witnesses" }
                    thead { tr { th scope="col" { "Ledger" } th scope="col" { "Cosigned" } th scope="col" { "State" } } }
                    tbody { @for watched in &view.watched { (ledger(shell, watched)) } }
                }
            }
            (command("own-key", &view.own))
            p.quiet {
                "Its key and address, as " code { "witnesses" } " in " code { "[witnessing]" } " of another server takes them. That server's "
                "streams are to be among " code { "logs" } " here."
            }
        }
    }
}

fn cosigned(shell: &Shell, cosigned: Option<(u64, Timestamp)>) -> Markup {
    html! {
        @match cosigned {
            Some((size, at)) => { (size) @if size == 1 { " entry" } @else { " entries" } p.sub { (shell.time(at)) } }
            None => span.quiet { "nothing yet" },
        }
    }
}

fn witness(shell: &Shell, asked: &Asked) -> Markup {
    html! {
        tr {
            th scope="row" { (name(&asked.name)) p.sub { (name(&asked.address)) } }
            td data-label="Cosigned" { (cosigned(shell, asked.cosigned)) }
            td data-label="State" {
                @match &asked.trouble {
                    None if asked.cosigned.is_some() => span.badge.pass { "cosigns" },
                    None => span.badge { "not asked yet" },
                    Some((kind, said, since)) => {
                        span class=(if kind == "contradicted" { "badge fail" } else { "badge unknown" }) { (printable(kind)) }
                        " since " (shell.time(*since))
                        p.sub { (printable(said)) }
                    }
                }
            }
        }
    }
}

fn ledger(shell: &Shell, watched: &Watched) -> Markup {
    html! {
        tr {
            th scope="row" { (name(&watched.name)) }
            td data-label="Cosigned" { (cosigned(shell, watched.cosigned)) }
            td data-label="State" {
                @match watched.refused {
                    Some(at) => { span.badge.fail { "forked" } " refused " (shell.time(at)) }
                    None if watched.cosigned.is_some() => span.badge.pass { "goes on" },
                    None => span.badge { "has not asked yet" },
                }
            }
        }
    }
}
