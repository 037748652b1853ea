//! The server: what `sshd -T` says, or what the files say when sshd cannot be asked, and the lines behind it.

use std::collections::BTreeMap;
use std::time::Duration;

use host::{Door, Error, programs};
use model::Fact;
use model::facts::ssh::{AllowedName, ConfigFile, HostKey, MatchBlock, Scope, Server};

use crate::accounts::people::People;
use crate::fact::{IntoFact, reason};
use crate::ssh::config::{self, Block, Config};
use crate::ssh::effective::{self, Value, Values};
use crate::ssh::matching::{Connection, glob_or_equal};
use crate::ssh::options::{self, Kind, OPTIONS};
use crate::ssh::{glob, keys};

/// The main file, and where distributions that keep `/etc` empty put theirs.
const MAIN_FILES: [&str; 2] = ["/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config"];

/// sshd takes about 15 ms to print its settings; a slow machine ten times that.
const LIMIT: Duration = Duration::from_secs(2);

/// `Match` blocks that sshd itself is asked about; further ones are modelled.
const MAX_ASKED: usize = 6;

/// `Match` blocks in all.
const MAX_BLOCKS: usize = 64;

/// The facts of the server and the configuration that they were made of.
pub(crate) struct Read {
    pub(crate) facts: Server,
    pub(crate) config: Config,
}

/// Reads the server's settings.
pub(crate) fn read(door: &Door, people: &People) -> Read {
    let main = MAIN_FILES.into_iter().find(|path| door.exists(path)).unwrap_or(MAIN_FILES[0]);
    let config = config::read(door, main);
    let asked = ask(door, None);
    let mut values = effective::effective(&config, None, None);
    let mut facts = Server {
        version: version(door),
        config_files: config.files.iter().filter_map(|path| config_file(door, path)).collect(),
        includes: config.includes.clone(),
        ..Server::default()
    };
    let otherwise = match &asked {
        Asked::Printed(printed) => {
            correct(&mut values, printed);
            facts.method = "sshd -T".to_owned();
            facts.config_valid = Fact::read_at(true, "sshd -T");
            facts.config_error = Fact::Absent;
            "sshd -T (built in)"
        }
        Asked::Refused(why) => {
            facts.config_valid = Fact::read_at(false, "sshd -T");
            facts.config_error = Fact::read_at(why.clone(), "sshd -T");
            modelled(&mut facts)
        }
        Asked::NotPossible(why) => {
            facts.config_valid = Fact::unreadable(why.clone());
            facts.config_error = Fact::unreadable(why.clone());
            modelled(&mut facts)
        }
    };
    facts.options =
        values.iter().map(|(name, value)| (name.clone(), effective::fact(&config, value, otherwise))).collect();
    facts.scopes.push(Fact::known(scope("all connections".to_owned(), main, &config, &values, otherwise)));
    facts.scopes.extend(config.gaps.iter().map(|(_, why)| Fact::unreadable(why.clone())));
    let can_ask = matches!(asked, Asked::Printed(_));
    for index in judged_blocks(&config).take(MAX_BLOCKS) {
        if let Some((block, scope)) = match_block(door, &config, people, &values, index, can_ask, otherwise) {
            facts.matches.push(block);
            facts.scopes.push(Fact::known(scope));
        }
    }
    let list = |name: &str| facts.options.get(name).cloned().unwrap_or(Fact::Absent).map(|text| split(&text));
    facts.ciphers = list("ciphers");
    facts.macs = list("macs");
    facts.key_exchanges = list("kexalgorithms");
    facts.user_key_algorithms = list("pubkeyacceptedalgorithms");
    facts.host_key_algorithms = list("hostkeyalgorithms");
    facts.host_keys = host_keys(door, &values);
    facts.allowed_users = allowed(&values, "allowusers", |pattern| {
        people.users.iter().map(|user| user.name.clone()).filter(|user| glob_or_equal(pattern, user)).collect()
    });
    facts.allowed_groups = allowed(&values, "allowgroups", |pattern| {
        let fitting = people.groups.iter().filter(|group| glob_or_equal(pattern, &group.name));
        fitting.flat_map(|group| people.members_of(&group.name)).collect()
    });
    for group in &mut facts.allowed_groups {
        group.exists = people.groups.iter().any(|known| glob_or_equal(&group.name, &known.name));
    }
    Read { facts, config }
}

/// What came of asking sshd.
enum Asked {
    /// Its settings by keyword.
    Printed(BTreeMap<String, String>),
    /// It does not accept its configuration.
    Refused(String),
    /// It could not be asked, or could not answer for another reason.
    NotPossible(String),
}

fn modelled(facts: &mut Server) -> &'static str {
    facts.method = "modelled from files".to_owned();
    "built in"
}

fn ask(door: &Door, connection: Option<&Connection>) -> Asked {
    let argument = connection.map(Connection::test_argument);
    let args: Vec<&str> =
        std::iter::once("-T").chain(argument.iter().flat_map(|argument| ["-C", argument.as_str()])).collect();
    if !door.is_live() {
        return Asked::NotPossible("sshd can only be asked on a running host".to_owned());
    }
    match door.run(&programs::SSHD, &args, LIMIT) {
        Ok(output) if output.status == Some(0) => {
            Asked::Printed(parse_printed(&String::from_utf8_lossy(&output.stdout)))
        }
        Ok(output) => {
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            let complaint = stderr.lines().find(|line| {
                let line = line.to_ascii_lowercase();
                line.contains(" line ") || line.contains("bad configuration") || line.contains("line:")
            });
            match complaint {
                Some(line) => Asked::Refused(line.trim().to_owned()),
                None => {
                    let first = stderr.lines().next().unwrap_or("no message").trim();
                    let hint =
                        if door.is_root() { String::new() } else { format!("; {}", door.rights_wanted()) };
                    Asked::NotPossible(format!("sshd -T: {first}{hint}"))
                }
            }
        }
        Err(error) => Asked::NotPossible(reason(&error, door)),
    }
}

/// `keyword value` lines; values of repeated keywords are joined by a space.
pub(crate) fn parse_printed(text: &str) -> BTreeMap<String, String> {
    let mut printed: BTreeMap<String, String> = BTreeMap::new();
    for line in text.lines() {
        let (keyword, value) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if keyword.is_empty() {
            continue;
        }
        let value = if keyword == "permitrootlogin" && value == "without-password" {
            "prohibit-password"
        } else {
            value
        };
        printed
            .entry(keyword.to_ascii_lowercase())
            .and_modify(|known| {
                known.push(' ');
                known.push_str(value);
            })
            .or_insert_with(|| value.to_owned());
    }
    printed
}

/// Puts what sshd printed in place of what the files gave; the lines behind each value stay.
fn correct(values: &mut Values, printed: &BTreeMap<String, String>) {
    for (name, value) in values.iter_mut() {
        // sshd does not print every option it knows; Debian's DebianBanner is one.
        if let Some(text) = printed.get(name) {
            value.text = Some(text.clone());
        } else if value.winners.is_empty() {
            value.text = None;
        }
        value.doubt = None;
    }
    for (name, text) in printed {
        values.entry(name.clone()).or_insert_with(|| Value { text: Some(text.clone()), ..Value::default() });
    }
}

/// Blocks with conditions; `Match all` at the outermost level holds for everybody and is part of the globals.
fn judged_blocks(config: &Config) -> impl Iterator<Item = usize> + '_ {
    let holds_for_all = |block: &Block| block.criteria.iter().all(|criterion| criterion.is_met(None));
    config.blocks.iter().enumerate().filter_map(move |(index, block)| {
        let parents_hold =
            block.parents.iter().all(|parent| config.blocks.get(*parent).is_none_or(holds_for_all));
        let sets = config.settings.iter().any(|setting| setting.blocks.last() == Some(&index));
        (sets && !(holds_for_all(block) && parents_hold)).then_some(index)
    })
}

fn match_block(
    door: &Door,
    config: &Config,
    people: &People,
    global: &Values,
    index: usize,
    can_ask: bool,
    otherwise: &str,
) -> Option<(MatchBlock, Scope)> {
    let block = config.blocks.get(index)?;
    let around: Vec<&Block> = block.parents.iter().filter_map(|parent| config.blocks.get(*parent)).collect();
    let all: Vec<_> = around.iter().chain([&block]).flat_map(|block| &block.criteria).collect();
    let connection = Connection::meeting(&all, |fits| people.member_of_any(fits));
    let mut values = match &connection {
        Some(connection) => effective::effective(config, Some(connection), None),
        None => effective::effective(config, Some(&Connection::neutral()), Some(index)),
    };
    let mut method = "modelled from files".to_owned();
    if let Some(connection) = connection.filter(|_| can_ask && index < MAX_ASKED)
        && let Asked::Printed(printed) = ask(door, Some(&connection))
    {
        correct(&mut values, &printed);
        method = format!("sshd -T -C {}", connection.test_argument());
    } else if can_ask {
        // Without a better answer, built-in values are those that sshd printed for everybody.
        for (name, value) in values.iter_mut().filter(|(_, value)| value.winners.is_empty()) {
            value.text = global.get(name).and_then(|global| global.text.clone());
        }
    }
    let texts = around.iter().chain([&block]).map(|block| block.text.as_str());
    let criteria = texts.collect::<Vec<_>>().join(" and ");
    let changed = values.iter().filter_map(|(name, value)| {
        let before = global.get(name).and_then(|value| value.text.as_deref());
        (value.text.as_deref() != before).then(|| (name.clone(), value.text.clone().unwrap_or_default()))
    });
    let source = format!("{}:{}", block.file, block.line);
    let scope =
        Scope { is_global: false, ..scope(format!("Match {criteria}"), &source, config, &values, otherwise) };
    Some((MatchBlock { options: changed.collect(), criteria, method, source }, scope))
}

fn scope(name: String, source: &str, config: &Config, values: &Values, otherwise: &str) -> Scope {
    let options = values
        .iter()
        .filter(|(name, _)| OPTIONS.iter().any(|option| option.name == name.as_str() && option.in_match))
        .map(|(name, value)| (name.clone(), effective::fact(config, value, otherwise)));
    Scope { name, is_global: true, source: source.to_owned(), options: options.collect() }
}

/// `OpenSSH_9.2p1`, from what sshd prints when asked for its version. Releases before 9.2 name it in their complaint.
fn version(door: &Door) -> Fact<String> {
    if !door.is_live() {
        return Fact::unreadable("sshd's version can only be asked on a running host");
    }
    match door.run(&programs::SSHD, &["-V"], LIMIT) {
        Ok(output) => {
            let said = [output.stderr, output.stdout].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let word = said.split([' ', ',', '\n']).find(|word| word.starts_with("OpenSSH_"));
            word.map_or(Fact::Absent, |word| Fact::read_at(word.to_owned(), "sshd -V"))
        }
        Err(Error::NoProgram(_)) => Fact::Absent,
        error => error.map(|_| String::new()).into_fact(door),
    }
}

fn config_file(door: &Door, path: &str) -> Option<ConfigFile> {
    let stat = door.stat(path).ok()?;
    Some(ConfigFile {
        path: path.to_owned(),
        mode: format!("{:04o}", stat.mode),
        uid: stat.uid,
        gid: stat.gid,
        only_root_writes: stat.uid == 0 && stat.mode & 0o002 == 0 && (stat.gid == 0 || stat.mode & 0o020 == 0),
        source: path.to_owned(),
    })
}

fn split(list: &str) -> Vec<String> {
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn host_keys(door: &Door, values: &Values) -> Vec<HostKey> {
    let paths = values.get("hostkey").and_then(|value| value.text.clone()).unwrap_or_default();
    let mut found = Vec::new();
    for path in paths.split(' ').filter(|path| path.starts_with('/')).take(MAX_BLOCKS) {
        let Ok(stat) = door.stat(path) else { continue };
        let ssh_keys_may_read =
            stat.gid != 0 && stat.mode & 0o077 == 0o040 && group_is(door, stat.gid, "ssh_keys");
        let public = door.read_text(format!("{path}.pub")).into_fact(door);
        let public =
            public.and_then(|text| Fact::from_option(keys::parse_public(&text))).or_at(format!("{path}.pub"));
        found.push(HostKey {
            path: path.to_owned(),
            algorithm: public.clone().map(|key| key.algorithm),
            bits: public.clone().and_then(|key| Fact::from_option(key.bits)),
            fingerprint: public.map(|key| key.fingerprint),
            mode: format!("{:04o}", stat.mode),
            uid: stat.uid,
            only_root_reads: stat.uid == 0 && (stat.mode & 0o077 == 0 || ssh_keys_may_read),
            source: path.to_owned(),
        });
    }
    found
}

fn group_is(door: &Door, gid: u32, name: &str) -> bool {
    let groups = crate::accounts::passwd::read(door, "/etc/group").unwrap_or_default();
    crate::accounts::passwd::parse_group(&groups).iter().any(|group| group.gid == gid && group.name == name)
}

fn allowed(values: &Values, option: &str, users: impl Fn(&str) -> Vec<String>) -> Vec<AllowedName> {
    let list = values.get(option).and_then(|value| value.text.clone()).unwrap_or_default();
    debug_assert_eq!(options::find(option).kind, Kind::Many);
    list.split_ascii_whitespace()
        .take(1000)
        .map(|entry| {
            let name = entry.split_once('@').map_or(entry, |(name, _)| name);
            let mut users = users(name);
            users.sort();
            users.dedup();
            AllowedName { name: name.to_owned(), exists: !users.is_empty(), users }
        })
        .collect()
}

/// Whether a user fits a list of `AllowUsers` or `DenyUsers`; the host part counts as met.
pub(crate) fn user_is_listed(list: &str, user: &str) -> bool {
    list.split_ascii_whitespace().any(|entry| {
        let name = entry.split_once('@').map_or(entry, |(name, _)| name);
        !name.starts_with('!') && (name == user || glob::matches(name, user))
    })
}
