//! Lines of PAM's stacks: what one of them says of an argument, and that argument changed.

use crate::change::Change;
use crate::fix::Ask;

/// The word of the line that sets `name`: `minlen=8`, or `nullok` for a flag.
pub(super) fn argument<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    line.split_whitespace()
        .rev()
        .find(|word| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

/// The file and line of PAM where a fact was read; none when it was read elsewhere.
pub(super) fn line_of<'a>(ask: &'a Ask<'_>, fact: &str) -> Option<(&'a str, &'a str)> {
    let (file, _, line) = ask.line_of(fact)?;
    is_pam(file).then_some((file, line))
}

/// Whether it is a file of PAM's stacks.
pub(super) fn is_pam(file: &str) -> bool {
    file.starts_with("/etc/pam.d/") || file.starts_with("/usr/lib/pam.d/")
}

/// Sets `name=value` in a line, in the place of what it says now, or behind all it says.
pub(super) fn set(file: &str, line: &str, name: &str, value: &str) -> Change {
    Change::word(file, line, argument(line, name), Some(&format!("{name}={value}")))
}
