//! What a session gets: the idle limit of its shell and its umask.

use host::Door;
use model::facts::accounts::Session;
use model::{Fact, Place, Source};

use crate::accounts::pam;
use crate::accounts::values::{Values, text_of};
use crate::fact::reason;
use crate::text;

/// Scripts of `/etc/profile.d` that are read.
const MAX_SCRIPTS: usize = 200;

/// One assignment or command in a start-up script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// `TMOUT=600`.
    IdleLimit(i64),
    /// `readonly TMOUT`, with or without a value.
    Fixed,
    /// `umask 027`.
    Umask(u32),
}

/// Reads what a login shell of bash or sh would set for everybody.
pub(crate) fn read(door: &Door, login_defs: &Fact<Values>) -> Session {
    match scripts(door) {
        Ok(acts) => {
            let mut session =
                Session { idle_secs: Fact::Absent, idle_fixed: Fact::Absent, ..Session::default() };
            idle(&acts, &mut session);
            umask(door, &acts, login_defs, &mut session);
            session
        }
        Err(why) => Session {
            idle_secs: Fact::unreadable(why.clone()),
            idle_fixed: Fact::unreadable(why.clone()),
            umask: Fact::unreadable(why.clone()),
            umask_hides_from_others: Fact::unreadable(why),
        },
    }
}

/// The acts of all start-up scripts with their places, in the order in which a login shell runs them.
fn scripts(door: &Door) -> Result<Vec<(Act, Source)>, String> {
    let mut paths = vec!["/etc/profile".to_owned()];
    let drop_ins = text::files_in(door, "/etc/profile.d", ".sh").map_err(|error| reason(&error, door))?;
    paths.extend(drop_ins.into_iter().take(MAX_SCRIPTS).map(|name| format!("/etc/profile.d/{name}")));
    paths.extend(["/etc/bash.bashrc".to_owned(), "/etc/bashrc".to_owned()]);
    let mut acts = Vec::new();
    for path in paths {
        let text = match door.read_text(&path) {
            Ok(text) => text,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(reason(&error, door)),
        };
        for line in text::meaningful_lines(&text) {
            let found = acts_of(&line.text);
            acts.extend(found.into_iter().map(|act| (act, Source::line(&path, line.number, &line.text))));
        }
    }
    Ok(acts)
}

/// What one line of a script does to the idle limit and the umask.
pub(crate) fn acts_of(line: &str) -> Vec<Act> {
    let mut acts = Vec::new();
    for command in line.split([';', '&', '|', '{', '}']) {
        let mut words = command.split_ascii_whitespace().peekable();
        while words.peek().is_some_and(|word| matches!(*word, "then" | "else" | "do" | "(")) {
            words.next();
        }
        let words: Vec<&str> = words.take_while(|word| !word.starts_with('#')).collect();
        let Some(first) = words.first() else { continue };
        if *first == "umask" {
            let mask = words.iter().skip(1).find(|word| !word.starts_with('-'));
            acts.extend(mask.and_then(|mask| u32::from_str_radix(mask, 8).ok()).map(Act::Umask));
            continue;
        }
        let is_assigning = |word: &&&str| word.starts_with("TMOUT=");
        if !matches!(*first, "readonly" | "declare" | "typeset" | "export") && !is_assigning(&first) {
            continue;
        }
        for word in words.iter().filter(is_assigning) {
            let value = word.trim_start_matches("TMOUT=").trim_matches(['"', '\'']);
            acts.extend(value.parse().ok().map(Act::IdleLimit));
        }
        let names_it = words.iter().any(|word| *word == "TMOUT" || word.starts_with("TMOUT="));
        let has_r = words.iter().any(|word| word.starts_with('-') && word.contains('r'));
        if names_it && (*first == "readonly" || (matches!(*first, "declare" | "typeset") && has_r)) {
            acts.push(Act::Fixed);
        }
    }
    acts
}

fn idle(acts: &[(Act, Source)], session: &mut Session) {
    for (act, source) in acts {
        match act {
            Act::IdleLimit(secs) => {
                session.idle_secs = if *secs > 0 { Fact::sourced(*secs, source.clone()) } else { Fact::Absent };
                session.idle_fixed = Fact::sourced(false, source.clone());
            }
            // From here on nobody can change it.
            Act::Fixed if session.idle_secs.value().is_some() => {
                session.idle_fixed = Fact::sourced(true, source.clone());
                return;
            }
            Act::Fixed | Act::Umask(_) => {}
        }
    }
}

fn umask(door: &Door, acts: &[(Act, Source)], login_defs: &Fact<Values>, session: &mut Session) {
    let mut masks: Vec<(u32, Source)> = acts
        .iter()
        .filter_map(|(act, source)| match act {
            Act::Umask(mask) => Some((*mask, source.clone())),
            Act::IdleLimit(_) | Act::Fixed => None,
        })
        .collect();
    let service = if pam::has_service(door, "login") { "login" } else { "common-session" };
    match pam::stack(door, service, "session") {
        Ok(modules) => {
            let module = modules.iter().find(|module| module.name == "pam_umask");
            if let Some(mask) = module.and_then(|module| module.arg("umask")).and_then(octal) {
                masks.extend(module.map(|module| (mask, module.place())));
            } else if let Fact::Known(text, source) = text_of(login_defs, "UMASK")
                && (module.is_some() || masks.is_empty())
            {
                // login and sshd without pam_umask take it from here too when nothing else sets one.
                masks.extend(octal(&text).map(|mask| (mask, source.map(|source| *source).unwrap_or_default())));
            }
        }
        Err(why) => {
            session.umask = Fact::unreadable(why.clone());
            session.umask_hides_from_others = Fact::unreadable(why);
            return;
        }
    }
    // The loosest one is what somebody ends up with.
    let Some((at, _)) = masks.iter().enumerate().min_by_key(|(_, (mask, _))| mask & 0o007) else {
        session.umask = Fact::Absent;
        session.umask_hides_from_others = Fact::Absent;
        return;
    };
    let mut source = masks.get(at).map(|(_, source)| source.clone()).unwrap_or_default();
    // Whoever mends the loosest needs to know the others that are loose too.
    for (index, (mask, other)) in masks.iter().enumerate() {
        if index != at && mask & 0o007 != 0o007 {
            let excerpt = other.excerpt.clone().unwrap_or_default();
            source.overridden.push(Place { at: other.at.clone(), excerpt });
        }
    }
    let loosest = masks.iter().fold(0o777, |all, (mask, _)| all & mask);
    session.umask = Fact::sourced(format!("{loosest:04o}"), source.clone());
    session.umask_hides_from_others = Fact::sourced(loosest & 0o007 == 0o007, source);
}

fn octal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim_start_matches("0o"), 8).ok()
}
