//! Settings of a CODESYS Control runtime, in the file for the site's own.

use std::collections::BTreeMap;

use crate::change::{Change, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "codesys-setting",
    title: "Set security settings of the CODESYS runtime",
    changes: "CODESYSControl_User.cfg",
    disruption: Disruption::Restart,
    may_break: "the running application, which stops and starts again; engineering tools, visualisations and OPC UA clients that log in without a user or without encryption",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

/// Section, then key and value.
type Args = BTreeMap<String, BTreeMap<String, String>>;

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let Some(codesys) = ask.facts.codesys.value() else { return };
    ask.each(draft, |one, sections: Args, draft| {
        for (section, settings) in sections {
            let head = format!("[{section}] at {}:", codesys.user_file);
            if let Some(twice) = codesys.repeated_sections.iter().find(|place| place.starts_with(&head)) {
                draft.refuse(
                    one,
                    format!(
                        "{twice} stands there before, and the runtime reads the first copy only: join the two"
                    ),
                );
                return;
            }
            for (key, value) in settings {
                draft.change(Change::set(&codesys.user_file, Syntax::Ini, Some(&section), &key, &value));
            }
        }
    });
}
