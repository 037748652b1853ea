//! What nginx and Apache give away of themselves and of what is behind them.

use std::collections::BTreeSet;

use model::Fact;
use model::facts::web::WebServer;

use super::web::{Wanted, each, own_file, prepend, set, settle};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, NoArgs, Use, accepts};

pub(super) const FIX: Fix = Fix {
    id: "web-tokens",
    title: "Keep nginx and Apache from telling versions and what pages are made with",
    changes: "zz-palisade.conf in the folder that nginx or Apache includes, and lines of other files that would win over it",
    disruption: Disruption::Reload,
    may_break: "monitoring that reads the version from the header Server",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<NoArgs>,
    plan,
};

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    for (one, server) in each(ask, draft) {
        let told = told_by_others(ask, one);
        let changes = hidden(server).and_then(|mut changes| {
            changes.extend(removed(server, &told)?);
            Ok(changes)
        });
        settle(draft, one, changes);
    }
}

/// The server's own version.
fn hidden(server: &WebServer) -> Result<Vec<Change>, String> {
    if server.name == "nginx" {
        return set(server, &Wanted { name: "server_tokens", value: "off", good: &|value| value == "off" });
    }
    let prod = |value: &str| value.to_lowercase().starts_with("prod");
    let mut changes = set(server, &Wanted { name: "ServerTokens", value: "Prod", good: &prod })?;
    let off = |value: &str| value.eq_ignore_ascii_case("off");
    changes.extend(set(server, &Wanted { name: "ServerSignature", value: "Off", good: &off })?);
    Ok(changes)
}

/// Names of headers in which what is behind the server names itself.
fn told_by_others(ask: &Ask<'_>, one: &Use) -> BTreeSet<String> {
    let endpoints = ask.facts.endpoints.value();
    let http = endpoints.into_iter().flat_map(|endpoints| &endpoints.http).filter_map(Fact::value);
    let headers =
        http.filter(|server| server.name == one.subject).flat_map(|server| &server.technology_headers);
    headers
        .filter_map(|header| header.split(':').next())
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
        .collect()
}

/// Takes those headers away.
fn removed(server: &WebServer, headers: &BTreeSet<String>) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    if headers.is_empty() {
        return Ok(changes);
    }
    let own = own_file(server)?;
    if server.name != "nginx" {
        if !server.modules.iter().any(|module| module == "headers") {
            return Err("Apache's module headers is not switched on: run `a2enmod headers`".to_owned());
        }
        for name in headers {
            changes.push(Change::line(&own, &format!("Header always unset {name}")));
            changes.push(Change::line(&own, &format!("Header onsuccess unset {name}")));
        }
        return Ok(changes);
    }
    for kind in ["proxy_hide_header", "fastcgi_hide_header"] {
        let all: Vec<String> = headers.iter().map(|name| format!("{kind} {name};")).collect();
        changes.extend(all.iter().map(|line| Change::line(&own, line)));
        // A part with such lines of its own takes none up from outside.
        let mut done: BTreeSet<&str> = BTreeSet::new();
        for setting in server.settings.iter().filter(|s| s.name == kind && !s.block.is_empty()) {
            let known = |name: &String| {
                let same = server.settings.iter().filter(|s| s.name == kind && s.block == setting.block);
                same.map(|s| &s.value).any(|value| value.eq_ignore_ascii_case(name))
            };
            if done.insert(&setting.block) {
                let missing: Vec<String> =
                    headers.iter().filter(|name| !known(name)).map(|name| format!("{kind} {name};")).collect();
                if !missing.is_empty() {
                    changes.push(prepend(setting, &missing.join(" "))?);
                }
            }
        }
    }
    Ok(changes)
}
