//! The catalogue of events as a page of the documentation.

use crate::kind::{Category, Kind};

/// What stands before the tables.
const HEAD: &str = "# Events of the ledger\n\n\
    What the ledger knows to tell, by the categories of IEC 62443-4-2 CR 2.8. Names keep their meaning for ever. How entries look and how they\n\
    are proven: [ledger.md](ledger.md). Written by `cargo xtask docs`.\n";

/// The catalogue as Markdown.
pub fn catalogue() -> String {
    let mut page = HEAD.to_owned();
    for category in Category::ALL {
        page.push_str(&format!("\n## {}\n\n| event | what it says |\n|---|---|\n", category.as_str()));
        for kind in Kind::ALL.iter().filter(|kind| kind.category() == category) {
            page.push_str(&format!("| `{}` | {} |\n", kind.as_str(), kind.about()));
        }
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the committed page is read")]
    fn the_committed_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/events.md");
        let committed = std::fs::read_to_string(path).unwrap();
        assert_eq!(committed, catalogue(), "run `cargo xtask docs`");
    }

    #[test]
    fn every_kind_is_on_the_page_once() {
        let page = catalogue();
        for kind in Kind::ALL {
            assert_eq!(page.matches(&format!("| `{}` |", kind.as_str())).count(), 1, "{kind:?}");
        }
    }
}
