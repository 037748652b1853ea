//! `palisade fixes`.

use anyhow::Result;
use harden::Disruption;
use policy::Content;
use report::terminal::{Page, style};
use serde::Serialize;

use crate::args::{Fixes, ListFormat};
use crate::input;
use crate::output::{Ending, page_options, say};

#[derive(Serialize)]
struct FixesJson<'a> {
    fixes: Vec<FixJson<'a>>,
}

#[derive(Serialize)]
struct FixJson<'a> {
    id: &'a str,
    title: &'a str,
    rules: Vec<&'a str>,
    changes: &'a str,
    disruption: Disruption,
    may_break: &'a str,
    opt_in: bool,
    can_cut_off: bool,
}

/// Lists the fixes.
pub(crate) fn run(args: &Fixes) -> Result<Ending> {
    let (content, broken) = input::content_told(&args.content)?;
    match args.format {
        ListFormat::Json => {
            let fixes = harden::fixes::ALL
                .iter()
                .map(|fix| FixJson {
                    id: fix.id,
                    title: fix.title,
                    rules: rules(&content, fix.id),
                    changes: fix.changes,
                    disruption: fix.disruption,
                    may_break: fix.may_break,
                    opt_in: fix.opt_in,
                    can_cut_off: fix.can_cut_off,
                })
                .collect();
            say(&serde_json::to_string_pretty(&FixesJson { fixes })?)?;
        }
        ListFormat::Terminal => {
            let mut page = Page::new(&page_options(false));
            for fix in harden::fixes::ALL {
                page.gap();
                page.hanging((style::STRONG, &format!("{}  ", fix.id)), (style::PLAIN, fix.title), 2);
                let reverts = if fix.can_cut_off { "; reverts unless confirmed" } else { "" };
                let asked = if fix.opt_in { "; only with --opt-in" } else { "" };
                page.field(11, "  changes", style::PLAIN, fix.changes);
                page.field(11, "  disrupts", style::PLAIN, &format!("{}{reverts}{asked}", fix.disruption));
                page.field(11, "  may break", style::PLAIN, fix.may_break);
                page.field(11, "  mends", style::DIM, &rules(&content, fix.id).join(", "));
            }
            page.gap();
            let count = harden::fixes::ALL.len();
            let text = format!("{count} fixes. `palisade harden` shows what they would do here.");
            page.indented(0, style::DIM, &text);
            say(&page.finish())?;
        }
    }
    Ok(if broken { Ending::Incomplete } else { Ending::Clean })
}

/// The rules that name a fix.
fn rules<'a>(content: &'a Content, id: &str) -> Vec<&'a str> {
    let named = |rule: &&policy::CompiledRule| {
        rule.rule.fix.as_ref().and_then(|fix| fix.as_object()).is_some_and(|fix| fix.contains_key(id))
    };
    content.rules.iter().filter(named).map(|rule| rule.rule.id.as_str()).collect()
}
