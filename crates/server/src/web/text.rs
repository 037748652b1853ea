//! Words on pages: text from outside made harmless, prose, counts, lengths of time.

use std::borrow::Cow;
use std::time::Duration;

use maud::{Markup, html};
use report::printable;

/// Text from outside on its own: its direction of writing does not reorder what stands around it.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (printable(text)) } }
}

/// Prose: each line a paragraph, what stands between backquotes as code.
pub(super) fn prose(text: &str) -> Markup {
    html! { @for line in text.lines().filter(|line| !line.trim().is_empty()) { p { (phrase(line)) } } }
}

/// One line of prose, without a paragraph around it.
pub(super) fn phrase(line: &str) -> Markup {
    html! {
        @for (at, part) in line.split('`').enumerate() {
            @if at % 2 == 1 { code { (printable(part)) } } @else { (printable(part)) }
        }
    }
}

/// `1 finding`, `2 findings`.
pub(super) fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

/// A length of time as people say it: `840 ms`, `1.8 s`, `12 s`, `3 min`, `2 h`, `5 days`.
pub(super) fn length(time: Duration) -> String {
    let (ms, secs) = (time.as_millis(), time.as_secs());
    match secs {
        0 => format!("{ms} ms"),
        1..10 => format!("{secs}.{} s", ms / 100 % 10),
        10..120 => format!("{secs} s"),
        120..7_200 => format!("{} min", secs / 60),
        7_200..172_800 => format!("{} h", secs / 3_600),
        _ => format!("{} days", secs / 86_400),
    }
}

/// A sentence's end where the text has none.
pub(super) fn ended(text: &str) -> Cow<'_, str> {
    let text = text.trim_end();
    match text.chars().next_back() {
        None | Some('.' | '!' | '?' | ':') => Cow::Borrowed(text),
        Some(_) => Cow::Owned(format!("{text}.")),
    }
}
