//! New files are closed to everybody else.

use serde::Deserialize;

use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

const LOGIN_DEFS: &str = "/etc/login.defs";
const FACT: &str = "accounts.session.umask";

pub(super) const FIX: Fix = Fix {
    id: "umask",
    title: "Close new files to everybody else",
    changes: "UMASK in /etc/login.defs, and looser ones in PAM and the shells' start-up files",
    disruption: Disruption::None,
    may_break: "services and web servers that read files which users make: share them by a group",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// In octal.
    value: String,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let source = ask.sources.get(FACT);
    let first = source.and_then(|source| Some((source.at.as_str(), source.excerpt.as_deref()?)));
    let others = source.into_iter().flat_map(|source| &source.overridden);
    let places: Vec<(&str, &str)> =
        first.into_iter().chain(others.map(|place| (place.at.as_str(), place.excerpt.as_str()))).collect();
    ask.each(draft, |one, args: Args, draft| {
        let Ok(wanted) = u32::from_str_radix(&args.value, 8) else {
            return draft.refuse(one, "the rule gives no umask");
        };
        if places.is_empty() {
            return draft.change(Change::set(LOGIN_DEFS, Syntax::Spaced, None, "UMASK", &args.value));
        }
        let mut changes = Vec::new();
        for (at, line) in &places {
            let file = at.rsplit_once(':').map_or(*at, |(file, _)| file);
            if file == LOGIN_DEFS {
                changes.push(Change::set(LOGIN_DEFS, Syntax::Spaced, None, "UMASK", &args.value));
                continue;
            }
            let word = line.split_whitespace().find_map(|word| Some((word, tighter(word, wanted)?)));
            match word {
                Some((old, new)) => changes.push(Change::word(file, line, Some(old), Some(&new))),
                None => {
                    return draft
                        .refuse(one, format!("{at} is not understood: write `umask {}` there", args.value));
                }
            }
        }
        changes.into_iter().for_each(|change| draft.change(change));
    });
}

/// A word that gives a umask, `022;` or `umask=0022`, with what is wanted added.
fn tighter(word: &str, wanted: u32) -> Option<String> {
    let (start, mask) = match word.split_once('=') {
        Some(("umask", mask)) => ("umask=", mask),
        Some(_) => return None,
        None => ("", word),
    };
    let digits = mask.trim_end_matches(';');
    if !(3..=4).contains(&digits.len()) {
        return None;
    }
    let mask_bits = u32::from_str_radix(digits, 8).ok()?;
    let width = digits.len();
    Some(format!("{start}{:0width$o}{}", mask_bits | wanted, mask.get(width..).unwrap_or_default()))
}
