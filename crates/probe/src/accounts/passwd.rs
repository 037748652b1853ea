//! `/etc/passwd`, `/etc/group` and `/etc/shadow`.

use host::{Door, Error};

/// Lines of any of these files that are kept.
pub(crate) const MAX_LINES: usize = 10_000;

/// The most bytes of one of these files: 10,000 accounts with long names.
const FILE_LIMIT: usize = 4 << 20;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passwd {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// What the second field holds when it does not send to `/etc/shadow` with an `x`.
    pub(crate) own_password: Option<Password>,
    pub(crate) home: String,
    pub(crate) shell: String,
    /// 1-based.
    pub(crate) line: usize,
}

/// A line of `/etc/group`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupLine {
    pub(crate) name: String,
    pub(crate) gid: u32,
    pub(crate) members: Vec<String>,
    /// 1-based.
    pub(crate) line: usize,
}

/// A line of `/etc/shadow`. It holds the hash's scheme, never the hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shadow {
    pub(crate) name: String,
    pub(crate) password: Password,
    /// Days since 1970.
    pub(crate) changed: Option<i64>,
    pub(crate) min_days: Option<i64>,
    pub(crate) max_days: Option<i64>,
    pub(crate) warn_days: Option<i64>,
    pub(crate) inactive_days: Option<i64>,
    /// Days since 1970.
    pub(crate) expires: Option<i64>,
}

/// What stands in a password field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Password {
    /// `set`, `empty`, `locked` or `none`.
    pub(crate) state: &'static str,
    /// The scheme when there is a hash.
    pub(crate) scheme: Option<&'static str>,
}

/// Reads one of these files, which may be larger than ordinary configuration.
pub(crate) fn read(door: &Door, path: &str) -> Result<String, Error> {
    door.read_up_to(path, FILE_LIMIT).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Parses `/etc/passwd`.
pub(crate) fn parse_passwd(text: &str) -> Vec<Passwd> {
    records(text, |line, fields| {
        let [name, password, uid, gid, _, home, shell] = fields else { return None };
        Some(Passwd {
            name: name_of(name)?,
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            own_password: (*password != "x").then(|| classify(password)),
            home: (*home).to_owned(),
            shell: shell.trim().to_owned(),
            line,
        })
    })
}

/// Parses `/etc/group`.
pub(crate) fn parse_group(text: &str) -> Vec<GroupLine> {
    records(text, |line, fields| {
        let [name, _, gid, members] = fields else { return None };
        let members = members.trim().split(',').filter(|member| !member.is_empty()).map(str::to_owned);
        Some(GroupLine { name: name_of(name)?, gid: gid.parse().ok()?, members: members.collect(), line })
    })
}

/// Parses `/etc/shadow`.
pub(crate) fn parse_shadow(text: &str) -> Vec<Shadow> {
    records(text, |_, fields| {
        let [name, password, changed, min, max, warn, inactive, expires, ..] = fields else { return None };
        let days = |field: &str| field.trim().parse::<i64>().ok().filter(|days| *days >= 0);
        Some(Shadow {
            name: name_of(name)?,
            password: classify(password),
            changed: days(changed),
            min_days: days(min),
            max_days: days(max),
            warn_days: days(warn),
            inactive_days: days(inactive),
            expires: days(expires),
        })
    })
}

/// What a password field says, without its secret.
pub(crate) fn classify(field: &str) -> Password {
    let unlocked = field.trim_start_matches('!');
    let is_locked = unlocked.len() < field.len();
    match (is_locked, unlocked) {
        (false, "") => Password { state: "empty", scheme: None },
        (true, "" | "*" | "!") | (_, "*") => Password { state: "none", scheme: None },
        (is_locked, hash) => match scheme(hash) {
            Some(scheme) => Password { state: if is_locked { "locked" } else { "set" }, scheme: Some(scheme) },
            // Neither a hash nor empty (`NP`, `x`, `*LK*`): nothing can match it.
            None => Password { state: "none", scheme: None },
        },
    }
}

/// `crypt(5)`'s schemes by their prefix.
fn scheme(hash: &str) -> Option<&'static str> {
    Some(match hash.split('$').nth(1) {
        Some("y") => "yescrypt",
        Some("gy") => "gost-yescrypt",
        Some("7") => "scrypt",
        Some("6") => "sha512",
        Some("5") => "sha256",
        Some("2a" | "2b" | "2x" | "2y") => "bcrypt",
        Some("1") => "md5",
        Some("sha1") => "sha1",
        Some("3") => "nt",
        Some(name) if name.starts_with("md5") => "sunmd5",
        Some(_) if hash.starts_with('$') => "unknown",
        Some(_) => return None,
        None if hash.starts_with('_') && hash.len() == 20 => "bsdi-des",
        None => {
            let is_des =
                hash.len() >= 13 && hash.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '/'));
            return is_des.then_some("des");
        }
    })
}

fn name_of(field: &str) -> Option<String> {
    // `+name` and `-name` are NIS's; they are no accounts of this host.
    (!field.is_empty() && !field.starts_with(['+', '-', '#'])).then(|| field.to_owned())
}

fn records<T>(text: &str, make: impl Fn(usize, &[&str]) -> Option<T>) -> Vec<T> {
    text.lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let fields: Vec<&str> = line.split(':').collect();
            make(index + 1, &fields)
        })
        .take(MAX_LINES)
        .collect()
}

/// Whether a shell starts a session.
pub(crate) fn is_login_shell(shell: &str) -> bool {
    let name = shell.rsplit('/').next().unwrap_or_default();
    !matches!(name, "nologin" | "false" | "true" | "sync" | "shutdown" | "halt" | "git-shell")
}
