//! Text from a target as harmless text: what would move a cursor, break a line or reorder letters is spelled out.

use std::borrow::Cow;

/// `text` with control characters, line ends, bidirectional overrides and invisible characters as escapes.
///
/// A line feed becomes `\n`, an escape `\x1b`, a right-to-left override `\u{202e}`. Everything else, a backslash
/// too, stays as it is: the result is for reading, not for parsing back.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if !is_hostile(c) => out.push(c),
            c if u32::from(c) < 0x80 => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something other than being seen.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_untouched() {
        for text in ["", "PermitRootLogin no", r"C:\ProgramData", "Gerätename \"Pümpe\"", "機器", "🛠 ok"]
        {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn what_acts_on_a_terminal_is_spelled_out() {
        assert_eq!(printable("a\nb\r\tc\0"), "a\\nb\\r\\tc\\x00");
        assert_eq!(printable("\x1b[31mred\x7f"), "\\x1b[31mred\\x7f");
        assert_eq!(printable("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(printable("exe\u{202e}txt\u{2066}\u{200b}"), "exe\\u{202e}txt\\u{2066}\\u{200b}");
    }
}
