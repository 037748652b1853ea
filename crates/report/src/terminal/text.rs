//! Lines for a terminal: words wrapped at a width, behind labels, in styles.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use crate::{Options, printable};

/// A text that grows downwards, no wider than its width unless a single word is.
///
/// Everything that goes in passes through [`printable()`]: no text can leave its place.
#[derive(Clone, Debug)]
pub struct Page {
    text: String,
    width: usize,
    colour: bool,
}

impl Page {
    /// An empty page of `options`' width and colour.
    pub fn new(options: &Options) -> Self {
        // Narrower than this, hanging indents leave no room for words.
        Self { text: String::new(), width: options.width.max(40), colour: options.colour }
    }

    /// Columns of the page.
    pub fn width(&self) -> usize {
        self.width
    }

    /// An empty line, unless the page is empty or already ends with one.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// One line of pieces, each in its style, as wide as it is: for tables.
    pub fn line(&mut self, pieces: &[(Style, &str)]) {
        let last = pieces.iter().rposition(|(_, text)| !text.trim_end().is_empty());
        for (at, (style, text)) in pieces.iter().enumerate() {
            match last {
                Some(last) if at < last => self.paint(*style, &printable(text)),
                Some(last) if at == last => self.paint(*style, printable(text).trim_end()),
                _ => {}
            }
        }
        self.text.push('\n');
    }

    /// `label`, then `text` wrapped behind it; further lines are indented by `indent` columns.
    pub fn hanging(&mut self, label: (Style, &str), text: (Style, &str), indent: usize) {
        let head = printable(label.1);
        self.paint(label.0, &head);
        let text_style = text.0;
        let text = printable(text.1);
        let lines = wrap(&text, self.width.saturating_sub(head.width()), self.width.saturating_sub(indent));
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                self.text.push('\n');
                if !line.is_empty() {
                    self.text.extend(std::iter::repeat_n(' ', indent));
                }
            }
            self.paint(text_style, line);
        }
        while self.text.ends_with(' ') {
            self.text.pop();
        }
        self.text.push('\n');
    }

    /// `text` wrapped, every line indented by `indent` columns.
    pub fn indented(&mut self, indent: usize, style: Style, text: &str) {
        let margin = " ".repeat(indent);
        self.hanging((Style::new(), &margin), (style, text), indent);
    }

    /// A right-aligned label of `column` characters, two spaces, and text behind it.
    pub fn field(&mut self, column: usize, label: &str, style: Style, text: &str) {
        let head = format!("{label:>column$}  ");
        self.hanging((super::style::DIM, &head), (style, text), column + 2);
    }

    /// A [`Page::field`] whose line ends are meant: each line of `text` is wrapped by itself.
    pub fn field_lines(&mut self, column: usize, label: &str, style: Style, text: &str) {
        let mut label = label;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.field(column, label, style, line.trim_end());
            label = "";
        }
    }

    /// What was written; ends with a line feed.
    pub fn finish(self) -> String {
        self.text
    }

    fn paint(&mut self, style: Style, text: &str) {
        if self.colour && style != Style::new() && !text.trim().is_empty() {
            self.text.push_str(&format!("{style}{text}{style:#}"));
        } else {
            self.text.push_str(text);
        }
    }
}

/// `text` in lines of at most `first` columns, then `rest` columns; a word that is longer has a line of its own.
pub fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let room = if lines.is_empty() { first } else { rest };
        let wide = word.width();
        if used > 0 && used + 1 + wide > room {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if used == 0 && lines.is_empty() && wide > first && wide <= rest {
            lines.push(String::new());
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += wide;
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// At most `limit` characters of `text`, and how many more there are.
pub fn shorten(text: &str, limit: usize) -> String {
    let more = text.chars().count().saturating_sub(limit);
    if more == 0 {
        return text.to_owned();
    }
    let kept: String = text.chars().take(limit).collect();
    format!("{kept}... ({more} more characters)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_never_cut() {
        assert_eq!(wrap("aa bb cc", 5, 5), ["aa bb", "cc"]);
        assert_eq!(wrap("aa  bb", 80, 80), ["aa bb"]);
        assert_eq!(wrap("a-very-long-word b", 4, 4), ["a-very-long-word", "b"]);
        assert_eq!(wrap("", 4, 4), [""]);
        assert_eq!(wrap("機器 名前", 4, 4), ["機器", "名前"]);
    }

    #[test]
    fn a_word_that_fits_only_the_next_line_goes_there() {
        assert_eq!(wrap("longword x", 4, 10), ["", "longword x"]);
    }

    #[test]
    fn a_label_hangs_and_nothing_trails() {
        let mut page = Page::new(&Options { width: 40, ..Options::default() });
        page.field(8, "why", Style::new(), "a key cannot be guessed, reused or phished at all");
        page.line(&[(Style::new(), "a  "), (Style::new(), "   ")]);
        assert_eq!(
            page.finish(),
            "     why  a key cannot be guessed,\n          reused or phished at all\na\n"
        );
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let write = |colour| {
            let mut page = Page::new(&Options { colour, ..Options::default() });
            page.hanging(
                (super::super::style::DIM, "x "),
                (super::super::style::STRONG, "evil\x1b[2J text"),
                2,
            );
            page.finish()
        };
        assert_eq!(write(false), "x evil\\x1b[2J text\n");
        assert!(write(true).contains("\x1b[1m"));
        assert!(!write(true).contains("\x1b[2J"));
    }

    #[test]
    fn long_values_say_how_much_is_missing() {
        assert_eq!(shorten("abc", 3), "abc");
        assert_eq!(shorten("abcdé", 3), "abc... (2 more characters)");
    }
}
