//! Keys that may not open accounts any more: out of authorized_keys, into a file that only root reads.

use std::collections::{BTreeMap, BTreeSet};

use model::facts::ssh::AuthorizedKey;

use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};
use crate::ways_in::{After, administrators, closed, usable_keys};

/// Beside the server's own files: no account can write there.
const QUARANTINE: &str = "/etc/ssh/quarantined_keys";

pub(super) const FIX: Fix = Fix {
    id: "ssh-keys-quarantine",
    title: "Move keys that are weak, overdue, retired or unregistered out of authorized_keys",
    changes: "authorized_keys files; the lines go to /etc/ssh/quarantined_keys, which only root reads",
    disruption: Disruption::None,
    may_break: "logins and jobs that use these keys",
    opt_in: false,
    can_cut_off: true,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(ssh) = ask.facts.ssh.value() else { return };
    let mut after = After::default();
    let mut moved: BTreeMap<&str, (&AuthorizedKey, BTreeSet<String>)> = BTreeMap::new();
    ask.each(draft, |one, NoArgs {}, draft| {
        let keys: Vec<&AuthorizedKey> = ssh
            .authorized_keys
            .iter()
            .filter_map(|key| key.value())
            .filter(|k| k.name == one.subject)
            .collect();
        let mut with = after.clone();
        for key in &keys {
            if let Some(fingerprint) = key.fingerprint.value() {
                with.gone.insert((key.file.clone(), fingerprint.clone()));
            }
        }
        if keys.is_empty() {
            draft.refuse(one, "there is no such line in any authorized_keys file");
        } else if let Some(why) = spared(ask, &after, &with) {
            draft.refuse(one, why);
        } else {
            after = with;
            for key in keys {
                moved.entry(&key.source).or_insert_with(|| (key, BTreeSet::new())).1.insert(one.rule.clone());
            }
        }
    });
    let day: String = ask.site.now.to_string().chars().take(10).collect();
    for (key, rules) in moved.into_values() {
        let Some(line) = key.source.rsplit_once(':').and_then(|(_, line)| line.parse().ok()) else { continue };
        let rules: Vec<String> = rules.into_iter().collect();
        draft.change(Change::MoveKey {
            from: key.file.clone(),
            line,
            fingerprint: key.fingerprint.value().cloned(),
            to: QUARANTINE.to_owned(),
            mark: format!("{} {day} {}:", key.user, rules.join(",")),
        });
    }
}

/// Why a key stays: somebody who must get in has no other.
fn spared(ask: &Ask<'_>, before: &After, with: &After) -> Option<String> {
    if before == with {
        return None;
    }
    let left = |name: &str| (usable_keys(ask.facts, name, before), usable_keys(ask.facts, name, with));
    let operator = &ask.site.operator.name;
    if matches!(left(operator), (1.., 0)) {
        return Some(format!(
            "it is the only key that you ({operator}) could log in with: add a new one first"
        ));
    }
    let counts: Vec<(usize, usize)> = administrators(ask.facts).iter().map(|name| left(name)).collect();
    let any_before = counts.iter().any(|(before, _)| *before > 0);
    if any_before && counts.iter().all(|(_, after)| *after == 0) {
        return Some(
            "it is the last key that an administrator could log in with: add a new one first".to_owned(),
        );
    }
    closed(ask.facts, &ask.site.operator, with)
}
