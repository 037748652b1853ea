//! sshd's options: how their values are written, what holds when nobody sets them, and which `Match` may change.
//!
//! Defaults are those of OpenSSH 9.2 as Debian 12 ships it; `tests/ssh.rs` compares them with the real program.

use crate::ssh::glob;

/// How an option's value is made of its arguments, written as `sshd -T` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One word in lower case.
    Word,
    /// One word in upper case.
    Upper,
    /// One argument as it is; `none` in lower case.
    Exact,
    /// An octal number.
    Octal,
    /// A time such as `1m30s`, in seconds.
    Time,
    /// All arguments of the first line that sets it.
    Args,
    /// All arguments of every line that sets it.
    Many,
    /// The first argument of every line that sets it.
    Each,
    /// The rest of the line as written.
    Rest,
    /// A list of algorithms, which `+`, `-` and `^` change.
    Algorithms,
    /// `start:rate:full`.
    Startups,
    /// Bytes and seconds.
    Rekey,
    /// One or two classes.
    Quality,
    /// Addresses, to be joined with the ports.
    Listen,
    /// Two prefix lengths.
    NetBlock,
}

/// One option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// None: nothing is printed when nobody sets it.
    pub(crate) default: Option<&'static str>,
    pub(crate) in_match: bool,
}

/// Whether sshd reads past the keyword: it once meant something.
pub(crate) fn is_retired(name: &str) -> bool {
    const RETIRED: [&str; 14] = [
        "protocol",
        "useprivilegeseparation",
        "rsaauthentication",
        "rhostsauthentication",
        "rhostsrsaauthentication",
        "keyregenerationinterval",
        "serverkeybits",
        "uselogin",
        "checkmail",
        "authorizedkeysfile2",
        "pamauthenticationviakbdint",
        "reversemappingcheck",
        "verifyreversemapping",
        "afstokenpassing",
    ];
    RETIRED.contains(&name)
}

/// The option of that name; one this version does not know is taken as its arguments.
pub(crate) fn find(name: &str) -> Opt {
    OPTIONS.iter().copied().find(|option| option.name == name).unwrap_or(Opt {
        name: "",
        kind: Kind::Args,
        default: None,
        in_match: true,
    })
}

/// The value of one line's arguments, as `sshd -T` prints it.
pub(crate) fn value(option: &Opt, args: &[String], rest: &str) -> String {
    let first = args.first().map_or("", String::as_str);
    match option.kind {
        Kind::Word => canonical_word(option.name, &first.to_ascii_lowercase()).to_owned(),
        Kind::Upper => first.to_ascii_uppercase(),
        Kind::Exact | Kind::Each => exact(first),
        Kind::Octal => {
            u32::from_str_radix(first, 8).map_or_else(|_| first.to_owned(), |mask| format!("0{mask:o}"))
        }
        Kind::Time => seconds(first).map_or_else(|| first.to_ascii_lowercase(), |secs| secs.to_string()),
        Kind::Args | Kind::Many | Kind::Listen => args.join(" "),
        Kind::Rest => exact(rest.trim()),
        Kind::Algorithms => algorithms(first, option.default.unwrap_or_default()),
        Kind::Startups => startups(first),
        Kind::Rekey => rekey(args),
        Kind::Quality => match args {
            [one] => format!("{one} {one}"),
            _ => args.join(" "),
        },
        Kind::NetBlock => match first.split_once(':') {
            Some(_) => first.to_owned(),
            None => format!("{first}:0"),
        },
    }
}

fn exact(text: &str) -> String {
    if text.eq_ignore_ascii_case("none") { "none".to_owned() } else { text.to_owned() }
}

/// Words with more than one spelling.
fn canonical_word<'a>(name: &str, word: &'a str) -> &'a str {
    match (name, word) {
        ("permitrootlogin", "without-password") => "prohibit-password",
        ("allowtcpforwarding" | "allowstreamlocalforwarding", "all") => "yes",
        ("compression", "delayed") => "yes",
        (_, word) => word,
    }
}

/// A time as sshd reads it: `90`, `1m30s`, `2h`, `1d`, `1w`. None when it is none.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut number: Option<u64> = None;
    for c in text.chars() {
        if let Some(digit) = c.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match c.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(rest) => total.checked_add(rest),
        None => (!text.is_empty()).then_some(total),
    }
}

fn startups(text: &str) -> String {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [one] => match *one {
            "" => String::new(),
            // sshd keeps its rate of 30 when only the beginning is given.
            number => format!("{number}:30:{number}"),
        },
        _ => text.to_owned(),
    }
}

fn rekey(args: &[String]) -> String {
    let word = |index: usize| args.get(index).map_or("", String::as_str).to_ascii_lowercase();
    let bytes = match word(0).as_str() {
        "" | "default" | "none" => "0".to_owned(),
        text => scaled(text).map_or_else(|| text.to_owned(), |bytes| bytes.to_string()),
    };
    let time = match word(1).as_str() {
        "" | "none" => "0".to_owned(),
        text => seconds(text).map_or_else(|| text.to_owned(), |secs| secs.to_string()),
    };
    format!("{bytes} {time}")
}

fn scaled(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['k', 'm', 'g']);
    let factor: u64 = match text.chars().last()? {
        'k' => 1 << 10,
        'm' => 1 << 20,
        'g' => 1 << 30,
        _ => 1,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

/// Applies `+`, `-` and `^` to the built-in list; anything else replaces it.
fn algorithms(spec: &str, default: &str) -> String {
    let named = |list: &str, name: &str| list.split(',').any(|pattern| glob::matches(pattern, name));
    let mut chars = spec.chars();
    let (sign, list) = (chars.next(), chars.as_str());
    match sign {
        Some('-') => default.split(',').filter(|name| !named(list, name)).collect::<Vec<_>>().join(","),
        Some('+') => {
            let new = list.split(',').filter(|name| !default.split(',').any(|known| known == *name));
            default.split(',').chain(new).collect::<Vec<_>>().join(",")
        }
        Some('^') => {
            let rest = default.split(',').filter(|name| !list.split(',').any(|head| head == *name));
            list.split(',').chain(rest).collect::<Vec<_>>().join(",")
        }
        _ => spec.to_owned(),
    }
}

const fn opt(name: &'static str, kind: Kind, default: Option<&'static str>, in_match: bool) -> Opt {
    Opt { name, kind, default, in_match }
}

macro_rules! certificate_and_plain_algorithms {
    () => {
        concat!(
            "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,",
            "ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,",
            "sk-ssh-ed25519-cert-v01@openssh.com,sk-ecdsa-sha2-nistp256-cert-v01@openssh.com,",
            "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,",
            "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,",
            "sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256"
        )
    };
}

const SIGNATURES: &str = certificate_and_plain_algorithms!();

/// All options, those of a security matter first.
pub(crate) const OPTIONS: &[Opt] = &[
    opt("acceptenv", Kind::Many, None, true),
    opt("allowagentforwarding", Kind::Word, Some("yes"), true),
    opt("allowgroups", Kind::Many, None, true),
    opt("allowstreamlocalforwarding", Kind::Word, Some("yes"), true),
    opt("allowtcpforwarding", Kind::Word, Some("yes"), true),
    opt("allowusers", Kind::Many, None, true),
    opt("authenticationmethods", Kind::Args, Some("any"), true),
    opt("authorizedkeyscommand", Kind::Rest, Some("none"), true),
    opt("authorizedkeyscommanduser", Kind::Exact, Some("none"), true),
    opt("authorizedkeysfile", Kind::Args, Some(".ssh/authorized_keys .ssh/authorized_keys2"), true),
    opt("authorizedprincipalscommand", Kind::Rest, Some("none"), true),
    opt("authorizedprincipalscommanduser", Kind::Exact, Some("none"), true),
    opt("authorizedprincipalsfile", Kind::Exact, Some("none"), true),
    opt("banner", Kind::Exact, Some("none"), true),
    opt("chrootdirectory", Kind::Exact, Some("none"), true),
    opt("clientalivecountmax", Kind::Exact, Some("3"), true),
    opt("clientaliveinterval", Kind::Time, Some("0"), true),
    opt("denygroups", Kind::Many, None, true),
    opt("denyusers", Kind::Many, None, true),
    opt("disableforwarding", Kind::Word, Some("no"), true),
    opt("exposeauthinfo", Kind::Word, Some("no"), true),
    opt("forcecommand", Kind::Rest, Some("none"), true),
    opt("gatewayports", Kind::Word, Some("no"), true),
    opt("gssapiauthentication", Kind::Word, Some("no"), true),
    opt("hostbasedauthentication", Kind::Word, Some("no"), true),
    opt("ignorerhosts", Kind::Word, Some("yes"), true),
    opt("ipqos", Kind::Quality, Some("lowdelay throughput"), true),
    opt("kbdinteractiveauthentication", Kind::Word, Some("yes"), true),
    opt("kerberosauthentication", Kind::Word, Some("no"), true),
    opt("loglevel", Kind::Upper, Some("INFO"), true),
    opt("maxauthtries", Kind::Exact, Some("6"), true),
    opt("maxsessions", Kind::Exact, Some("10"), true),
    opt("passwordauthentication", Kind::Word, Some("yes"), true),
    opt("permitemptypasswords", Kind::Word, Some("no"), true),
    opt("permitlisten", Kind::Args, Some("any"), true),
    opt("permitopen", Kind::Args, Some("any"), true),
    opt("permitrootlogin", Kind::Word, Some("prohibit-password"), true),
    opt("permittty", Kind::Word, Some("yes"), true),
    opt("permittunnel", Kind::Word, Some("no"), true),
    opt("permituserrc", Kind::Word, Some("yes"), true),
    opt("pubkeyacceptedalgorithms", Kind::Algorithms, Some(SIGNATURES), true),
    opt("pubkeyauthentication", Kind::Word, Some("yes"), true),
    opt("pubkeyauthoptions", Kind::Args, Some("none"), true),
    opt("hostbasedacceptedalgorithms", Kind::Algorithms, Some(SIGNATURES), true),
    opt("hostbasedusesnamefrompacketonly", Kind::Word, Some("no"), true),
    opt("rekeylimit", Kind::Rekey, Some("0 0"), true),
    opt("revokedkeys", Kind::Exact, Some("none"), true),
    opt("setenv", Kind::Args, None, true),
    opt("streamlocalbindmask", Kind::Octal, Some("0177"), true),
    opt("streamlocalbindunlink", Kind::Word, Some("no"), true),
    opt("trustedusercakeys", Kind::Exact, Some("none"), true),
    opt("unusedconnectiontimeout", Kind::Time, Some("none"), true),
    opt("x11displayoffset", Kind::Exact, Some("10"), true),
    opt("x11forwarding", Kind::Word, Some("no"), true),
    opt("x11uselocalhost", Kind::Word, Some("yes"), true),
    opt("channeltimeout", Kind::Args, None, true),
    opt("logverbose", Kind::Args, None, true),
    opt("addressfamily", Kind::Word, Some("any"), false),
    opt("casignaturealgorithms", Kind::Algorithms, Some(CA_SIGNATURES), true),
    opt("ciphers", Kind::Algorithms, Some(CIPHERS), false),
    opt("compression", Kind::Word, Some("yes"), false),
    opt("debianbanner", Kind::Word, Some("yes"), false),
    opt("fingerprinthash", Kind::Upper, Some("SHA256"), false),
    opt("gssapicleanupcredentials", Kind::Word, Some("yes"), false),
    opt("gssapikeyexchange", Kind::Word, Some("no"), false),
    opt("gssapistrictacceptorcheck", Kind::Word, Some("yes"), false),
    opt("hostcertificate", Kind::Each, None, false),
    opt("hostkey", Kind::Each, Some(HOST_KEYS), false),
    opt("hostkeyagent", Kind::Exact, Some("none"), false),
    opt("hostkeyalgorithms", Kind::Algorithms, Some(SIGNATURES), false),
    opt("ignoreuserknownhosts", Kind::Word, Some("no"), false),
    opt("kerberosorlocalpasswd", Kind::Word, Some("yes"), false),
    opt("kerberosticketcleanup", Kind::Word, Some("yes"), false),
    opt("kexalgorithms", Kind::Algorithms, Some(KEY_EXCHANGES), false),
    opt("listenaddress", Kind::Listen, None, false),
    opt("logingracetime", Kind::Time, Some("120"), false),
    opt("macs", Kind::Algorithms, Some(MACS), false),
    opt("maxstartups", Kind::Startups, Some("10:30:100"), false),
    opt("modulifile", Kind::Exact, Some("/etc/ssh/moduli"), false),
    opt("permituserenvironment", Kind::Exact, Some("no"), false),
    opt("persourcemaxstartups", Kind::Exact, Some("none"), false),
    opt("persourcenetblocksize", Kind::NetBlock, Some("32:128"), false),
    opt("pidfile", Kind::Exact, Some("/run/sshd.pid"), false),
    opt("port", Kind::Each, Some("22"), false),
    opt("printlastlog", Kind::Word, Some("yes"), false),
    opt("printmotd", Kind::Word, Some("yes"), false),
    opt("requiredrsasize", Kind::Exact, Some("1024"), true),
    opt("securitykeyprovider", Kind::Exact, Some("internal"), false),
    opt("strictmodes", Kind::Word, Some("yes"), false),
    opt("subsystem", Kind::Many, None, false),
    opt("syslogfacility", Kind::Upper, Some("AUTH"), false),
    opt("tcpkeepalive", Kind::Word, Some("yes"), false),
    opt("usedns", Kind::Word, Some("no"), false),
    opt("usepam", Kind::Word, Some("no"), false),
    opt("versionaddendum", Kind::Rest, Some("none"), false),
    opt("xauthlocation", Kind::Exact, Some("/usr/bin/xauth"), false),
];

const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,\
    aes128-gcm@openssh.com,aes256-gcm@openssh.com";
const MACS: &str = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,\
    hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,\
    hmac-sha2-256,hmac-sha2-512,hmac-sha1";
const KEY_EXCHANGES: &str = "sntrup761x25519-sha512,sntrup761x25519-sha512@openssh.com,curve25519-sha256,\
    curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,\
    diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,\
    diffie-hellman-group14-sha256";
const CA_SIGNATURES: &str = "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,\
    sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,rsa-sha2-512,rsa-sha2-256";
const HOST_KEYS: &str = "/etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_ecdsa_key /etc/ssh/ssh_host_ed25519_key";
