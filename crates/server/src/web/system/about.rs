//! What runs here, and since when.

use jiff::Timestamp;
use maud::{Markup, html};
use report::printable;

use crate::web::icon::fence;
use crate::web::shell::{Head, Shell};
use crate::web::text::count;

/// What runs here.
#[derive(Clone, Debug, Default)]
pub(crate) struct About {
    pub(crate) version: String,
    /// SHA-256 over the rules and guides.
    pub(crate) content: String,
    pub(crate) rules: usize,
    /// Title and number of requirements of each guide.
    pub(crate) guides: Vec<(String, usize)>,
    pub(crate) started: Option<Timestamp>,
    /// Other things worth knowing, as name and value: database, certificate and its end, state directory.
    pub(crate) facts: Vec<(String, String)>,
    pub(crate) licence: String,
    /// Address of the description of the API.
    pub(crate) api: Option<String>,
}

/// The page.
pub(crate) fn page(shell: &Shell, view: &About) -> Markup {
    let head = Head {
        title: html! { "About" },
        lead: html! { "Palisade audits hosts against published hardening guides, and mends what it can." },
        ..Head::default()
    };
    let body = html! {
        (head.draw())
        div.about-art { (fence(30, None)) }
        dl.facts {
            div { dt { "Version" } dd { (printable(&view.version)) } }
            @if let Some(started) = view.started { div { dt { "Running since" } dd { (shell.time(started)) } } }
            @for (key, value) in &view.facts { div { dt { (printable(key)) } dd { (printable(value)) } } }
            @if !view.licence.is_empty() { div { dt { "Licence" } dd { (printable(&view.licence)) } } }
            @if let Some(api) = &view.api { div { dt { "API" } dd { a href=(api) { "OpenAPI description" } } } }
        }
        section aria-labelledby="content-h" {
            h2 #content-h { "Rules and guides" }
            p { (count(view.rules, "rule")) ", " (count(view.guides.len(), "guide")) ". SHA-256 " code { (printable(&view.content)) } }
            @if !view.guides.is_empty() {
                ul.rows {
                    @for (title, number) in &view.guides {
                        li { span { (printable(title)) } span.quiet { (count(*number, "requirement")) } }
                    }
                }
            }
        }
    };
    shell.page("About", &body)
}
