//! Pages about how machines stand: the overview, reports, guides, rules, findings, and what changed.

pub(crate) mod dashboard;
pub(crate) mod difference;
pub(crate) mod finding;
pub(crate) mod guide;
pub(crate) mod report;
pub(crate) mod reports;
pub(crate) mod rule;

use jiff::Timestamp;
use maud::{Markup, html};

use super::picture::{self, Coverage};
use super::text::name;

/// A guide and how far it is met.
#[derive(Clone, Debug, Default)]
pub(crate) struct GuideRow {
    pub(crate) title: String,
    pub(crate) href: String,
    pub(crate) coverage: Coverage,
}

/// The report that a page is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReportRef {
    pub(crate) href: String,
    /// What was audited.
    pub(crate) target: String,
    pub(crate) at: Timestamp,
}

/// Something that a page names and links to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) label: String,
    /// Nothing where the viewer may not go, or it is gone.
    pub(crate) href: Option<String>,
}

impl Link {
    fn draw(&self) -> Markup {
        html! { @match &self.href { Some(href) => a href=(href) { (name(&self.label)) }, None => (name(&self.label)) } }
    }
}

/// How far each guide is met, as bars with their numbers.
fn coverage(guides: &[GuideRow]) -> Markup {
    html! {
        ul.guides {
            @for guide in guides {
                li {
                    div.guide-head {
                        a href=(guide.href) { (name(&guide.title)) }
                        span.guide-figure {
                            @if guide.coverage.concerned() == 0 { span.quiet { "not concerned" } }
                            @else { strong { (guide.coverage.met) } " of " (guide.coverage.concerned()) " met" }
                        }
                    }
                    (picture::bar(&guide.coverage))
                    p.quiet { (guide.coverage.words()) }
                }
            }
        }
        (picture::legend_of_bars())
    }
}
