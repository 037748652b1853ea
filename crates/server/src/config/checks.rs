//! What no single value shows: combinations that cannot work are refused, those that weaken the system are named.

use std::collections::BTreeSet;
use std::path::Path;

use ledger::VerifierKey;
use policy::Problem;

use super::database::Database;
use super::effective::{Danger, Setting, Source};
use super::table::Config;
use super::value::{LogLevel, MailTls};
use super::witnessing::{LogKey, WitnessAddress};

/// Least memory in bytes for so many passes of Argon2id (OWASP, Password Storage Cheat Sheet).
const ARGON2: [(u32, u64); 5] = [(1, 46 << 20), (2, 19 << 20), (3, 12 << 20), (4, 9 << 20), (5, 7 << 20)];

/// Folders where everybody can write, and that are emptied at times.
const SHARED: [&str; 4] = ["/tmp", "/var/tmp", "/dev/shm", "/run/shm"];

/// Each checkpoint carries a line of each witness, and waits for each.
const MOST_WITNESSES: usize = 16;

/// The checks of one configuration.
pub(super) struct Checks<'a> {
    pub(super) config: &'a Config,
    pub(super) settings: &'a mut Vec<Setting>,
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Checks<'_> {
    pub(super) fn run(&mut self) {
        self.server();
        self.database();
        self.logins();
        self.passwords();
        self.mail();
        self.oidc();
        self.ldap();
        self.witnessing();
        self.ledger_syslog();
        self.ledger_opensearch();
    }

    fn server(&mut self) {
        let config = self.config;
        let (listen, metrics) = (config.server.listen, config.server.metrics_listen.get());
        if let Some(metrics) = metrics
            && metrics.port() == listen.port()
            && listen.port() != 0
            && (listen.ip().is_unspecified() || listen.ip() == metrics.ip())
        {
            let what = format!("server.metrics_listen is {metrics}, where the pages are served already");
            let help = "take another port for one of them: server.listen (--listen) or server.metrics_listen, which may be \"off\"";
            self.refuse("server.metrics_listen", what, help);
        }
        if config.server.header_timeout > config.server.request_timeout {
            let what = "server.header_timeout is longer than server.request_timeout, which includes it";
            self.refuse("server.header_timeout", what, "shorten it");
        }
        let state_dir = &config.server.state_dir;
        if state_dir.parent().is_none() {
            let what = "server.state_dir is the root of the file system";
            self.refuse("server.state_dir", what, "name a folder of its own, such as /var/lib/palisade");
        }
        if is_shared(state_dir) {
            let reason = "everybody can write there, and users, keys and blocks are lost when it is emptied";
            self.danger("server.state_dir", reason, "name a folder of its own, such as /var/lib/palisade");
        }
        if config.tls.certificate_file.is_some() != config.tls.key_file.is_some() {
            let (given, missing) = match config.tls.key_file {
                Some(_) => ("tls.key_file", "tls.certificate_file"),
                None => ("tls.certificate_file", "tls.key_file"),
            };
            let help = format!("set {missing} too, or neither: the server then makes its own certificate");
            self.refuse(given, format!("{given} is set and {missing} is not"), help);
        }
        if matches!(config.log.level, LogLevel::Debug | LogLevel::Trace) {
            let reason = "the log then holds what users do in detail, and fills the disk sooner";
            self.danger("log.level", reason, "write \"info\" again when you have seen what you looked for");
        }
    }

    fn database(&mut self) {
        let database = &self.config.database;
        if let (Some(_), Some(_)) = (&database.url, &database.url_file) {
            let what = "database.url and database.url_file are both set";
            self.refuse("database.url", what, "leave one of them out");
        }
        let urls = [
            ("database.url", database.url.as_ref()),
            ("database.url_file", database.url_file.as_ref().map(|file| &file.url)),
        ];
        for (key, url) in urls.into_iter().filter_map(|(key, url)| Some((key, url?))) {
            if let Some((reason, help)) = url.danger() {
                self.danger(key, reason, help);
            }
            if matches!(url.database(), Database::Sqlite(file) if is_shared(&file)) {
                let reason = "everybody can write in its folder, and it is lost when that is emptied";
                self.danger(key, reason, "leave it out: the database then lies in server.state_dir");
            }
        }
    }

    fn logins(&mut self) {
        if !self.config.mfa.mfa_enabled {
            let reason = "a stolen password is enough to log in as anybody but an administrator";
            self.danger("mfa.mfa_enabled", reason, "write true: users are led through it at their next login");
        }
        let sessions = &self.config.sessions;
        for (key, span) in [
            ("sessions.idle_lock", sessions.idle_lock),
            ("sessions.privilege_window", sessions.privilege_window),
        ] {
            if span > sessions.absolute_lifetime {
                let what =
                    format!("{key} is longer than sessions.absolute_lifetime, so that it never takes effect");
                self.refuse(key, what, "shorten it");
            }
        }
        if sessions.use_notice.as_str().is_empty() {
            let reason = "nobody is told before the login who may use the system and that it is recorded";
            self.danger("sessions.use_notice", reason, "leave it out, or write your own notice");
        }
    }

    fn passwords(&mut self) {
        let passwords = &self.config.passwords;
        let given = [
            ("passwords.argon2_memory", passwords.argon2_memory.is_some()),
            ("passwords.argon2_iterations", passwords.argon2_iterations.is_some()),
            ("passwords.argon2_parallelism", passwords.argon2_parallelism.is_some()),
        ];
        if let Some((set, _)) = given.iter().find(|(_, is_set)| *is_set)
            && let Some((missing, _)) = given.iter().find(|(_, is_set)| !is_set)
        {
            let what = format!("{set} is set and {missing} is not");
            self.refuse(set, what, "set memory, iterations and parallelism, or none: they are then measured");
        }
        if let (Some(memory), Some(iterations)) = (passwords.argon2_memory, passwords.argon2_iterations) {
            let is_enough =
                |(passes, bytes): &(u32, u64)| iterations.get() >= *passes && memory.bytes() >= *bytes;
            if !ARGON2.iter().any(is_enough) {
                let reason = "stolen hashes are cracked faster than OWASP's least parameters allow";
                let remedy = "leave the three parameters out, or write at least 19MiB with 2 iterations";
                self.danger("passwords.argon2_memory", reason, remedy);
            }
        }
    }

    fn mail(&mut self) {
        let mail = &self.config.mail;
        if mail.host.is_none() {
            return self.refuse_without("mail.host", "mail");
        }
        if mail.from.is_none() {
            self.refuse(
                "mail.host",
                "mail.host is set and mail.from is not",
                "set the address that mails come from",
            );
        }
        if mail.username.is_some() != mail.password_file.is_some() {
            let (given, missing) = match mail.username {
                Some(_) => ("mail.username", "mail.password_file"),
                None => ("mail.password_file", "mail.username"),
            };
            self.refuse(
                given,
                format!("{given} is set and {missing} is not"),
                format!("set {missing} too, or neither"),
            );
        }
        if mail.port.get() == 465 && mail.tls == MailTls::Starttls {
            let what = "mail.port is 465, where servers expect TLS from the first byte";
            self.refuse("mail.port", what, "write tls = \"tls\", or port = 587");
        }
    }

    fn oidc(&mut self) {
        let oidc = &self.config.oidc;
        let Some(issuer) = &oidc.issuer else { return self.refuse_without("oidc.issuer", "oidc") };
        if oidc.client_id.is_none() {
            let help = "set the name by which the provider knows Palisade";
            self.refuse("oidc.issuer", "oidc.issuer is set and oidc.client_id is not", help);
        }
        if !oidc.scopes.iter().any(|scope| scope == "openid") {
            let what = "oidc.scopes has no `openid`, without which the provider says nothing of who logged in";
            self.refuse("oidc.scopes", what, "add \"openid\"");
        }
        if oidc.scopes.iter().any(|scope| scope.contains(' ')) {
            self.refuse(
                "oidc.scopes",
                "oidc.scopes has a member with a space",
                "write each scope as its own member",
            );
        }
        if issuer.is_plain() {
            let reason = "other programs of this machine can listen there first and log in as anybody";
            self.danger("oidc.issuer", reason, "write https://");
        }
        if oidc.roles.is_empty() {
            self.refuse(
                "oidc.issuer",
                "oidc.roles names no group, so that nobody could log in",
                "name groups in [oidc.roles]",
            );
        }
    }

    fn ldap(&mut self) {
        let ldap = &self.config.ldap;
        if ldap.url.is_none() {
            return self.refuse_without("ldap.url", "ldap");
        }
        if ldap.base.is_none() {
            let help = "set the entry below which users are searched";
            self.refuse("ldap.url", "ldap.url is set and ldap.base is not", help);
        }
        let filter = &ldap.filter;
        if !filter.contains("{username}") {
            let what = "ldap.filter does not hold {username}: it would find the same user for everybody";
            self.refuse("ldap.filter", what, "write a filter such as (uid={username})");
        }
        let count = |c: char| filter.matches(c).count();
        if !filter.starts_with('(') || count('(') != count(')') {
            self.refuse(
                "ldap.filter",
                "ldap.filter is not in balanced parentheses",
                "write a filter such as (uid={username})",
            );
        }
        match (&ldap.bind_dn, &ldap.bind_password_file) {
            (Some(_), Some(_)) => {}
            (None, None) => {
                let reason = "users are searched without a login, so that anybody can list the directory";
                self.danger("ldap.bind_dn", reason, "set bind_dn and bind_password_file");
            }
            // A bind with a name and without a password succeeds as nobody (RFC 4513, 5.1.2).
            (Some(_), None) => {
                let what = "ldap.bind_dn is set and ldap.bind_password_file is not";
                self.refuse("ldap.bind_dn", what, "set ldap.bind_password_file too, or neither");
            }
            (None, Some(_)) => {
                let what = "ldap.bind_password_file is set and ldap.bind_dn is not";
                self.refuse("ldap.bind_password_file", what, "set ldap.bind_dn too, or neither");
            }
        }
        if ldap.roles.is_empty() {
            self.refuse(
                "ldap.url",
                "ldap.roles names no group, so that nobody could log in",
                "name groups in [ldap.roles]",
            );
        }
    }

    fn witnessing(&mut self) {
        let witnessing = &self.config.witnessing;
        let logs: Vec<&VerifierKey> = witnessing.logs.iter().map(LogKey::key).collect();
        let witnesses: Vec<&VerifierKey> = witnessing.witnesses.iter().map(WitnessAddress::key).collect();
        for (key, given) in [("witnessing.logs", logs), ("witnessing.witnesses", witnesses)] {
            let mut seen = BTreeSet::new();
            if let Some(twice) = given.iter().find(|given| !seen.insert(given.to_string())) {
                let what = format!("{key} names {} twice", twice.name());
                self.refuse(key, what, "leave it out once");
            }
        }
        if witnessing.witnesses.len() > MOST_WITNESSES {
            let what = format!("witnessing.witnesses has more than {MOST_WITNESSES} members");
            self.refuse("witnessing.witnesses", what, "three witnesses of three owners are many");
        }
        if witnessing.ca_file.is_some() && witnessing.witnesses.is_empty() {
            let what = "witnessing.ca_file is set and witnessing.witnesses is not, so that it does nothing";
            self.refuse("witnessing.ca_file", what, "name the witnesses, or take it out");
        }
    }

    fn ledger_syslog(&mut self) {
        let syslog = &self.config.ledger_syslog;
        if syslog.host.is_none() {
            return self.refuse_without("ledger_syslog.host", "ledger_syslog");
        }
        self.refuse_half(
            ("ledger_syslog.client_certificate_file", syslog.client_certificate_file.is_some()),
            ("ledger_syslog.client_key_file", syslog.client_key_file.is_some()),
        );
    }

    fn ledger_opensearch(&mut self) {
        let search = &self.config.ledger_opensearch;
        let Some(url) = &search.url else {
            return self.refuse_without("ledger_opensearch.url", "ledger_opensearch");
        };
        self.refuse_half(
            ("ledger_opensearch.username", search.username.is_some()),
            ("ledger_opensearch.password_file", search.password_file.is_some()),
        );
        let has_user = search.username.is_some() || search.password_file.is_some();
        if has_user && search.api_key_file.is_some() {
            let what = "ledger_opensearch.api_key_file is set beside a user name or a password";
            self.refuse("ledger_opensearch.api_key_file", what, "log in by the one or by the other");
        }
        if url.is_plain() {
            let reason = "other programs of this machine can listen there first and are given the ledger, and what is logged in with";
            self.danger("ledger_opensearch.url", reason, "write https://");
        }
        if !has_user && search.api_key_file.is_none() {
            let reason = "nobody logs in there, so that whoever reaches it can change what was sent";
            self.danger("ledger_opensearch.url", reason, "set username and password_file, or api_key_file");
        }
    }

    /// Of two that belong together one is set.
    fn refuse_half(&mut self, one: (&str, bool), other: (&str, bool)) {
        let (given, missing) = match (one.1, other.1) {
            (true, false) => (one.0, other.0),
            (false, true) => (other.0, one.0),
            _ => return,
        };
        let help = format!("set {missing} too, or neither");
        self.refuse(given, format!("{given} is set and {missing} is not"), help);
    }

    /// Parameters of a section do nothing without the one that switches it on.
    fn refuse_without(&mut self, needed: &str, section: &str) {
        let set = |setting: &&Setting| setting.section == section && setting.source != Source::Default;
        if let Some(key) = self.settings.iter().find(set).map(Setting::key) {
            let help = format!("set {needed}, or take section [{section}] out");
            self.refuse(&key, format!("{key} is set and {needed} is not, so that it does nothing"), help);
        }
    }

    fn refuse(&mut self, key: &str, what: impl Into<String>, help: impl Into<String>) {
        let source = self.settings.iter().find(|setting| setting.key() == key).map(|setting| &setting.source);
        let problem = source.unwrap_or(&Source::Default).problem(what);
        self.problems.push(problem.help(help));
    }

    fn danger(&mut self, key: &str, reason: impl Into<String>, remedy: impl Into<String>) {
        if let Some(setting) = self.settings.iter_mut().find(|setting| setting.key() == key) {
            setting.danger = Some(Danger { reason: reason.into(), remedy: remedy.into() });
        }
    }
}

/// Whether everybody can write in the folder of this path.
fn is_shared(path: &Path) -> bool {
    SHARED.iter().any(|shared| path.starts_with(shared))
}
