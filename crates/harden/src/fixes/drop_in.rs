//! Settings of systemd's daemons, in drop-in files that win.

use crate::change::{Change, Syntax};
use crate::fix::{Ask, Draft};

/// Gives a setting a value in `own`, and in the file that would otherwise have the last word: drop-ins are read in the
/// order of their names, after the main file. `fact` is where the setting was read.
pub(super) fn set(
    ask: &Ask<'_>,
    own: &str,
    fact: &str,
    section: &str,
    key: &str,
    value: &str,
    draft: &mut Draft,
) {
    draft.change(Change::set(own, Syntax::Ini, Some(section), key, value));
    if let Some((file, ..)) = ask.line_of(fact)
        && file != own
        && comes_later(file, own)
    {
        draft.change(Change::set(file, Syntax::Ini, Some(section), key, value));
    }
}

/// Whether a drop-in is read after ours.
pub(super) fn comes_later(file: &str, own: &str) -> bool {
    let split = |path: &str| path.rsplit_once('/').map(|(folder, name)| (folder.to_owned(), name.to_owned()));
    match (split(file), split(own)) {
        (Some((folder, name)), Some((_, own))) => {
            folder.starts_with("/etc/") && folder.ends_with(".d") && name > own
        }
        _ => false,
    }
}
