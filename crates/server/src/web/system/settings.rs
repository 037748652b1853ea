//! The effective configuration: every key, its value, where it comes from and what it does. Read-only.

use maud::{Markup, html};
use report::printable;

use crate::web::list::{Empty, Listing};
use crate::web::shell::{Head, Shell};
use crate::web::text::{count, phrase};

/// The effective configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) listing: Listing,
    /// The file that was read; empty when there is none.
    pub(crate) file: String,
    /// In the order of the file's reference.
    pub(crate) sections: Vec<Section>,
}

/// Keys that belong together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// `brute_force`.
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) settings: Vec<Setting>,
}

/// One key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setting {
    pub(crate) key: String,
    /// Its value, or words in place of a secret.
    pub(crate) value: String,
    /// The default, where the value is another.
    pub(crate) default: Option<String>,
    /// `default`, `palisade.toml:14`, `PALISADE_LISTEN`.
    pub(crate) source: String,
    pub(crate) about: String,
    /// Why the value is unsafe, and what to do.
    pub(crate) unsafe_because: Option<(String, String)>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &Settings) -> Markup {
    let all = || view.sections.iter().flat_map(|section| &section.settings);
    let (shown, bad) = (all().count(), all().filter(|one| one.unsafe_because.is_some()).count());
    let head = Head {
        title: html! { "Settings" },
        lead: html! {
            "What the server runs with, as " code { "palisade config show --effective" } " prints it. "
            @if view.file.is_empty() { "No file was read; what differs from the defaults came from the environment or the command line." }
            @else { "Change it in " code { (printable(&view.file)) } " and restart the server." }
        },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        @if bad > 0 {
            div.notice.fail { p { strong { (count(bad, "setting")) } @if bad == 1 { " is" } @else { " are" } " unsafe. What to do stands beside each." } }
        }
        (view.listing.search("Find a setting"))
        @if shown == 0 {
            (view.listing.nothing(&Empty { title: "No settings", text: "The server runs with defaults only.", next: None }))
        } @else {
            (view.listing.pages(shown, "setting"))
            @for (at, section) in view.sections.iter().filter(|section| !section.settings.is_empty()).enumerate() {
                section.settings aria-labelledby=(format!("section-{at}")) {
                    h2 id=(format!("section-{at}")) { (printable(&section.name)) }
                    @if !section.about.is_empty() { p.quiet { (phrase(&section.about)) } }
                    dl { @for one in &section.settings { (row(one)) } }
                }
            }
        }
    };
    shell.page("Settings", &body)
}

fn row(one: &Setting) -> Markup {
    html! {
        div class=(if one.unsafe_because.is_some() { "setting unsafe" } else { "setting" }) {
            dt { code { (printable(&one.key)) } }
            dd {
                p.value {
                    @if one.value.is_empty() { span.quiet { "not set" } } @else { code { (printable(&one.value)) } }
                    @if one.unsafe_because.is_some() { " " span.badge.fail { "unsafe" } }
                }
                @if let Some((why, remedy)) = &one.unsafe_because { p.why { (phrase(why)) } p.remedy { "To do: " (phrase(remedy)) } }
                @if !one.about.is_empty() { p.quiet { (phrase(&one.about)) } }
                p.source { "From " (printable(&one.source)) @if let Some(default) = &one.default { "; default " code { (printable(default)) } } }
            }
        }
    }
}
