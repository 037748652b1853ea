//! The page: whole by itself, without scripts, well formed, every link leading somewhere.

use std::collections::BTreeSet;

use model::Report;
use report::{Format, Options, write};

use crate::standard;

fn page(report: &Report) -> String {
    write(Format::Html, report, &Options::default()).unwrap()
}

/// The values of an attribute, in order.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(&start).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn nothing_runs_and_nothing_is_loaded() {
    let page = page(&standard::report());
    assert!(page.contains("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';"));
    for bad in ["<script", "<link", "<img", "<iframe", "@import", "url(", " onclick=", "javascript:", " src="] {
        assert!(!page.contains(bad), "the page holds {bad}");
    }
    assert!(values(&page, "href").iter().all(|to| to.starts_with('#')));
}

#[test]
fn tags_are_balanced_and_hostile_markup_is_text() {
    for report in [standard::report(), standard::clean(), standard::empty()] {
        let page = page(&report);
        let body = page.split_once("</style>").unwrap().1;
        let mut open = vec!["html", "head"];
        for tag in body.split('<').skip(1) {
            let name = tag.split(['>', ' ']).next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name), "before {tag:.60}"),
                None if ["meta", "br"].contains(&name) => {}
                None => open.push(name),
            }
        }
        assert_eq!(open, [""; 0]);
    }
    assert!(page(&standard::report()).contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
}

#[test]
fn every_anchor_stands_once_and_every_link_leads_to_one() {
    let page = page(&standard::report());
    let ids = values(&page, "id");
    let unique: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(unique.len(), ids.len());
    for link in values(&page, "href") {
        assert!(unique.contains(link.trim_start_matches('#')), "{link} leads nowhere");
    }
    for label in values(&page, "aria-labelledby") {
        assert!(unique.contains(label), "{label} names nothing");
    }
}

#[test]
fn every_rule_and_requirement_has_its_place() {
    let report = standard::report();
    let page = page(&report);
    for finding in &report.findings {
        assert!(page.contains(&format!(" id=\"rule-{}\"", finding.rule)), "{}", finding.rule);
    }
    let mut last = 0;
    for requirement in report.guides.iter().flat_map(|guide| &guide.requirements) {
        let at = page.find(&format!(" id=\"req-{}\"", requirement.id)).unwrap();
        assert!(at > last, "{} is out of order", requirement.id);
        last = at;
    }
    assert_eq!(page.matches("<caption>").count(), page.matches("<table").count());
}
