//! What the fixes of nginx and Apache have in common: which program a finding concerns, and where a setting wins.

use model::Fact;
use model::facts::endpoints::Place;
use model::facts::web::{WebServer, WebSetting};

use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Draft, Use};

/// The last file of its folder.
const FILE: &str = "zz-palisade.conf";

/// The server program that a finding concerns: named itself, or by an address and port where it listens.
///
/// # Errors
/// Why none can be told, or why its files must not be changed.
pub(super) fn server<'a>(ask: &'a Ask<'_>, one: &Use) -> Result<&'a WebServer, String> {
    let servers = ask.facts.web.value().map(|web| web.servers.as_slice()).unwrap_or_default();
    let named = |name: &str| servers.iter().find(|server| server.name == name);
    if let Some(server) = named(&one.subject) {
        return complete(server);
    }
    let place = place(ask, &one.subject).ok_or("it is not known what listens there")?;
    if let Some(container) = place.container.value() {
        return Err(format!(
            "it is served from the container {container}: change the configuration in its image or on its volume"
        ));
    }
    let process = place.process.value().map(String::as_str).unwrap_or_default();
    let name = match process {
        "nginx" => "nginx",
        "apache2" | "httpd" => "apache",
        "" => return Err("it is not known which program listens there; run as root".to_owned()),
        other => {
            return Err(format!(
                "{other} listens there, whose settings only its own documentation knows: see the remedy"
            ));
        }
    };
    complete(
        named(name)
            .ok_or_else(|| format!("{process} listens there, and its configuration is at no usual place"))?,
    )
}

fn complete(server: &WebServer) -> Result<&WebServer, String> {
    if server.truncated {
        return Err(format!("{} includes more files than are read", server.main_file));
    }
    Ok(server)
}

fn place<'a>(ask: &'a Ask<'_>, name: &str) -> Option<&'a Place> {
    let endpoints = ask.facts.endpoints.value()?;
    let tls = endpoints.tls.iter().find(|server| server.name == name).map(|server| &server.place);
    let http = || endpoints.http.iter().filter_map(Fact::value).find(|server| server.name == name);
    tls.or_else(|| http().map(|server| &server.place))
}

/// Goes through the findings whose server is known; the others are refused.
pub(super) fn each<'a>(ask: &'a Ask<'_>, draft: &mut Draft) -> Vec<(&'a Use, &'a WebServer)> {
    let mut found = Vec::new();
    for one in ask.uses {
        match server(ask, one) {
            Ok(server) => found.push((one, server)),
            Err(why) => draft.refuse(one, why),
        }
    }
    found
}

/// The file of Palisade's own that the server reads at its outermost level.
///
/// # Errors
/// What to add when it reads no folder.
pub(super) fn own_file(server: &WebServer) -> Result<String, String> {
    match server.drop_ins.value() {
        Some(folder) => Ok(format!("{folder}/{FILE}")),
        None if server.name == "nginx" => Err(format!(
            "{} includes no folder within `http`: add `include /etc/nginx/conf.d/*.conf;` there",
            server.main_file
        )),
        None => Err(format!(
            "{} includes no folder of settings: add `IncludeOptional conf.d/*.conf`",
            server.main_file
        )),
    }
}

/// A setting of one value.
pub(super) struct Wanted<'a> {
    /// Its name, as its program writes it.
    pub(super) name: &'a str,
    /// Its value.
    pub(super) value: &'a str,
    /// Whether a value that is there already is good.
    pub(super) good: &'a dyn Fn(&str) -> bool,
}

/// The changes after which a setting is good in every part of the server. nginx refuses a setting that stands twice at one
/// level, and what stands deeper wins over what stands outside: lines that are there are rewritten.
///
/// # Errors
/// Which line a person must change.
pub(super) fn set(server: &WebServer, wanted: &Wanted<'_>) -> Result<Vec<Change>, String> {
    let nginx = server.name == "nginx";
    let written = |value: &str| format!("{} {value}{}", wanted.name, if nginx { ";" } else { "" });
    let own = own_file(server);
    let mut changes = Vec::new();
    let mut outermost = false;
    for (index, setting) in server.settings.iter().enumerate() {
        if setting.name != wanted.name.to_lowercase() {
            continue;
        }
        let mine = own.as_ref().is_ok_and(|own| *own == setting.file);
        let outside = setting.block.is_empty();
        // Of Apache's settings the last one wins: those that are read before our file need no change.
        let loses = !nginx && outside && (index as u64) < server.drop_ins_end;
        outermost |= nginx && outside && !mine;
        if loses || mine || (wanted.good)(&setting.value) {
            continue;
        }
        changes.push(replace(setting, &written(wanted.value))?);
    }
    if !outermost {
        changes.push(Change::Edit {
            file: own?,
            mode: 0o644,
            edit: Edit::Set {
                syntax: Syntax::Spaced,
                section: None,
                key: wanted.name.to_owned(),
                value: format!("{}{}", wanted.value, if nginx { ";" } else { "" }),
            },
        });
    }
    Ok(changes)
}

/// Rewrites a setting's line; a comment behind it stays.
///
/// # Errors
/// When something else stands on the line.
pub(super) fn replace(setting: &WebSetting, new: &str) -> Result<Change, String> {
    let old = whole_line(setting)?;
    let comment =
        old.rfind(" #").and_then(|at| old.get(at..)).filter(|comment| !comment.contains(['"', '\'', ';']));
    Ok(Change::Edit {
        file: setting.file.clone(),
        mode: 0o644,
        edit: Edit::Replace { old: old.to_owned(), new: Some(format!("{new}{}", comment.unwrap_or_default())) },
    })
}

/// Puts text before a setting, on its line.
///
/// # Errors
/// When something else stands on the line.
pub(super) fn prepend(setting: &WebSetting, text: &str) -> Result<Change, String> {
    let old = whole_line(setting)?;
    Ok(Change::Edit {
        file: setting.file.clone(),
        mode: 0o644,
        edit: Edit::Replace { old: old.to_owned(), new: Some(format!("{text} {old}")) },
    })
}

fn whole_line(setting: &WebSetting) -> Result<&str, String> {
    setting.text.value().map(String::as_str).ok_or_else(|| {
        format!("{}: put `{}` on a line of its own, then harden again", setting.source, setting.name)
    })
}

/// Adds changes for a finding, or refuses it.
pub(super) fn settle(draft: &mut Draft, one: &Use, changes: Result<Vec<Change>, String>) {
    match changes {
        Ok(changes) => changes.into_iter().for_each(|change| draft.change(change)),
        Err(why) => draft.refuse(one, why),
    }
}
