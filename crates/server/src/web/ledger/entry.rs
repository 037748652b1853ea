//! One entry of the ledger: what it says, where it stands in the tree, and how anybody checks that.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use super::tree::{Step, picture};
use super::{command, result};
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, name};

/// An entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) stream: String,
    pub(crate) position: u64,
    pub(crate) event: String,
    pub(crate) about: String,
    pub(crate) result: String,
    pub(crate) at: Timestamp,
    /// What else it says: label and value.
    pub(crate) facts: Vec<(String, String)>,
    /// The entry as JSON, for reading.
    pub(crate) json: String,
    /// Why it is not the entry that was logged.
    pub(crate) fault: Option<String>,
    pub(crate) tree: Tree,
    /// Label and address of what can be kept.
    pub(crate) downloads: Vec<(String, String)>,
    /// The entries beside it.
    pub(crate) before: Option<String>,
    pub(crate) after: Option<String>,
    /// The command that checks the proof.
    pub(crate) command: String,
}

/// Where it stands in the tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) size: u64,
    pub(crate) root: String,
    pub(crate) signed: Timestamp,
    /// From the entry up.
    pub(crate) steps: Vec<Step>,
    /// The witnesses that cosigned it, and when.
    pub(crate) cosigned: Vec<(String, Timestamp)>,
    /// The file of the proof.
    pub(crate) proof: String,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Entry) -> Markup {
    let above = format!("/ledger?stream={}", view.stream);
    let head = Head {
        above: &[("Ledger", "/ledger"), (&view.stream, &above)],
        title: html! { "Entry " (view.position) ": " (name(&view.event)) },
        lead: html! {
            p { (result(&view.result)) " " (printable(&view.about)) }
            p.quiet { (shell.time(view.at)) }
        },
        actions: html! {
            @if let Some(href) = &view.before { a.button rel="prev" href=(href) { "Entry before" } }
            @if let Some(href) = &view.after { a.button rel="next" href=(href) { "Entry after" } }
        },
    };
    let body = html! {
        (head.draw())
        @if let Some(fault) = &view.fault {
            p.warn role="alert" {
                span.badge.fail { "not as it was signed" } " " (printable(fault)) ". Keep the database and the server's log as they are, and restore it "
                "from a backup."
            }
        }
        section.card aria-labelledby="says-h" {
            h2 #says-h { "What it says" }
            dl.facts.tight { @for (label, value) in &view.facts { div { dt { (printable(label)) } dd { (name(value)) } } } }
        }
        (proven(shell, view))
        section aria-labelledby="json-h" {
            h2 #json-h { "The entry itself" }
            pre { (view.json.lines().map(printable).collect::<Vec<_>>().join("\n")) }
            p.quiet { "Shown with line breaks; what is hashed is the same text without them, as the download has it." }
        }
    };
    shell.page(&format!("Entry {}", view.position), &body)
}

fn proven(shell: &Shell, view: &Entry) -> Markup {
    let tree = &view.tree;
    html! {
        section aria-labelledby="tree-h" {
            h2 #tree-h { "Where it stands in the tree" }
            div.in-tree {
                (picture(&tree.steps))
                div {
                    @if view.fault.is_some() {
                        p { span.badge.fail { "not proven" } " The hashes beside its way lead from another entry than this one to the root that was signed "
                            (shell.time(tree.signed)) ":" }
                    } @else { p {
                        "With " (count(tree.steps.len(), "hash").replace("hashs", "hashes")) " beside its way, anybody computes from this entry (below) the root (above) of the tree over "
                        "all " (tree.size) " entries. The root was signed " (shell.time(tree.signed)) ":"
                    } }
                    p { code.hash { (printable(&tree.root)) } }
                    @for (witness, at) in &tree.cosigned { p { span.badge.pass { "cosigned" } " by " (name(witness)) " " (shell.time(*at)) } }
                    p.quiet { "If one letter of the entry, or of any other one, were changed, it would be another root." }
                    p.actions { @for (label, href) in &view.downloads { a.button href=(href) { (printable(label)) } } }
                }
            }
        }
        section aria-labelledby="check-h" {
            h2 #check-h { "Check it yourself" }
            p { "Keep the entry and its proof in a folder of any machine that has Palisade, and run there:" }
            (command("check-command", &view.command))
            details.other {
                summary { "The proof" }
                pre { (tree.proof.lines().map(printable).collect::<Vec<_>>().join("\n")) }
            }
        }
    }
}
