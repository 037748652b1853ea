//! Every page, with nothing, one, many and hostile things to show, is whole, labelled and free of inline code.

use std::collections::{BTreeMap, BTreeSet};

use super::assets;
use super::form::{Field, Form, Kind};
use super::gallery::{Much, pages};

/// Elements that have no end.
const VOID: [&str; 6] = ["meta", "link", "input", "br", "hr", "img"];

/// An element as it was written: its name, attributes, what stands in it as text, and its place in the tree.
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    parents: Vec<usize>,
}

impl Element {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }
}

/// Reads a page strictly: what browsers would silently mend is an error here.
fn parse(page: &str) -> Result<Vec<Element>, String> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").ok_or("no doctype")?;
    let (mut elements, mut open): (Vec<Element>, Vec<usize>) = (Vec::new(), Vec::new());
    while !rest.is_empty() {
        let Some(at) = rest.find('<') else { return Err(format!("text after the end: {rest:?}")) };
        let (text, tag) = rest.split_at(at);
        if text.contains('>') {
            return Err(format!("a bare > in {text:?}"));
        }
        for place in &open {
            elements[*place].text.push_str(text);
        }
        let end = end_of_tag(tag).ok_or_else(|| format!("an open tag: {:.60}", tag))?;
        let (inner, after) = (&tag[1..end], &tag[end + 1..]);
        rest = after;
        if let Some(name) = inner.strip_prefix('/') {
            let last = open.pop().ok_or_else(|| format!("</{name}> without a start"))?;
            if elements[last].name != name {
                return Err(format!("<{}> is ended by </{name}>", elements[last].name));
            }
            continue;
        }
        let (name, attributes) = attributes(inner)?;
        let parents = open.clone();
        elements.push(Element { name: name.clone(), attributes, text: String::new(), parents });
        if !VOID.contains(&name.as_str()) && !inner.ends_with('/') {
            open.push(elements.len() - 1);
        }
    }
    if open.is_empty() {
        Ok(elements)
    } else {
        Err(format!("never ended: <{}>", elements[open[open.len() - 1]].name))
    }
}

/// Where the tag ends, a `>` within quotes not counted.
fn end_of_tag(tag: &str) -> Option<usize> {
    let mut quoted = false;
    tag.char_indices().find_map(|(at, c)| {
        quoted ^= c == '"';
        (c == '>' && !quoted).then_some(at)
    })
}

fn attributes(inner: &str) -> Result<(String, BTreeMap<String, String>), String> {
    let inner = inner.trim_end_matches('/');
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let good = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == ':')
    };
    if !good(name) {
        return Err(format!("an element called {name:?}"));
    }
    let mut all = BTreeMap::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let key = &rest[..end];
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (inside, after) = quoted.split_once('"').ok_or_else(|| format!("{key} has an open quote"))?;
            if inside.contains('<') {
                return Err(format!("{key} holds a bare <"));
            }
            value = inside.to_owned();
            rest = after;
        } else if rest.starts_with('=') {
            return Err(format!("{key} is not quoted"));
        }
        if !good(key) {
            return Err(format!("an attribute called {key:?}"));
        }
        if all.insert(key.to_owned(), value).is_some() {
            return Err(format!("{key} twice in <{name}>"));
        }
    }
    Ok((name.to_owned(), all))
}

/// What is wrong with a page, in words.
fn faults(page: &str) -> Vec<String> {
    let elements = match parse(page) {
        Ok(elements) => elements,
        Err(fault) => return vec![fault],
    };
    let mut faults = Vec::new();
    let mut ids = BTreeSet::new();
    for element in &elements {
        if element.get("id").is_some_and(|id| id.is_empty() || id.contains(' ') || !ids.insert(id.to_owned())) {
            faults.push(format!("id {:?} is empty, has a space or stands twice", element.get("id")));
        }
    }
    let labels: BTreeSet<&str> = elements.iter().filter_map(|one| one.get("for")).collect();
    for element in &elements {
        faults.extend(inline_code(element));
        faults.extend(references(element, &ids));
        let is_hidden = element.get("type") == Some("hidden");
        let labelled =
            element.get("id").is_some_and(|id| labels.contains(id)) || element.get("aria-label").is_some();
        if matches!(element.name.as_str(), "input" | "select" | "textarea") && !is_hidden && !labelled {
            faults.push(format!("<{} name={:?}> has no label", element.name, element.get("name")));
        }
        if element.get("type") == Some("password") && element.get("value").is_some() {
            faults.push("a password is given back".into());
        }
        if matches!(
            element.name.as_str(),
            "button" | "a" | "label" | "h1" | "h2" | "h3" | "title" | "legend" | "summary"
        ) && element.text.trim().is_empty()
            && !element.parents.iter().any(|at| elements[*at].get("aria-hidden").is_some())
        {
            faults.push(format!("<{}> says nothing", element.name));
        }
        if element.name == "form" && !matches!(element.get("method"), Some("post" | "get")) {
            faults.push("a form without a method".into());
        }
        if element.name == "form" && element.parents.iter().any(|at| elements[*at].name == "form") {
            faults.push("a form within a form".into());
        }
    }
    // A picture's parts have titles of their own, and a template is not shown.
    let is_apart =
        |one: &Element| one.parents.iter().any(|at| matches!(elements[*at].name.as_str(), "svg" | "template"));
    for (name, number) in [("main", 1), ("h1", 1), ("title", 1), ("html", 1), ("footer", 1)] {
        let found = elements.iter().filter(|one| one.name == name && !is_apart(one)).count();
        if found != number {
            faults.push(format!("{found} <{name}>"));
        }
    }
    let heads = elements.iter().filter(|one| !is_apart(one));
    let heads = heads.filter_map(|one| one.name.strip_prefix('h').and_then(|level| level.parse::<u8>().ok()));
    let heads: Vec<u8> = heads.collect();
    if heads.windows(2).any(|pair| pair[1] > pair[0] + 1) {
        faults.push(format!("headings skip a level: {heads:?}"));
    }
    faults
}

fn inline_code(element: &Element) -> Vec<String> {
    let mut faults = Vec::new();
    for (key, value) in &element.attributes {
        let lower = value.trim().to_ascii_lowercase();
        if key == "style"
            || key.starts_with("on")
            || lower.starts_with("javascript:")
            || lower.starts_with("data:")
        {
            faults.push(format!("{key}={value:?} in <{}>", element.name));
        }
    }
    let is_ours =
        element.get("src").is_some_and(|src| src.starts_with("/assets/")) && element.get("integrity").is_some();
    if element.name == "style" || (element.name == "script" && (!is_ours || !element.text.is_empty())) {
        faults.push(format!("inline <{}>", element.name));
    }
    if matches!(element.name.as_str(), "iframe" | "object" | "embed" | "base" | "img" | "b") {
        faults.push(format!("<{}> is none of ours", element.name));
    }
    faults
}

fn references(element: &Element, ids: &BTreeSet<String>) -> Vec<String> {
    let named = ["for", "aria-describedby", "aria-labelledby", "data-copy"];
    let named = named.iter().filter_map(|key| element.get(key)).flat_map(str::split_whitespace);
    let linked = element.get("href").and_then(|href| href.strip_prefix('#'));
    named
        .chain(linked)
        .filter(|id| !ids.contains(*id))
        .map(|id| format!("<{}> names {id}, which is not there", element.name))
        .collect()
}

#[test]
fn every_page_is_whole_labelled_and_without_inline_code_whatever_it_shows() {
    let mut wrong = Vec::new();
    for much in Much::ALL {
        for (name, markup) in pages(much) {
            wrong.extend(
                faults(&markup.into_string()).into_iter().map(|fault| format!("{name} with {much:?}: {fault}")),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The page without what its fields hold, which is given back as it was typed.
fn shown(page: &str) -> String {
    let cut = |page: &str, from: &str, to: &str| {
        let mut parts = page.split(from);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |all, part| all + part.split_once(to).map_or("", |(_, rest)| rest))
    };
    cut(&cut(page, " value=\"", "\""), "<textarea", "</textarea>")
}

#[test]
fn what_was_typed_is_given_back_as_it_was_but_never_a_secret() {
    let typed = "\u{1f469}\u{200d}\u{1f692} \"Fire\" & <Rescue>";
    let form = Form {
        values: ["name", "password", "code"].map(|field| (field.to_owned(), typed.to_owned())).into(),
        ..Default::default()
    };
    let page = form.draw(
        "f",
        &[
            Field::line("name", "Name"),
            Field::secret("password", "Password", "current-password"),
            Field::new("code", "Code", Kind::Code),
        ],
        &maud::Markup::default(),
    );
    let page = page.into_string();
    assert_eq!(
        page.matches("\u{1f469}\u{200d}\u{1f692} &quot;Fire&quot; &amp; &lt;Rescue&gt;").count(),
        1,
        "{page}"
    );
}

#[test]
fn hostile_text_neither_becomes_markup_nor_reorders_letters() {
    for (name, markup) in pages(Much::Hostile) {
        let page = markup.into_string();
        assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<b>"), "{name}");
        assert!(
            !shown(&page).contains(['\u{202e}', '\u{200b}', '\u{2066}', '\0', '\x1b']),
            "{name} passes a control character on"
        );
    }
}

#[test]
fn the_reader_of_pages_finds_what_is_wrong() {
    let page = |body: &str| {
        format!("<!DOCTYPE html><html><title>t</title><main><h1>h</h1>{body}</main><footer>f</footer></html>")
    };
    assert_eq!(faults(&page("<p>fine</p>")), Vec::<String>::new());
    for bad in [
        "<p>",
        "<p></div>",
        "<p id=\"a\"></p><p id=\"a\"></p>",
        "<input name=\"x\">",
        "<input type=\"password\" id=\"p\" value=\"x\"><label for=\"p\">P</label>",
        "<p style=\"color:red\"></p>",
        "<p onclick=\"x\"></p>",
        "<script>x</script>",
        "<script src=\"/assets/x.js\"></script>",
        "<a href=\"javascript:x\">x</a>",
        "<a href=\"#nowhere\">x</a>",
        "<p aria-describedby=\"nowhere\"></p>",
        "<button></button>",
        "<h3>skips</h3>",
        "<form method=\"post\"><form method=\"post\"></form></form>",
        "a > b",
        "<p title=\"<\"></p>",
        "<p title=x></p>",
    ] {
        assert_ne!(faults(&page(bad)), Vec::<String>::new(), "{bad}");
    }
}

#[test]
fn times_are_utc_unless_the_profile_names_a_zone() {
    let at = "2026-11-22T19:38:05.123Z".parse().unwrap();
    let mut shell = super::shell::Shell::default();
    assert_eq!(
        shell.time(at).into_string(),
        "<time datetime=\"2026-11-22T19:38:05Z\" data-unit=\"minute\">2026-11-22 19:38 UTC</time>"
    );
    shell.zone = Some(jiff::tz::TimeZone::fixed(jiff::tz::offset(1)));
    assert_eq!(
        shell.time(at).into_string(),
        "<time datetime=\"2026-11-22T19:38:05Z\" data-unit=\"minute\" data-zoned>2026-11-22 20:38 +01</time>"
    );
}

#[test]
fn assets_are_named_by_their_content_and_pages_carry_its_hash() {
    assert!(assets::all().iter().all(|asset| !asset.bytes.is_empty()));
    let style = assets::named("style.css");
    assert_eq!(assets::at(&style.path).map(|asset| asset.bytes), Some(style.bytes));
    assert!(style.is_immutable() && !assets::named("favicon.ico").is_immutable());
    let (_, login) = pages(Much::One).into_iter().find(|(name, _)| *name == "login").unwrap();
    let page = login.into_string();
    for name in ["style.css", "time.js", "live.js"] {
        assert!(
            page.contains(&assets::named(name).integrity) && page.contains(&assets::named(name).path),
            "{name}"
        );
    }
}

#[test]
fn a_style_sheet_loads_nothing_and_is_balanced() {
    let style = std::str::from_utf8(assets::named("style.css").bytes).unwrap();
    assert!(!style.contains("url(") && !style.contains("@import"));
    assert_eq!(style.matches('{').count(), style.matches('}').count());
}
