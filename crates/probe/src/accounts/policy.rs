//! What a new password must be.

use host::Door;
use model::facts::accounts::PasswordPolicy;
use model::{Fact, Source};

use crate::accounts::pam::{self, Module};
use crate::accounts::values::{Values, argument, key_values, number, parsed, text_of};
use crate::fact::{IntoFact, reason};
use crate::text;

const QUALITY: [&str; 3] = ["pam_pwquality", "pam_cracklib", "pam_passwdqc"];
const SCHEMES: [&str; 7] = ["yescrypt", "gost_yescrypt", "sha512", "sha256", "blowfish", "md5", "bigcrypt"];

/// What a new password must be.
pub(crate) fn password_policy(door: &Door, login_defs: &Fact<Values>) -> PasswordPolicy {
    let service =
        ["passwd", "common-password", "system-auth", "other"].into_iter().find(|s| pam::has_service(door, s));
    let stack = service.map_or(Ok(Vec::new()), |service| pam::stack(door, service, "password"));
    let mut policy = PasswordPolicy {
        max_days: number(login_defs, "PASS_MAX_DAYS").and_then(limited),
        min_days: number(login_defs, "PASS_MIN_DAYS"),
        warn_days: number(login_defs, "PASS_WARN_AGE"),
        inactive_days: inactive_days(door),
        empty_accepted: empty_accepted(door),
        ..PasswordPolicy::default()
    };
    let modules = match stack {
        Ok(modules) => modules,
        Err(why) => {
            policy.quality_module = Fact::unreadable(why.clone());
            policy.min_length = Fact::unreadable(why.clone());
            policy.min_classes = Fact::unreadable(why.clone());
            policy.dictionary_check = Fact::unreadable(why.clone());
            policy.holds_for_root = Fact::unreadable(why.clone());
            policy.remembered = Fact::unreadable(why.clone());
            policy.hash_scheme = Fact::unreadable(why);
            return policy;
        }
    };
    let find = |names: &[&str]| modules.iter().find(|module| names.contains(&module.name.as_str()));
    let unix = find(&["pam_unix", "pam_unix2"]);
    match find(&QUALITY) {
        Some(module) => quality(door, module, &mut policy),
        None => {
            policy.quality_module = Fact::Absent;
            policy.min_classes = Fact::Absent;
            let place = format!("/etc/pam.d/{}", service.unwrap_or_default());
            policy.dictionary_check = Fact::read_at(false, &place);
            policy.holds_for_root = Fact::read_at(false, &place);
            policy.min_length = match unix {
                Some(unix) => {
                    match (unix.arg("minlen").and_then(|value| value.parse().ok()), unix.has("obscure")) {
                        (Some(length), _) => Fact::sourced(length, unix.place()),
                        // `obscure` refuses passwords shorter than six characters.
                        (None, true) => Fact::sourced(6, unix.place()),
                        (None, false) => Fact::Absent,
                    }
                }
                None => Fact::Absent,
            };
        }
    }
    policy.remembered = match (find(&["pam_pwhistory"]), unix) {
        (Some(module), _) => {
            let conf = key_values(door, &["/etc/security/pwhistory.conf".to_owned()]);
            argument(module, &conf, "remember").and_then(parsed).or_default_value(10)
        }
        (None, Some(unix)) => match unix.arg("remember").and_then(|value| value.parse().ok()) {
            Some(count) => Fact::sourced(count, unix.place()),
            None => Fact::Absent,
        },
        (None, None) => Fact::Absent,
    };
    let scheme =
        unix.and_then(|unix| SCHEMES.into_iter().find(|scheme| unix.has(scheme)).map(|scheme| (scheme, unix)));
    policy.hash_scheme = match scheme {
        Some((scheme, unix)) => Fact::sourced(scheme.replace('_', "-"), unix.place()),
        None => text_of(login_defs, "ENCRYPT_METHOD").map(|name| name.to_ascii_lowercase()),
    };
    policy
}

/// Sets what the quality module demands: its arguments win over its files.
fn quality(door: &Door, module: &Module, policy: &mut PasswordPolicy) {
    policy.quality_module = Fact::sourced(module.name.clone(), module.place());
    if module.name == "pam_passwdqc" {
        // Its `min=` has five lengths, of which the fourth is for three kinds of characters.
        let why = "the demands of pam_passwdqc are not modelled";
        policy.min_length = Fact::unreadable(why);
        policy.min_classes = Fact::unreadable(why);
        policy.dictionary_check = Fact::read_at(true, &module.source);
        let holds_for_root = module.arg("enforce").is_none_or(|who| who == "everyone");
        policy.holds_for_root = Fact::read_at(holds_for_root, &module.source);
        return;
    }
    let conf = if module.name == "pam_pwquality" { pwquality_files(door) } else { Ok(Vec::new()) };
    let conf = conf.map_or_else(Fact::unreadable, |files| key_values(door, &files));
    let number = |name: &str| argument(module, &conf, name).and_then(parsed);
    let enforcing = number("enforcing").or_default_value(1);
    if enforcing.value() == Some(&0) {
        // It only warns: nothing is demanded.
        policy.min_length = Fact::Absent;
        policy.min_classes = Fact::Absent;
        policy.dictionary_check = enforcing.map(|_| false);
        policy.holds_for_root = Fact::read_at(false, &module.source);
        return;
    }
    policy.min_length = number("minlen").or_default_value(8);
    let credits = ["dcredit", "ucredit", "lcredit", "ocredit"].map(number);
    let demanded = credits.iter().filter(|credit| credit.value().is_some_and(|credit| *credit < 0)).count();
    let demanded = i64::try_from(demanded).unwrap_or(0);
    policy.min_classes = match number("minclass") {
        Fact::Known(classes, source) => Fact::Known(classes.max(demanded), source),
        Fact::Absent if demanded > 0 => credits
            .into_iter()
            .find(|credit| credit.value().is_some_and(|credit| *credit < 0))
            .unwrap_or(Fact::Absent)
            .map(|_| demanded),
        other => other,
    };
    policy.dictionary_check = match number("dictcheck") {
        Fact::Absent => Fact::read_at(true, &module.source),
        other => other.map(|value| value != 0),
    };
    let for_root = argument(module, &conf, "enforce_for_root");
    policy.holds_for_root = match (module.has("enforce_for_root"), for_root) {
        (true, _) => Fact::sourced(true, module.place()),
        (false, Fact::Absent) => Fact::sourced(false, module.place()),
        (false, other) => other.map(|_| true),
    };
}

/// libpwquality reads the drop-ins first, sorted, then the main file; the last value holds.
fn pwquality_files(door: &Door) -> Result<Vec<String>, String> {
    let directory = "/etc/security/pwquality.conf.d";
    let names = text::files_in(door, directory, ".conf").map_err(|error| reason(&error, door))?;
    let mut files: Vec<String> =
        names.into_iter().map(|name| format!("{directory}/{name}")).take(100).collect();
    files.push("/etc/security/pwquality.conf".to_owned());
    Ok(files)
}

/// 99999 days and -1 both say never.
pub(crate) fn limited(days: i64) -> Fact<i64> {
    if (0..99_999).contains(&days) { Fact::known(days) } else { Fact::Absent }
}

/// `INACTIVE` of `/etc/default/useradd`.
fn inactive_days(door: &Door) -> Fact<i64> {
    let path = "/etc/default/useradd";
    door.read_text(path).into_fact(door).and_then(|text| {
        let line = text::meaningful_lines(&text).filter(|line| line.text.starts_with("INACTIVE=")).last();
        let Some(line) = line else { return Fact::Absent };
        let value = line.text.trim_start_matches("INACTIVE=").trim().to_owned();
        match parsed(value).and_then(limited) {
            Fact::Known(days, _) => Fact::sourced(days, Source::line(path, line.number, &line.text)),
            other => other,
        }
    })
}

/// Whether `nullok` stands in the auth stack of a way in; absent when PAM lets nobody in.
fn empty_accepted(door: &Door) -> Fact<bool> {
    let ways = ["sshd", "login", "su", "common-auth", "system-auth"];
    let ways: Vec<&str> = ways.into_iter().filter(|service| pam::has_service(door, service)).collect();
    if ways.is_empty() {
        return Fact::Absent;
    }
    let mut found = Fact::read_at(false, format!("{} in /etc/pam.d", ways.join(", ")));
    for service in ways {
        match pam::stack(door, service, "auth") {
            Ok(modules) => {
                let unix = modules
                    .iter()
                    .find(|m| m.name == "pam_unix" && (m.has("nullok") || m.has("nullok_secure")));
                if let Some(unix) = unix {
                    return Fact::sourced(true, unix.place());
                }
            }
            Err(why) => found = Fact::unreadable(why),
        }
    }
    found
}
