//! Logs are closed to everybody else.

use serde::Deserialize;

use super::access::{self, Wish};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "log-access",
    title: "Close logs to everybody else",
    changes: "permissions of the logs named; owner and group stay",
    disruption: Disruption::None,
    may_break: "users and programs that read logs as `others`: put them into the group adm",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    which: Which,
    /// Those that everybody may read.
    #[serde(default)]
    except: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Which {
    Writable,
    Sensitive,
    Readable,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let logs = ask.facts.logging.value().and_then(|logging| logging.exposed_files.value());
    ask.each(draft, |one, args: Args, draft| {
        let mine = logs.into_iter().flatten().filter(|log| match args.which {
            Which::Writable => log.others_writable,
            Which::Sensitive => log.sensitive_readable,
            Which::Readable => log.others_readable && !args.except.contains(&log.path),
        });
        let clear = if matches!(args.which, Which::Writable) { 0o002 } else { 0o007 };
        let wish = Wish { clear, ..Wish::default() };
        match mine.map(|log| access::give(ask, &log.path, &wish)).collect::<Result<Vec<_>, _>>() {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(reason) => draft.refuse(one, reason),
        }
    });
}
