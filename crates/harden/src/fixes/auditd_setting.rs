//! Settings of the audit daemon.

use std::collections::BTreeMap;

use model::facts::audit::AuditdConfig;
use serde::Deserialize;

use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

/// auditd reads this file alone.
const FILE: &str = "/etc/audit/auditd.conf";

pub(super) const FIX: Fix = Fix {
    id: "auditd-setting",
    title: "Tell the audit daemon what to do when its disk fills up",
    changes: "/etc/audit/auditd.conf, which auditd reads again",
    disruption: Disruption::Reload,
    may_break: "nothing; older audit logs may be kept longer or be replaced earlier than before",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, Wanted>>,
    plan,
};

/// What a setting must be.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    /// This; none takes the setting away.
    Value(Option<String>),
    /// What it is, if that is one of these, otherwise this.
    Among {
        /// Words that do.
        among: Vec<String>,
        /// What it becomes.
        otherwise: String,
    },
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let daemon = ask.facts.audit.value().and_then(|audit| audit.daemon.value());
    let Some(config) = daemon.and_then(|daemon| daemon.config.value()) else { return };
    ask.each(draft, |_, settings: BTreeMap<String, Wanted>, draft| {
        for (key, wanted) in settings {
            let edit = match wanted {
                Wanted::Value(None) => Edit::Unset { syntax: Syntax::Equals, section: None, key },
                Wanted::Among { among, .. } if now(config, &key).is_some_and(|now| among.contains(&now)) => {
                    continue;
                }
                Wanted::Value(Some(value)) | Wanted::Among { otherwise: value, .. } => {
                    Edit::Set { syntax: Syntax::Equals, section: None, key, value }
                }
            };
            draft.change(Change::Edit { file: FILE.to_owned(), mode: 0o640, edit });
        }
    });
}

/// What a setting is now.
fn now(config: &AuditdConfig, key: &str) -> Option<String> {
    let fact = match key {
        "max_log_file_action" => &config.max_log_file_action,
        "space_left_action" => &config.space_left_action,
        "admin_space_left_action" => &config.admin_space_left_action,
        "disk_full_action" => &config.disk_full_action,
        "disk_error_action" => &config.disk_error_action,
        "max_log_file" => {
            return config.max_log_file.value().map(|size| if *size > 0 { "set" } else { "0" }.to_owned());
        }
        _ => return None,
    };
    fact.value().cloned()
}
