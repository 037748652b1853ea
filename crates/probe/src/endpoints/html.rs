//! What a page loads and asks for, read from its HTML without building a tree: tags, attributes, and nothing inside
//! comments or scripts.

/// Scripts and style sheets taken from one page.
const RESOURCES: usize = 200;

/// What of a page matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Text of `<title>`.
    pub title: String,
    /// Scripts and style sheets.
    pub resources: Vec<Loaded>,
    /// Whether there is a field for a password.
    pub password_field: bool,
}

/// A script or style sheet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// `script` or `stylesheet`.
    pub kind: &'static str,
    /// Its address as written.
    pub address: String,
    /// Attribute `integrity`.
    pub integrity: String,
}

/// Reads a page. Any text is a page, as it is for a browser.
pub fn scan(text: &str) -> Page {
    let mut page = Page::default();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest = after;
            continue;
        }
        // A tag without an end takes the rest of the page with it.
        let Some(tag) = Tag::read(after) else { break };
        rest = tag.rest;
        match tag.name.as_str() {
            "script" => {
                page.load("script", tag.attribute("src"), &tag);
                rest = skip_raw(rest, "script").1;
            }
            "style" | "textarea" => rest = skip_raw(rest, &tag.name).1,
            "title" => {
                let (title, after) = skip_raw(rest, "title");
                if page.title.is_empty() {
                    page.title = title.trim().chars().take(200).collect();
                }
                rest = after;
            }
            "link" => {
                let rel = tag.attribute("rel").unwrap_or_default();
                if rel.split_ascii_whitespace().any(|word| word.eq_ignore_ascii_case("stylesheet")) {
                    page.load("stylesheet", tag.attribute("href"), &tag);
                }
            }
            "input" => {
                page.password_field |=
                    tag.attribute("type").is_some_and(|kind| kind.eq_ignore_ascii_case("password"));
            }
            _ => {}
        }
    }
    page
}

impl Page {
    fn load(&mut self, kind: &'static str, address: Option<&str>, tag: &Tag<'_>) {
        if let Some(address) = address
            && self.resources.len() < RESOURCES
        {
            let address = address.trim().chars().take(500).collect();
            let integrity = tag.attribute("integrity").unwrap_or_default().chars().take(500).collect();
            self.resources.push(Loaded { kind, address, integrity });
        }
    }
}

/// An opening tag.
struct Tag<'a> {
    name: String,
    attributes: Vec<(String, &'a str)>,
    rest: &'a str,
}

impl<'a> Tag<'a> {
    /// Reads from behind `<`; none when the text ends before the tag does.
    fn read(text: &'a str) -> Option<Self> {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
        let (name, mut rest) = text.split_at_checked(end)?;
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some(Self { name: name.to_ascii_lowercase(), attributes, rest: after });
            }
            let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'));
            let (key, after) = rest.split_at_checked(end?)?;
            rest = after.trim_start();
            let mut value = "";
            if let Some(after) = rest.strip_prefix('=') {
                (value, rest) = attribute_value(after.trim_start())?;
            }
            if attributes.len() < 100 {
                attributes.push((key.to_ascii_lowercase(), value));
            }
        }
    }

    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }
}

/// A value with or without quotes, and what follows it.
fn attribute_value(text: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(after) = text.strip_prefix(quote) {
            return after.split_once(quote);
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    text.split_at_checked(end)
}

/// The raw text up to `</name`, and what follows that.
fn skip_raw<'a>(text: &'a str, name: &str) -> (&'a str, &'a str) {
    let closes = |at: &usize| {
        text.get(at + 2..at + 2 + name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name))
    };
    let Some(at) = text.match_indices("</").map(|(at, _)| at).find(closes) else { return (text, "") };
    text.split_at_checked(at).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_style_sheets_titles_and_password_fields_are_found() {
        let page = scan(
            "<!DOCTYPE html><html><head><TITLE> Plant  </TITLE><script src='/a.js' integrity=\"sha384-x\"></script>\
             <link rel=\"preload stylesheet\" href=//cdn.example/b.css><link rel=icon href=x.ico>\
             <script>var s = \"<script src='no.js'>\";</script></head><body>\
             <form><input name=p TYPE = 'Password' ></form><script src=c.js?v=1></script>",
        );
        assert_eq!(page.title, "Plant");
        assert!(page.password_field);
        let found: Vec<_> =
            page.resources.iter().map(|r| (r.kind, r.address.as_str(), r.integrity.as_str())).collect();
        assert_eq!(
            found,
            [
                ("script", "/a.js", "sha384-x"),
                ("stylesheet", "//cdn.example/b.css", ""),
                ("script", "c.js?v=1", "")
            ]
        );
    }

    #[test]
    fn what_stands_in_comments_is_not_there() {
        let page = scan("<!-- <script src=old.js></script> <input type=password> --><p>a < b<a href=x>");
        assert_eq!(page, Page::default());
    }

    #[test]
    fn broken_pages_end() {
        for text in
            ["<", "<script", "<script src=", "<script src='a", "<title>x", "<!--", "<a b", "</script>", "<é>"]
        {
            scan(text);
        }
        scan(&"<script ".repeat(50_000));
        scan(&"<a \"".repeat(50_000));
    }
}
