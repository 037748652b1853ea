//! What holds for a connection: the first value wins, `Match` blocks win over what stands outside of them.

use std::collections::BTreeMap;

use model::{Fact, Place, Source};

use crate::ssh::config::{Config, Setting};
use crate::ssh::matching::Connection;
use crate::ssh::options::{self, Kind, OPTIONS, Opt};

/// The value of one option and the lines behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Value {
    /// None when nobody sets it and it has no built-in value.
    pub(crate) text: Option<String>,
    /// The settings that made it, by index; empty for a built-in value.
    pub(crate) winners: Vec<usize>,
    /// The settings that came too late.
    pub(crate) losers: Vec<usize>,
    /// Why it may be otherwise: a file that could not be read comes before.
    pub(crate) doubt: Option<String>,
}

/// Effective values by option.
pub(crate) type Values = BTreeMap<String, Value>;

/// What holds for `connection`; without one, what sshd starts with.
/// `forced` is a block that counts as met although no connection was found that meets it.
pub(crate) fn effective(config: &Config, connection: Option<&Connection>, forced: Option<usize>) -> Values {
    let mut values = Values::new();
    let is_active = |setting: &Setting, connection: Option<&Connection>| {
        setting.blocks.iter().all(|block| {
            let is_forced = forced.is_some_and(|forced| {
                forced == *block
                    || config.blocks.get(forced).is_some_and(|forced| forced.parents.contains(block))
            });
            let block = config.blocks.get(*block);
            (is_forced && connection.is_some())
                || block.is_some_and(|block| block.criteria.iter().all(|c| c.is_met(connection)))
        })
    };
    // sshd reads twice: at start without a connection, then only the blocks that the connection meets.
    collect(config, &mut values, |setting| is_active(setting, None));
    if connection.is_some() {
        let mut changed = Values::new();
        collect(config, &mut changed, |setting| {
            !setting.blocks.is_empty()
                && options::find(&setting.directive.keyword).in_match
                && is_active(setting, connection)
        });
        for (name, mut value) in changed {
            if let Some(global) = values.remove(&name) {
                value.losers.extend(global.winners);
            }
            values.insert(name, value);
        }
    }
    finish(config, &mut values);
    values
}

/// The value as a fact with its winning line and the losing ones; `otherwise` names the place of built-in values.
pub(crate) fn fact(config: &Config, value: &Value, otherwise: &str) -> Fact<String> {
    if let Some(doubt) = &value.doubt {
        return Fact::unreadable(doubt.clone());
    }
    match &value.text {
        Some(text) => Fact::sourced(text.clone(), source(config, value, otherwise)),
        None => Fact::Absent,
    }
}

/// Where a value was set.
pub(crate) fn source(config: &Config, value: &Value, otherwise: &str) -> Source {
    let setting = |index: &usize| config.settings.get(*index);
    let Some(first) = value.winners.first().and_then(setting) else { return Source::at(otherwise) };
    let mut source = Source::line(&first.file, first.directive.line, &first.directive.text);
    source.overridden = value
        .losers
        .iter()
        .filter_map(setting)
        .map(|lost| Place {
            at: format!("{}:{}", lost.file, lost.directive.line),
            excerpt: lost.directive.text.clone(),
        })
        .collect();
    source
}

fn collect(config: &Config, values: &mut Values, is_active: impl Fn(&Setting) -> bool) {
    for (index, setting) in config.settings.iter().enumerate() {
        if !is_active(setting) || options::is_retired(&setting.directive.keyword) {
            continue;
        }
        let directive = &setting.directive;
        let option = options::find(&directive.keyword);
        let text = options::value(&option, &directive.args, &directive.rest);
        let value = values.entry(directive.keyword.clone()).or_default();
        match (&mut value.text, option.kind) {
            (None, _) => {
                value.text = Some(text);
                value.winners.push(index);
            }
            (Some(known), Kind::Many | Kind::Each | Kind::Listen) => {
                known.push(' ');
                known.push_str(&text);
                value.winners.push(index);
            }
            (Some(_), _) => value.losers.push(index),
        }
    }
}

/// Fills in what nobody set, joins addresses with ports, and marks what unread files may have set before.
fn finish(config: &Config, values: &mut Values) {
    for Opt { name, default, .. } in OPTIONS {
        let value = values.entry((*name).to_owned()).or_default();
        if value.text.is_none() {
            value.text = default.map(str::to_owned);
        }
    }
    let word = |values: &Values, name: &str| values.get(name).and_then(|value| value.text.clone());
    let ports = word(values, "port").unwrap_or_default();
    let family = word(values, "addressfamily").unwrap_or_default();
    if let Some(listen) = values.get_mut("listenaddress") {
        listen.text = Some(listen_addresses(listen.text.as_deref(), &ports, &family));
    }
    if let Some((gap, why)) = config.gaps.first() {
        for (name, value) in values {
            let many = matches!(options::find(name).kind, Kind::Many | Kind::Each | Kind::Listen);
            if many || value.winners.first().is_none_or(|winner| winner >= gap) {
                value.doubt = Some(why.clone());
            }
        }
    }
}

fn listen_addresses(given: Option<&str>, ports: &str, family: &str) -> String {
    let every: &[&str] = match family {
        "inet" => &["0.0.0.0"],
        "inet6" => &["::"],
        _ => &["::", "0.0.0.0"],
    };
    let addresses: Vec<&str> = given.map_or_else(|| every.to_vec(), |given| given.split(' ').collect());
    let mut joined = Vec::new();
    for address in addresses {
        let bracketed = address.starts_with('[');
        let has_port = match bracketed {
            true => address.contains("]:"),
            false => address.matches(':').count() == 1,
        };
        if has_port {
            joined.push(address.to_owned());
            continue;
        }
        let bare = address.trim_matches(['[', ']']);
        joined.extend(ports.split(' ').map(|port| match bare.contains(':') {
            true => format!("[{bare}]:{port}"),
            false => format!("{bare}:{port}"),
        }));
    }
    joined.join(" ")
}
