//! What the fixes of sshd's configuration share: which file wins, which lines of `Match` blocks stand against it,
//! which options a release knows, and what must not be taken from whom.

use std::collections::{BTreeMap, BTreeSet};

use model::facts::ssh::{Scope, Server};
use serde::Deserialize;

use super::sshd_algorithms::{self, Algorithms};
use crate::change::{Change, Edit, Syntax};
use crate::fix::{Ask, Draft, Use};
use crate::ways_in::{After, closed, fits};

/// sshd takes the first value it reads; files are read in the order of their names.
const FILE: &str = "/etc/ssh/sshd_config.d/00-palisade.conf";
const MAIN: &str = "/etc/ssh/sshd_config";
const FOLDER: &str = "/etc/ssh/sshd_config.d/";

/// A release: `OpenSSH_9.2p1` is (9, 2).
pub(super) type Release = (u32, u32);

/// `Include` is known since.
const INCLUDE_SINCE: Release = (8, 2);

/// What an option gets.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Value {
    /// As it is written.
    Text(String),
    /// A number, such as that of a parameter.
    Number(i64),
    /// A list of algorithms, as the server offers them.
    Algorithms(Algorithms),
}

/// Options for the server, collected from many findings.
pub(super) struct Settings<'a> {
    ask: &'a Ask<'a>,
    server: &'a Server,
    release: Option<Release>,
    wanted: Wanted,
}

#[derive(Clone, Default)]
struct Wanted {
    /// By name in lower case: the name as it is written, and the value.
    options: BTreeMap<String, (String, String)>,
    /// What was asked for of lists of algorithms.
    algorithms: BTreeMap<String, Algorithms>,
    /// Lines of `Match` blocks that go: file and text.
    lines: BTreeSet<(String, String)>,
    after: After,
}

impl<'a> Settings<'a> {
    /// Nothing wanted yet; none when the configuration cannot be mended, which every finding is told.
    pub(super) fn or_refuse(ask: &'a Ask<'a>, draft: &mut Draft) -> Option<Self> {
        Self::new(ask).map_err(|why| ask.uses.iter().for_each(|one| draft.refuse(one, why.clone()))).ok()
    }

    /// Nothing wanted yet.
    ///
    /// # Errors
    /// Why the configuration cannot be mended.
    pub(super) fn new(ask: &'a Ask<'a>) -> Result<Self, String> {
        let server = ask.facts.ssh.value().and_then(|ssh| ssh.server.value());
        let server = server.ok_or("there is no SSH server here")?;
        if let (Some(false), why) = (server.config_valid.value(), server.config_error.value()) {
            let why = why.map_or("", String::as_str);
            return Err(format!("sshd refuses its configuration as it stands ({why}): mend that first"));
        }
        if !server.config_files.iter().any(|file| file.path == MAIN) {
            return Err(format!("there is no {MAIN}: copy your system's default there first"));
        }
        let release = server.version.value().and_then(|version| parse_release(version));
        Ok(Self { ask, server, release, wanted: Wanted::default() })
    }

    /// Wants options for a finding, all or none.
    ///
    /// # Errors
    /// Why the finding cannot be mended so.
    pub(super) fn add(&mut self, one: &Use, options: BTreeMap<String, Value>) -> Result<(), String> {
        let mut wanted = self.wanted.clone();
        let scopes: Vec<(usize, &Scope)> = self.scopes().filter(|(_, s)| s.name == one.subject).collect();
        if scopes.is_empty() {
            self.check_endpoint(&one.subject)?;
            let user = self.ask.facts.ssh.value().and_then(|ssh| ssh.login_users.value());
            let everywhere = user.is_some_and(|users| users.iter().any(|user| user.name == one.subject));
            let mut changes = false;
            for (key, value) in &options {
                changes |= self.want(&mut wanted, key, value)?;
                if everywhere && let Some(value) = value.text() {
                    for (index, scope) in self.scopes() {
                        let now = scope.options.get(&key.to_lowercase()).and_then(|now| now.value());
                        if now.is_some_and(|now| *now != value) {
                            changes |= self.lift(&mut wanted, index, key);
                        }
                    }
                }
            }
            if !changes {
                return Err("what the fix sets is set already; look at what else the rule shows".to_owned());
            }
        } else {
            let mut changes = false;
            for (index, _) in &scopes {
                for (key, value) in &options {
                    changes |= self.lift(&mut wanted, *index, key);
                    // What keeps somebody out must be known, also when a block's line goes.
                    if let (None, Some(value)) = (wanted.after.options.get(&key.to_lowercase()), value.text()) {
                        wanted.after.options.insert(key.to_lowercase(), value);
                    }
                }
            }
            let is_mended_for_all =
                self.ask.uses.iter().any(|other| other.rule == one.rule && other.subject != one.subject);
            if !changes && !is_mended_for_all {
                return Err(
                    "no line of the Match block that the fix knows makes it fail: change the block by hand"
                        .to_owned(),
                );
            }
        }
        self.check_methods(&wanted)?;
        let site = self.ask.site;
        if let Some(why) = closed(self.ask.facts, &site.operator, &wanted.after) {
            return Err(why);
        }
        self.wanted = wanted;
        Ok(())
    }

    /// Wants options that no `Match` block can take back, whatever the finding's subject.
    ///
    /// # Errors
    /// As [`Settings::add`].
    pub(super) fn add_for_all(&mut self, one: &Use, options: BTreeMap<String, Value>) -> Result<(), String> {
        let for_all = Use { subject: String::new(), ..one.clone() };
        self.add(&for_all, options)
    }

    /// The changes for everything wanted.
    pub(super) fn finish(self, draft: &mut Draft) {
        let mut include = false;
        let old = self.release.is_some_and(|release| release < INCLUDE_SINCE);
        for (name, (key, value)) in &self.wanted.options {
            let (file, edit) = if old {
                (MAIN, Edit::First(format!("{key} {value}")))
            } else {
                include |= !self.is_read_first(name);
                let (key, value) = (key.clone(), value.clone());
                (FILE, Edit::Set { syntax: Syntax::Spaced, section: None, key, value })
            };
            draft.change(Change::Edit { file: file.to_owned(), mode: 0o600, edit });
        }
        if include {
            let edit = Edit::First(format!("Include {FILE}"));
            draft.change(Change::Edit { file: MAIN.to_owned(), mode: 0o600, edit });
        }
        for (file, old) in self.wanted.lines {
            let edit = Edit::Replace { new: Some(format!("#{old}")), old };
            draft.change(Change::Edit { file, mode: 0o600, edit });
        }
    }

    /// Wants a value for everybody; whether it differs from what holds.
    fn want(&self, wanted: &mut Wanted, key: &str, value: &Value) -> Result<bool, String> {
        let lower = key.to_lowercase();
        self.knows(&lower)?;
        let text = match value {
            Value::Text(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Algorithms(algorithms) => {
                let merged = wanted.algorithms.entry(lower.clone()).or_default();
                merged.join(algorithms);
                let by_hand = self.place(&lower).is_some();
                sshd_algorithms::setting(self.ask.facts, self.server, &lower, merged, self.release, by_hand)?
            }
        };
        let same = self.global(&lower).is_some_and(|now| now.eq_ignore_ascii_case(&text));
        let text = match wanted.options.get(&lower) {
            Some((_, other)) if *other != text && matches!(value, Value::Text(_) | Value::Number(_)) => {
                stricter(&lower, other, &text)
                    .ok_or_else(|| format!("other findings of this plan want `{key} {other}`"))?
            }
            _ => text,
        };
        for name in self.names(key) {
            wanted.options.insert(name.to_lowercase(), (name.clone(), text.clone()));
        }
        wanted.after.options.insert(lower, text);
        Ok(!same)
    }

    /// The names under which this release takes an option.
    fn names(&self, key: &str) -> Vec<String> {
        let before = |release: Release| self.release.is_some_and(|own| own < release);
        match key.to_lowercase().as_str() {
            "pubkeyacceptedalgorithms" if before((8, 5)) => vec!["PubkeyAcceptedKeyTypes".to_owned()],
            // Two options that do the same, until they were made one.
            "kbdinteractiveauthentication" if before((8, 7)) => {
                vec![key.to_owned(), "ChallengeResponseAuthentication".to_owned()]
            }
            _ => vec![key.to_owned()],
        }
    }

    /// Whether this sshd takes an option at all; one that it does not know keeps it from starting.
    fn knows(&self, option: &str) -> Result<(), String> {
        let needs = match option {
            "requiredrsasize" => Some((9, 1)),
            "disableforwarding" => Some((7, 4)),
            _ => None,
        };
        if let Some((major, minor)) = needs {
            match self.release {
                Some(release) if release >= (major, minor) => {}
                Some(_) => return Err(format!("it takes OpenSSH {major}.{minor}: update it")),
                None => {
                    return Err(format!(
                        "it takes OpenSSH {major}.{minor}, and which one this is can only be asked on a running host"
                    ));
                }
            }
        }
        if option == "debianbanner" {
            let id = self.ask.facts.os.value().and_then(|os| os.id.value()).map_or("", String::as_str);
            if !["debian", "ubuntu", "raspbian", "linuxmint", "pop"].contains(&id) {
                return Err("only Debian's sshd and those made from it know DebianBanner".to_owned());
            }
        }
        Ok(())
    }

    /// Takes out the lines of a `Match` block that set an option; whether there are some.
    fn lift(&self, wanted: &mut Wanted, scope: usize, key: &str) -> bool {
        let lower = key.to_lowercase();
        let global = self.ask.sources.get(&format!("ssh.server.options.{lower}"));
        let stands_for_all = |at: &str| {
            global.is_some_and(|source| source.at == at || source.overridden.iter().any(|lost| lost.at == at))
        };
        let Some(source) = self.ask.sources.get(&format!("ssh.server.scopes[{scope}].options.{lower}")) else {
            return false;
        };
        let winner = source.excerpt.as_deref().map(|text| (source.at.as_str(), text));
        let losers = source.overridden.iter().map(|lost| (lost.at.as_str(), lost.excerpt.as_str()));
        let mut found = false;
        for (at, text) in winner.into_iter().chain(losers) {
            if let Some((file, _)) = at.rsplit_once(':')
                && file.starts_with('/')
                && !stands_for_all(at)
            {
                wanted.lines.insert((file.to_owned(), text.to_owned()));
                found = true;
            }
        }
        found
    }

    /// Scopes of `Match` blocks.
    fn scopes(&self) -> impl Iterator<Item = (usize, &'a Scope)> + use<'a> {
        let scopes = self.server.scopes.iter().filter_map(|scope| scope.value()).enumerate();
        scopes.filter(|(_, scope)| !scope.is_global)
    }

    fn global(&self, option: &str) -> Option<&'a str> {
        self.server.options.get(option)?.value().map(String::as_str)
    }

    /// Where an option is set for everybody; none when it is built in.
    fn place(&self, option: &str) -> Option<(&'a str, usize)> {
        let (file, line, _) = self.ask.line_of(&format!("ssh.server.options.{option}"))?;
        file.starts_with('/').then_some((file, line))
    }

    /// Whether our file is read before the line that sets the option now.
    fn is_read_first(&self, option: &str) -> bool {
        let include = self.server.includes.iter().find(|one| !one.in_match && fits(&one.pattern, FILE));
        let Some((include, number)) = include.and_then(|one| {
            let (file, line) = one.source.rsplit_once(':')?;
            Some((file, line.parse::<usize>().ok()?))
        }) else {
            return false;
        };
        match self.place(option) {
            None => true,
            Some((FILE, _)) => true,
            Some((file, line)) if file == include => line > number,
            Some((file, _)) => include == MAIN && file.starts_with(FOLDER) && file > FILE,
        }
    }

    /// A finding on what a socket speaks must be this server's.
    fn check_endpoint(&self, subject: &str) -> Result<(), String> {
        let endpoints = self.ask.facts.endpoints.value();
        let endpoint = endpoints.and_then(|all| all.ssh.iter().find(|one| one.name == *subject));
        let Some(endpoint) = endpoint else { return Ok(()) };
        let process = endpoint.place.process.value().map_or("", String::as_str);
        let ours = matches!(process, "sshd" | "systemd" | "init") && endpoint.place.container.value().is_none();
        if ours && endpoint.software.value().is_some_and(|software| software.starts_with("OpenSSH")) {
            return Ok(());
        }
        let who = if process.is_empty() { "something" } else { process };
        Err(format!("{who} speaks SSH there, not this host's sshd: change its own settings"))
    }

    /// What `AuthenticationMethods` demands must stay on.
    fn check_methods(&self, wanted: &Wanted) -> Result<(), String> {
        let scopes = self.server.scopes.iter().filter_map(|scope| scope.value());
        let methods = scopes.filter_map(|scope| scope.options.get("authenticationmethods")?.value());
        let demanded: Vec<&String> = methods.filter(|methods| *methods != "any").collect();
        for (option, method) in
            [("passwordauthentication", "password"), ("kbdinteractiveauthentication", "keyboard-interactive")]
        {
            let off = wanted.after.options.get(option).is_some_and(|value| value == "no");
            let needs =
                |list: &&&String| list.split([' ', ',']).any(|name| name.split(':').next() == Some(method));
            if off && let Some(list) = demanded.iter().find(needs) {
                return Err(format!("AuthenticationMethods demands {method} (`{list}`): change that first"));
            }
        }
        Ok(())
    }
}

impl Value {
    /// The value, when it is not made of what the server offers.
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Algorithms(_) => None,
        }
    }
}

/// The stricter one of two values of an option, where that can be told.
fn stricter(option: &str, one: &str, other: &str) -> Option<String> {
    if option == "permitrootlogin" {
        return ["no", "prohibit-password"].into_iter().find(|v| [one, other].contains(v)).map(str::to_owned);
    }
    let (a, b): (i64, i64) = (one.parse().ok()?, other.parse().ok()?);
    Some(if option == "requiredrsasize" { a.max(b) } else { a.min(b) }.to_string())
}

/// `OpenSSH_9.2p1` as numbers.
pub(super) fn parse_release(version: &str) -> Option<Release> {
    let numbers = version.strip_prefix("OpenSSH_").unwrap_or(version);
    let (major, rest) = numbers.split_once('.')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Some((major.parse().ok()?, rest.get(..end)?.parse().ok()?))
}

#[cfg(test)]
mod tests;
