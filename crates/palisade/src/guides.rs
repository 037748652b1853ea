//! `palisade guides` and `palisade rules`.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use model::content::{DecidedBy, Guide};
use policy::Content;
use report::terminal::{Page, style};
use serde::Serialize;

use crate::args::{Guides, ListFormat, Rules};
use crate::input;
use crate::output::{Ending, page_options, say};

#[derive(Serialize)]
struct GuidesJson<'a> {
    guides: Vec<GuideJson<'a>>,
}

#[derive(Serialize)]
struct GuideJson<'a> {
    id: &'a str,
    title: &'a str,
    requirements: Vec<RequirementJson<'a>>,
}

#[derive(Serialize)]
struct RequirementJson<'a> {
    id: &'a str,
    section: &'a str,
    level: model::content::Level,
    title: &'a str,
    decided_by: DecidedBy,
    rules: &'a [String],
    reason: String,
}

#[derive(Serialize)]
struct RulesJson<'a> {
    rules: Vec<RuleJson<'a>>,
}

#[derive(Serialize)]
struct RuleJson<'a> {
    id: &'a str,
    title: &'a str,
    severity: model::Severity,
    requirements: Vec<&'a str>,
}

/// Shows what decides each requirement.
pub(crate) fn run_guides(args: &Guides) -> Result<Ending> {
    let (content, broken) = input::content_told(&args.content)?;
    let guides: Vec<&Guide> = match &args.guide {
        None => content.guides.iter().collect(),
        Some(id) => match content.guides.iter().find(|guide| guide.id == *id) {
            Some(guide) => vec![guide],
            None => {
                let known: Vec<&str> = content.guides.iter().map(|guide| guide.id.as_str()).collect();
                bail!("there is no guide `{id}`; the guides are {}", known.join(", "));
            }
        },
    };
    match args.format {
        ListFormat::Json => {
            let guides = guides.into_iter().map(guide_json).collect();
            say(&serde_json::to_string_pretty(&GuidesJson { guides })?)?;
        }
        ListFormat::Terminal if args.guide.is_some() => say(&requirements_page(&guides))?,
        ListFormat::Terminal => say(&coverage_page(&guides))?,
    }
    Ok(if broken { Ending::Incomplete } else { Ending::Clean })
}

fn guide_json(guide: &Guide) -> GuideJson<'_> {
    let requirements = guide
        .requirements
        .iter()
        .map(|requirement| RequirementJson {
            id: &requirement.id,
            section: &requirement.section,
            level: requirement.level,
            title: &requirement.title,
            decided_by: requirement.decided_by(),
            rules: &requirement.rules,
            reason: requirement.reason(),
        })
        .collect();
    GuideJson { id: &guide.id, title: &guide.title, requirements }
}

fn coverage_page(guides: &[&Guide]) -> String {
    let mut page = Page::new(&page_options(false));
    let head = format!(
        "{:<16}{:>13}{:>8}{:>14}{:>10}{:>8}",
        "guide", "requirements", "rules", "attestation", "service", "none"
    );
    page.line(&[(style::STRONG, &head)]);
    let mut all = BTreeMap::new();
    for guide in guides {
        let mut counts: BTreeMap<u8, usize> = BTreeMap::new();
        for requirement in &guide.requirements {
            let column = requirement.decided_by() as u8;
            *counts.entry(column).or_default() += 1;
            *all.entry(column).or_default() += 1;
        }
        page.line(&[(style::PLAIN, &coverage_row(&guide.id, guide.requirements.len(), &counts))]);
    }
    let total = guides.iter().map(|guide| guide.requirements.len()).sum();
    page.line(&[(style::STRONG, &coverage_row("all", total, &all))]);
    page.gap();
    page.indented(0, style::DIM, "What decides each requirement in the first place. `palisade guides GUIDE` lists a guide's requirements, `palisade explain ID` shows one.");
    page.finish()
}

fn coverage_row(name: &str, total: usize, counts: &BTreeMap<u8, usize>) -> String {
    let count = |by: DecidedBy| counts.get(&(by as u8)).copied().unwrap_or(0);
    format!(
        "{name:<16}{total:>13}{:>8}{:>14}{:>10}{:>8}",
        count(DecidedBy::Rules),
        count(DecidedBy::Attestation),
        count(DecidedBy::Service),
        count(DecidedBy::None)
    )
}

fn requirements_page(guides: &[&Guide]) -> String {
    let mut page = Page::new(&page_options(false));
    for guide in guides {
        page.hanging((style::STRONG, &format!("{}: ", guide.id)), (style::STRONG, &guide.title), 2);
        page.indented(0, style::PLAIN, &guide.about);
        let mut section = None;
        for requirement in &guide.requirements {
            if section != Some(&requirement.section) {
                page.gap();
                page.indented(0, style::STRONG, &requirement.section);
                section = Some(&requirement.section);
            }
            let label = format!("  {} ({}) ", requirement.id, requirement.level);
            page.hanging((style::PERSON, &label), (style::PLAIN, &requirement.title), 6);
            let by = match requirement.decided_by() {
                DecidedBy::Rules => format!("rules: {}", requirement.rules.join(", ")),
                _ => requirement.reason(),
            };
            page.indented(6, style::DIM, &by);
        }
    }
    page.finish()
}

/// Lists the rules.
pub(crate) fn run_rules(args: &Rules) -> Result<Ending> {
    let (content, broken) = input::content_told(&args.content)?;
    match args.format {
        ListFormat::Json => say(&rules_json(&content)?)?,
        ListFormat::Terminal => {
            let mut page = Page::new(&page_options(false));
            let mut subject = "";
            for rule in content.rules.iter().map(|rule| &rule.rule) {
                let own = rule.id.split('.').next().unwrap_or_default();
                if own != subject {
                    page.gap();
                    subject = own;
                }
                let severity = format!("{:<9}", rule.severity.as_str());
                page.line(&[(style::severity(rule.severity), &severity), (style::PERSON, &rule.id)]);
                page.indented(9, style::PLAIN, &rule.title);
            }
            page.gap();
            let count =
                format!("{} rules. `palisade explain RULE` shows everything about one.", content.rules.len());
            page.indented(0, style::DIM, &count);
            say(&page.finish())?;
        }
    }
    Ok(if broken { Ending::Incomplete } else { Ending::Clean })
}

fn rules_json(content: &Content) -> Result<String> {
    let by_rule = content.requirements_by_rule();
    let rules = content
        .rules
        .iter()
        .map(|rule| RuleJson {
            id: &rule.rule.id,
            title: &rule.rule.title,
            severity: rule.rule.severity,
            requirements: by_rule.get(rule.rule.id.as_str()).cloned().unwrap_or_default(),
        })
        .collect();
    Ok(serde_json::to_string_pretty(&RulesJson { rules })?)
}
