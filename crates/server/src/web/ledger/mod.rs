//! Pages about the ledger: its entries, one entry with its proof, and its reviews.

pub(crate) mod entries;
pub(crate) mod entry;
pub(crate) mod receivers;
pub(crate) mod review;
pub(crate) mod tree;
pub(crate) mod witnesses;

use maud::{Markup, html};
use report::printable;

/// How something ended, in a word and a colour.
fn result(word: &str) -> Markup {
    let class = match word {
        "success" => "badge pass",
        "refused" => "badge unknown",
        "failed" => "badge fail",
        _ => "badge",
    };
    html! { span class=(class) { (printable(word)) } }
}

/// A command to copy.
fn command(id: &str, text: &str) -> Markup {
    html! { div.command { code id=(id) { (printable(text)) } button type="button" data-copy=(id) hidden { "Copy" } } }
}
