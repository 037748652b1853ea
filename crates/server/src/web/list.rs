//! Lists: a filter whose address can be shared, columns that sort, pages, and what to do when nothing is there.

use maud::{Markup, html};
use report::printable;

use super::form::{Choice, hidden, options};
use super::icon::fence;

/// What every list page carries besides its rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    /// The address of the list without a query.
    pub(crate) path: String,
    /// What is looked for.
    pub(crate) filter: String,
    /// Lists to narrow by, each sent as its own parameter.
    pub(crate) facets: Vec<Facet>,
    /// Parameters that a new search keeps, such as the order.
    pub(crate) keep: Vec<(String, String)>,
    /// Columns that can sort.
    pub(crate) columns: Vec<Column>,
    /// The page before.
    pub(crate) previous: Option<String>,
    /// The page after.
    pub(crate) next: Option<String>,
    /// How many there are in all, where that is known.
    pub(crate) total: Option<usize>,
}

/// A list to narrow by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facet {
    pub(crate) name: String,
    pub(crate) label: String,
    /// The first one means "any".
    pub(crate) choices: Vec<Choice>,
}

impl Facet {
    /// A list of values with labels to narrow by, the first of which means "any".
    pub(crate) fn of(name: &str, label: &str, choices: &[(&str, &str)], chosen: &str) -> Self {
        let choice = |(value, label): &(&str, &str)| Choice {
            value: (*value).to_owned(),
            label: (*label).to_owned(),
            about: String::new(),
            chosen: *value == chosen,
        };
        Self { name: name.to_owned(), label: label.to_owned(), choices: choices.iter().map(choice).collect() }
    }

    /// A list of words to narrow by, or any of them.
    pub(crate) fn any<'a>(
        name: &str,
        label: &str,
        words: impl IntoIterator<Item = &'a str>,
        chosen: &str,
    ) -> Self {
        let words: Vec<(&str, String)> = words.into_iter().map(|word| (word, word.replace('_', " "))).collect();
        let labelled = words.iter().map(|(word, label)| (*word, label.as_str()));
        let choices: Vec<_> = std::iter::once(("", "any")).chain(labelled).collect();
        Self::of(name, label, &choices, chosen)
    }

    /// The value that is chosen; nothing: any.
    pub(crate) fn chosen(&self) -> &str {
        self.choices.iter().find(|choice| choice.chosen).map_or("", |choice| choice.value.as_str())
    }
}

/// A column that can sort.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// As the page calls it.
    pub(crate) key: String,
    /// The address that sorts by it, or turns the order round.
    pub(crate) href: String,
    /// How it is sorted now.
    pub(crate) sorted: Option<Order>,
}

/// Rising or falling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Rising,
    Falling,
}

impl Listing {
    /// Whether something narrows the list.
    pub(super) fn is_narrowed(&self) -> bool {
        let facet = |facet: &Facet| facet.choices.iter().skip(1).any(|choice| choice.chosen);
        !self.filter.is_empty() || self.facets.iter().any(facet)
    }

    /// The box to look for something; `of` says what is looked for.
    pub(super) fn search(&self, of: &str) -> Markup {
        html! {
            form.search role="search" aria-label=(of) method="get" action=(self.path) {
                (hidden(&self.keep))
                div.search-field {
                    label for="filter" { (of) }
                    input type="search" id="filter" name="q" value=(&self.filter) dir="auto" spellcheck="false" autocomplete="off";
                }
                @for facet in &self.facets {
                    @let id = format!("facet-{}", facet.name);
                    div.search-field {
                        label for=(id) { (printable(&facet.label)) }
                        select id=(id) name=(facet.name) { (options(&facet.choices, None)) }
                    }
                }
                div.search-send {
                    button type="submit" { "Show" }
                    @if self.is_narrowed() { " " a href=(self.path) { "Show all" } }
                }
            }
        }
    }

    /// The head of a column, a link where it can sort.
    pub(super) fn column(&self, key: &str, label: &str) -> Markup {
        self.head(key, label, None)
    }

    /// The same of a column of numbers.
    pub(super) fn number(&self, key: &str, label: &str) -> Markup {
        self.head(key, label, Some("right"))
    }

    fn head(&self, key: &str, label: &str, class: Option<&str>) -> Markup {
        let column = self.columns.iter().find(|column| column.key == key);
        let sorted = column.and_then(|column| column.sorted);
        let word = sorted.map(|order| match order {
            Order::Rising => "ascending",
            Order::Falling => "descending",
        });
        html! {
            th class=[class] scope="col" aria-sort=[word] {
                @match column {
                    Some(column) => a.sort href=(column.href) {
                        (label)
                        @match sorted {
                            Some(Order::Rising) => span.arrow aria-hidden="true" { " \u{2191}" },
                            Some(Order::Falling) => span.arrow aria-hidden="true" { " \u{2193}" },
                            None => span.arrow.none aria-hidden="true" { " \u{2195}" },
                        }
                    },
                    None => (label),
                }
            }
        }
    }

    /// The links to the pages before and after.
    pub(super) fn pages(&self, shown: usize, noun: &str) -> Markup {
        let word = super::text::count(shown, noun);
        html! {
            div.paging {
                p.quiet {
                    @match self.total {
                        Some(total) if total != shown => { (word) " of " (total) },
                        _ => (word),
                    }
                    @if self.total.is_none() && (self.previous.is_some() || self.next.is_some()) { " on this page" }
                    @if self.is_narrowed() { ", narrowed" }
                }
                @if self.previous.is_some() || self.next.is_some() {
                    nav aria-label="More of the list" {
                        @if let Some(href) = &self.previous { a.button rel="prev" href=(href) { "Previous" } }
                        @if let Some(href) = &self.next { a.button rel="next" href=(href) { "Next" } }
                    }
                }
            }
        }
    }

    /// What stands in place of the rows: nothing matches, or nothing is there yet.
    pub(super) fn nothing(&self, empty: &Empty<'_>) -> Markup {
        if !self.is_narrowed() {
            return empty.draw();
        }
        html! {
            div.empty {
                h2 { "Nothing matches" }
                p { "Look for less, or for something else." }
                p.actions { a.button href=(self.path) { "Show all" } }
            }
        }
    }
}

/// Nothing is there: why, and what to do next.
pub(super) struct Empty<'a> {
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    /// Label and address.
    pub(super) next: Option<(&'a str, &'a str)>,
}

impl Empty<'_> {
    pub(super) fn draw(&self) -> Markup {
        html! {
            div.empty {
                (fence(9, Some(4)))
                h2 { (self.title) }
                p { (self.text) }
                @if let Some((label, href)) = self.next { p.actions { a.button.primary href=(href) { (label) } } }
            }
        }
    }
}

/// A table in a region of its own, which scrolls and can be reached by keyboard.
pub(super) fn region(label: &str, table: &Markup) -> Markup {
    html! { div.region role="region" aria-label=(label) tabindex="0" { (table) } }
}
