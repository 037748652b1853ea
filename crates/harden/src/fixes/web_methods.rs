//! Methods that nginx and Apache answer, and lists of files that they show.

use std::collections::{BTreeMap, BTreeSet};

use model::facts::web::WebServer;
use serde::Deserialize;

use super::web::{Wanted, each, own_file, prepend, set, settle};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, accepts};

pub(super) const FIX: Fix = Fix {
    id: "web-methods",
    title: "Let nginx and Apache answer needed methods only, never TRACE",
    changes: "zz-palisade.conf and zz-palisade-methods.conf in the folder that Apache includes; the lines `listen` of nginx's servers",
    disruption: Disruption::Reload,
    may_break: "applications that use other methods, such as PUT and DELETE of an API",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<Args>,
    plan,
};

pub(super) const LISTING: Fix = Fix {
    id: "web-listing",
    title: "Keep nginx and Apache from showing lists of files",
    changes: "lines `autoindex on` of nginx; zz-palisade-listing.conf in the folder that Apache includes",
    disruption: Disruption::Reload,
    may_break: "pages on which people look for files in such a list",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan: plan_listing,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    /// Methods that stay; none: all but TRACE and TRACK.
    allow: Option<Vec<String>>,
}

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    // What one finding wants may be more than what another does: the stricter one counts.
    let mut allowed: BTreeMap<&str, Option<BTreeSet<String>>> = BTreeMap::new();
    let found = each(ask, draft);
    for (one, server) in &found {
        match one.args::<Args>() {
            Ok(args) => {
                let own = allowed.entry(&server.name).or_default();
                if let Some(methods) = args.allow {
                    let methods = methods
                        .into_iter()
                        .filter(|m| !m.is_empty() && m.chars().all(|c| c.is_ascii_uppercase()));
                    *own = Some(methods.collect());
                }
            }
            Err(error) => draft.refuse(one, error),
        }
    }
    for (one, server) in &found {
        let Some(methods) = allowed.get(server.name.as_str()) else { continue };
        let changes = if server.name == "nginx" { nginx(server, methods) } else { apache(server, methods) };
        settle(draft, one, changes);
    }
}

fn nginx(server: &WebServer, methods: &Option<BTreeSet<String>>) -> Result<Vec<Change>, String> {
    let guard = match methods {
        Some(methods) => {
            let names = methods.iter().cloned().collect::<Vec<_>>().join("|");
            format!("if ($request_method !~ ^({names})$) {{ return 405; }}")
        }
        None => "if ($request_method ~ ^(TRACE|TRACK)$) { return 405; }".to_owned(),
    };
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut changes = Vec::new();
    for setting in server.settings.iter().filter(|setting| setting.name == "listen") {
        if done.insert(&setting.block) {
            changes.push(prepend(setting, &guard)?);
        }
    }
    if changes.is_empty() {
        return Err(format!("no server of {} has a line `listen`: add one", server.main_file));
    }
    Ok(changes)
}

fn apache(server: &WebServer, methods: &Option<BTreeSet<String>>) -> Result<Vec<Change>, String> {
    let off = |value: &str| value.eq_ignore_ascii_case("off");
    let mut changes = set(server, &Wanted { name: "TraceEnable", value: "Off", good: &off })?;
    if let Some(methods) = methods {
        let names = methods.iter().cloned().collect::<Vec<_>>().join("|");
        let text = format!(
            "# Written by Palisade; `palisade harden undo` takes it back.\n\
             <If \"%{{REQUEST_METHOD}} !~ /^({names})$/\">\n    Require all denied\n</If>\n"
        );
        changes.push(Change::whole(&beside(server, "methods")?, 0o644, &text));
    }
    Ok(changes)
}

fn plan_listing(ask: &Ask<'_>, draft: &mut Draft) {
    for (one, server) in each(ask, draft) {
        let changes = if server.name == "nginx" {
            let off = |value: &str| value == "off";
            set(server, &Wanted { name: "autoindex", value: "off", good: &off })
        } else {
            // A section for addresses is merged after those for folders, so that it wins.
            let text = "# Written by Palisade; `palisade harden undo` takes it back.\n\
                        <Location \"/\">\n    Options -Indexes\n</Location>\n";
            beside(server, "listing").map(|file| vec![Change::whole(&file, 0o644, text)])
        };
        settle(draft, one, changes);
    }
}

/// Another file beside the usual one.
fn beside(server: &WebServer, what: &str) -> Result<String, String> {
    own_file(server).map(|own| own.replace("zz-palisade.conf", &format!("zz-palisade-{what}.conf")))
}
