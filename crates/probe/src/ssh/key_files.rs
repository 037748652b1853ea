//! The files that hold keys: authorized_keys of every account, and private keys left in `.ssh`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use host::{Door, FileKind};
use model::facts::ssh::{AuthorizedKey, KeyFile, PrivateKey, Ssh};
use model::{Fact, Timestamp};

use crate::accounts::passwd::{Passwd, is_login_shell};
use crate::accounts::people::People;
use crate::fact::reason;
use crate::ssh::config::Config;
use crate::ssh::effective;
use crate::ssh::keys;

/// Entries kept of all accounts together.
const MAX_KEYS: usize = 5_000;

/// Accounts whose directories are looked into.
const MAX_USERS: usize = 5_000;

/// Files of one `.ssh` directory that are looked at.
const MAX_FILES: usize = 100;

/// Enough of a private key's file to tell whether a passphrase protects it, and nothing of the key.
const HEAD: u64 = 120;

/// Where keys are looked for when nobody says otherwise.
const DEFAULT_FILES: &str = ".ssh/authorized_keys .ssh/authorized_keys2";

/// Reads the keys of all accounts.
pub(crate) fn read(door: &Door, people: &People, config: Option<&Config>, ssh: &mut Ssh) {
    if let Some(why) = &people.users_problem {
        ssh.authorized_keys.push(Fact::unreadable(why.clone()));
        ssh.key_files.push(Fact::unreadable(why.clone()));
        ssh.all_keys_read = Fact::unreadable(why.clone());
        ssh.private_keys = Fact::unreadable(why.clone());
        return;
    }
    let mut private = Ok(Vec::new());
    let patterns = patterns(config);
    let mut seen_directories = BTreeSet::new();
    for user in people.users.iter().take(MAX_USERS) {
        let mut seen = BTreeSet::new();
        for pattern in &patterns {
            if let Some(path) = path_of(pattern, user).filter(|path| seen.insert(path.clone())) {
                key_file(door, user, &path, ssh);
            }
        }
        // System accounts often share `/` or `/nonexistent`; one look is enough.
        if seen_directories.insert(user.home.clone()) {
            private_keys(door, user, &mut private);
        }
    }
    mark_shared(&mut ssh.authorized_keys);
    ssh.private_keys =
        private.map_or_else(Fact::unreadable, |keys| Fact::read_at(keys, "~/.ssh of all accounts"));
    let unread = ssh.authorized_keys.iter().find_map(|key| match key {
        Fact::Unreadable(why) => Some(why.clone()),
        Fact::Known(..) | Fact::Absent => None,
    });
    ssh.all_keys_read = unread.map_or_else(|| Fact::read_at(true, "~/.ssh of all accounts"), Fact::Unreadable);
}

/// Every pattern that `AuthorizedKeysFile` may hold for somebody: globally or in a `Match` block.
fn patterns(config: Option<&Config>) -> Vec<String> {
    let Some(config) = config else { return DEFAULT_FILES.split(' ').map(str::to_owned).collect() };
    let global = effective::effective(config, None, None);
    let text = global.get("authorizedkeysfile").and_then(|value| value.text.clone());
    let mut patterns: Vec<String> =
        text.unwrap_or_else(|| DEFAULT_FILES.to_owned()).split(' ').map(str::to_owned).collect();
    for setting in &config.settings {
        if setting.directive.keyword == "authorizedkeysfile" && !setting.blocks.is_empty() {
            patterns.extend(setting.directive.args.iter().cloned());
        }
    }
    patterns.sort();
    patterns.dedup();
    patterns.retain(|pattern| pattern != "none" && !pattern.is_empty());
    patterns
}

/// The file for a user: `%h`, `%u`, `%U`, `%%`, relative to the home directory.
fn path_of(pattern: &str, user: &Passwd) -> Option<String> {
    let mut path = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '%' => match chars.next()? {
                'h' => path.push_str(&user.home),
                'u' => path.push_str(&user.name),
                'U' => path.push_str(&user.uid.to_string()),
                '%' => path.push('%'),
                _ => return None,
            },
            c => path.push(c),
        }
    }
    let path = if path.starts_with('/') { path } else { format!("{}/{path}", user.home.trim_end_matches('/')) };
    path.starts_with('/').then_some(path)
}

fn key_file(door: &Door, user: &Passwd, path: &str, ssh: &mut Ssh) {
    let stat = match door.stat(path) {
        Ok(stat) => stat,
        Err(error) if error.is_not_found() => return,
        Err(error) => {
            let why = reason(&error, door);
            ssh.key_files.push(Fact::unreadable(why.clone()));
            ssh.authorized_keys.push(Fact::unreadable(why));
            return;
        }
    };
    let changed_at = changed_at(stat.modified);
    let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
    let directory_stat = door.stat(directory);
    let ours = |uid: u32| uid == user.uid || uid == 0;
    let directory_open = directory_stat.as_ref().is_ok_and(|stat| stat.mode & 0o022 != 0 || !ours(stat.uid));
    let mut file = KeyFile {
        path: path.to_owned(),
        user: user.name.clone(),
        mode: format!("{:04o}", stat.mode),
        uid: stat.uid,
        owner_fits: ours(stat.uid),
        others_write: stat.mode & 0o022 != 0 || !ours(stat.uid) || directory_open,
        others_read: stat.mode & 0o044 != 0,
        directory_uid: directory_stat.as_ref().map_or(Fact::Absent, |stat| Fact::known(stat.uid)),
        directory_mode: directory_stat.map_or_else(|_| String::new(), |stat| format!("{:04o}", stat.mode)),
        changed_at: changed_at.clone(),
        entries: Fact::known(0),
    };
    let text = match door.read_text(path) {
        Ok(text) => text,
        Err(error) => {
            let why = reason(&error, door);
            file.entries = Fact::unreadable(why.clone());
            ssh.key_files.push(Fact::known(file));
            ssh.authorized_keys.push(Fact::unreadable(why));
            return;
        }
    };
    let mut entries = 0;
    for entry in keys::parse(&text) {
        entries += 1;
        if ssh.authorized_keys.len() == MAX_KEYS {
            let why = format!("more than {MAX_KEYS} entries in all authorized_keys files");
            ssh.authorized_keys.push(Fact::unreadable(why));
        }
        if ssh.authorized_keys.len() < MAX_KEYS {
            ssh.authorized_keys.push(Fact::known(authorized_key(user, path, &changed_at, entry)));
        }
    }
    file.entries = Fact::known(entries);
    ssh.key_files.push(Fact::known(file));
}

fn authorized_key(user: &Passwd, path: &str, changed_at: &Fact<String>, entry: keys::Entry) -> AuthorizedKey {
    let subject = match &entry.key {
        Some(key) => key.fingerprint.clone(),
        None => format!("line {}", entry.line),
    };
    let from = entry.options.iter().find(|(name, _)| name == "from").and_then(|(_, value)| value.clone());
    let algorithm = entry.key.as_ref().map(|key| key.algorithm.clone());
    AuthorizedKey {
        name: format!("{} {subject}", user.name),
        user: user.name.clone(),
        uid: user.uid,
        file: path.to_owned(),
        source: format!("{path}:{}", entry.line),
        parsable: entry.key.is_some(),
        problem: Fact::from_option(entry.problem.map(str::to_owned)),
        is_hardware_backed: algorithm.as_ref().is_some_and(|name| name.starts_with("sk-")),
        algorithm: Fact::from_option(algorithm),
        bits: Fact::from_option(entry.key.as_ref().and_then(|key| key.bits)),
        fingerprint: Fact::from_option(entry.key.map(|key| key.fingerprint)),
        comment: entry.comment.chars().take(200).collect(),
        is_certificate_authority: entry.options.iter().any(|(name, _)| name == "cert-authority"),
        from: from.map(|list| list.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        options: entry.options.into_iter().map(|(name, _)| name).take(50).collect(),
        changed_at: changed_at.clone(),
        shared_with: Vec::new(),
    }
}

/// Tells each entry which other accounts its key opens.
fn mark_shared(keys: &mut [Fact<AuthorizedKey>]) {
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for key in keys.iter().filter_map(Fact::value) {
        if let Some(fingerprint) = key.fingerprint.value() {
            users.entry(fingerprint.clone()).or_default().insert(key.user.clone());
        }
    }
    for key in keys {
        let Fact::Known(key, _) = key else { continue };
        let of = key.fingerprint.value().and_then(|fingerprint| users.get(fingerprint));
        key.shared_with = of.into_iter().flatten().filter(|user| **user != key.user).cloned().collect();
    }
}

/// Private keys in `~/.ssh`, told by how their files begin.
fn private_keys(door: &Door, user: &Passwd, keys: &mut Result<Vec<PrivateKey>, String>) {
    if !user.home.starts_with('/') || user.home == "/" || (user.uid != 0 && !is_login_shell(&user.shell)) {
        return;
    }
    let directory = format!("{}/.ssh", user.home.trim_end_matches('/'));
    let entries = match door.read_dir(&directory) {
        Ok(entries) => entries,
        Err(error) if error.is_not_found() => return,
        Err(error) => {
            *keys = Err(reason(&error, door));
            return;
        }
    };
    let is_candidate = |name: &str| {
        let known = ["authorized_keys", "known_hosts", "config", "environment", "rc"];
        !name.ends_with(".pub") && !known.iter().any(|known| name.starts_with(known))
    };
    let files = entries.into_iter().filter(|entry| entry.kind == FileKind::File && is_candidate(&entry.name));
    for entry in files.take(MAX_FILES) {
        let path = format!("{directory}/{}", entry.name);
        let head = match door.open(&path) {
            Ok(file) => {
                let mut head = Vec::new();
                // A file that cannot be read to its head is looked at as far as it could.
                let _read = file.take(HEAD).read_to_end(&mut head);
                String::from_utf8_lossy(&head).into_owned()
            }
            Err(error) => {
                *keys = Err(reason(&error, door));
                return;
            }
        };
        if let (Ok(keys), Some(encrypted)) = (&mut *keys, keys::private_key_encryption(&head)) {
            let mode = door.stat(&path).map_or_else(|_| String::new(), |stat| format!("{:04o}", stat.mode));
            let encrypted = Fact::from_option(encrypted);
            keys.push(PrivateKey { path, user: user.name.clone(), mode, encrypted });
        }
    }
}

/// A file's time of change as RFC 3339.
fn changed_at(seconds: i64) -> Fact<String> {
    Fact::from_option(Timestamp::from_second(seconds).ok().map(|time| time.to_string()))
}
