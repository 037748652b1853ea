//! Headers that nginx and Apache send with every answer.

use std::collections::BTreeMap;

use model::facts::web::{WebServer, WebSetting};

use super::web::{each, own_file, prepend, replace};
use crate::change::Change;
use crate::fix::{Ask, Disruption, Draft, Fix, accepts};

pub(super) const FIX: Fix = Fix {
    id: "web-headers",
    title: "Send headers that tell browsers to be careful, from nginx and Apache",
    changes: "zz-palisade.conf in the folder that nginx or Apache includes, lines with headers of parts that would not take it up, and Apache's module headers",
    disruption: Disruption::Reload,
    may_break: "pages that other sites frame, files served under a wrong type, and with HSTS every plain HTTP site of the same name",
    opt_in: false,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

pub(super) const POLICY: Fix = Fix {
    id: "web-content-policy",
    title: "Send a content security policy that lets pages load from their own site only",
    changes: "zz-palisade.conf in the folder that nginx or Apache includes, and lines with headers of parts that would not take it up",
    disruption: Disruption::Reload,
    may_break: "pages with scripts or styles in themselves or from other sites",
    opt_in: true,
    can_cut_off: false,
    accepts: accepts::<BTreeMap<String, String>>,
    plan,
};

const MODULE: &str = "/etc/apache2/mods-enabled/headers.load";

fn plan(ask: &Ask<'_>, draft: &mut Draft) {
    let mut wanted: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
    let found = each(ask, draft);
    for (one, server) in &found {
        match one.args::<BTreeMap<String, String>>() {
            Ok(headers) => wanted.entry(&server.name).or_default().extend(headers),
            Err(error) => draft.refuse(one, error),
        }
    }
    for (name, headers) in wanted {
        let Some((_, server)) = found.iter().find(|(_, server)| server.name == name) else { continue };
        let changes = if name == "nginx" { nginx(server, &headers) } else { apache(server, &headers) };
        match changes {
            Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
            Err(why) => {
                let own = found.iter().filter(|(_, server)| server.name == name);
                own.for_each(|(one, _)| draft.refuse(one, &why));
            }
        }
    }
}

/// A part of nginx that sends headers of its own sends none of those from outside: each such part gets what it misses.
fn nginx(server: &WebServer, wanted: &BTreeMap<String, String>) -> Result<Vec<Change>, String> {
    let mut changes = Vec::new();
    let mut parts: BTreeMap<&str, Vec<&WebSetting>> = BTreeMap::from([("", Vec::new())]);
    for setting in server.settings.iter().filter(|setting| setting.name == "add_header") {
        parts.entry(&setting.block).or_default().push(setting);
    }
    let mut added: Vec<(&WebSetting, String)> = Vec::new();
    for (block, settings) in &parts {
        let mut missing = Vec::new();
        for (name, value) in wanted {
            let line = format!("add_header {name} \"{value}\" always;");
            match settings.iter().find(|setting| names(&setting.value, name)) {
                None => missing.push(line),
                Some(setting) if weak(name, &setting.value) => changes.push(replace(setting, &line)?),
                Some(_) => {}
            }
        }
        if missing.is_empty() {
            continue;
        }
        if block.is_empty() {
            let own = own_file(server)?;
            changes.extend(missing.iter().map(|line| Change::line(&own, line)));
            continue;
        }
        // A line that stands in no other part, if there is one: all lines that read alike are changed alike.
        let alone = |setting: &&&WebSetting| {
            setting.text.value().is_some() && twins(&parts, setting).all(|twin| twin.block == setting.block)
        };
        let chosen = settings.iter().find(alone).or_else(|| settings.first());
        added.extend(chosen.map(|setting| (*setting, missing.join(" "))));
    }
    for (setting, text) in &added {
        let same =
            |twin: &WebSetting| added.iter().any(|(own, other)| own.block == twin.block && other == text);
        let apart =
            |twin: &WebSetting| !added.iter().any(|(own, _)| own.block == twin.block && alike(own, setting));
        if twins(&parts, setting).any(|twin| !same(twin) || apart(twin)) {
            return Err(format!(
                "{}: the same line stands in parts that miss different headers: write them there by hand",
                setting.source
            ));
        }
        changes.push(prepend(setting, text)?);
    }
    Ok(changes)
}

/// Settings that read alike, in the same file; the setting itself too.
fn twins<'a>(
    parts: &'a BTreeMap<&str, Vec<&'a WebSetting>>,
    setting: &'a WebSetting,
) -> impl Iterator<Item = &'a WebSetting> {
    parts.values().flatten().copied().filter(move |other| alike(other, setting))
}

fn alike(one: &WebSetting, other: &WebSetting) -> bool {
    one.file == other.file && one.text == other.text
}

/// What Apache sends in all cases wins; what the application behind it sends goes, so that nothing is sent twice.
fn apache(server: &WebServer, wanted: &BTreeMap<String, String>) -> Result<Vec<Change>, String> {
    let own = own_file(server)?;
    let mut changes = Vec::new();
    if !server.modules.iter().any(|module| module == "headers") {
        if !server.modules_at_hand.iter().any(|module| module == "headers") {
            return Err("Apache's module headers is not there: install it and switch it on".to_owned());
        }
        let target = "../mods-available/headers.load".to_owned();
        changes.push(Change::Link { path: MODULE.to_owned(), target });
    }
    for (name, value) in wanted {
        changes.push(Change::line(&own, &format!("Header onsuccess unset {name}")));
        changes.push(Change::line(&own, &format!("Header always set {name} \"{value}\"")));
        for setting in server.settings.iter().filter(|setting| setting.name == "header" && setting.file != own)
        {
            let mut words = setting.value.split_whitespace();
            let value = words
                .by_ref()
                .skip_while(|word| !word.eq_ignore_ascii_case(name))
                .collect::<Vec<_>>()
                .join(" ");
            if !value.is_empty() && !setting.value.contains("unset") && weak(name, &value) {
                changes.push(replace(
                    setting,
                    &format!("Header always set {name} \"{}\"", wanted.get(name).map_or("", String::as_str)),
                )?);
            }
        }
    }
    Ok(changes)
}

/// Whether nginx's arguments of `add_header` begin with that name.
fn names(value: &str, name: &str) -> bool {
    value.split_whitespace().next().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

/// Whether a header that is sent already does not do its work. Only said where one value is right for every site.
fn weak(name: &str, value: &str) -> bool {
    let value = value.to_lowercase();
    match name.to_lowercase().as_str() {
        "strict-transport-security" => {
            let seconds = value.split("max-age=").nth(1).unwrap_or_default();
            let digits: String = seconds.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u64>().unwrap_or(0) < 15_768_000
        }
        "x-content-type-options" => !value.contains("nosniff"),
        "referrer-policy" => value.contains("unsafe-url"),
        _ => false,
    }
}
