//! What is refused, and what is accepted and named as unsafe.

use std::os::unix::ffi::OsStringExt as _;

use super::*;

/// What is wrong with a file.
fn wrong(text: &str) -> String {
    told(&read_with(text, &[]).expect_err("this is accepted"))
}

/// What is unsafe in a file, beside the default of `mfa_enabled`.
fn unsafe_in(text: &str) -> String {
    let (_, effective) = read(text);
    let dangers = effective.dangers();
    told(&dangers.into_iter().filter(|danger| !danger.what.starts_with("mfa.")).collect::<Vec<_>>())
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_place() {
    let text = "listen = \"0.0.0.0:443\"\n\
        [brute_forse]\n\
        max_attempts_by_ip = 5\n\
        [brute_force]\n\
        max_atempts_by_ip = 100\n\
        max_attempts_by_ip_and_username = \"5\"\n\
        block_duration_by_ip = 86400\n\
        reset_attempts_interval_by_ip = \"24hours\"\n\
        max_attempts_by_ip_and_username_ws_tunnel = 0\n\
        [sessions]\n\
        privilege_window = \"1h\"\n\
        idle_lock = \"soon\"\n\
        min_length = 8\n\
        [mail]\n\
        password = \"hunter2\"\n\
        password_file = \"hunter2\"\n\
        tls = \"none\"\n\
        [server]\n\
        metrics_listen = \"0.0.0.0:9443\"\n\
        trusted_proxies = [\"10.0.0.0/24\", \"0.0.0.0/0\", \"10.0.0.1/24\", \"::ffff:0:0/96\", 7, \"fd00::/8\"]\n\
        state_dir = \"state\"\n\
        public_url = \"http://palisade.example\"\n\
        listen = \"localhost:8443\"\n\
        max_request_body = 5.5\n\
        [database]\n\
        url = \"postgres://palisade:hunter2@db/palisade\"\n\
        [ldap]\n\
        url = \"http://directory\"\n\
        [mfa]\n\
        mfa_enabled = \"yes\"\n";
    insta::assert_snapshot!(wrong(text), @r#"
    error: there is no parameter listen
      --> palisade.toml:1:1
      help: write it below [server]
    error: there is no section brute_forse
      --> palisade.toml:2:2
      help: did you mean `brute_force`?
    error: there is no parameter max_atempts_by_ip in [brute_force]
      --> palisade.toml:5:1
      help: did you mean `max_attempts_by_ip`?
    error: brute_force.max_attempts_by_ip_and_username is a text in quotes
      --> palisade.toml:6:35
      help: write 5 without quotes
    error: brute_force.block_duration_by_ip is 86400, a number without a unit
      --> palisade.toml:7:24
      help: write "86400s" if that was meant; units are s, m, h, d
    error: brute_force.reset_attempts_interval_by_ip is "24hours": there is no unit "hours"
      --> palisade.toml:8:33
      help: write "24h"
    error: brute_force.max_attempts_by_ip_and_username_ws_tunnel is 0, less than the 1 that is possible
      --> palisade.toml:9:45
      help: write a value from 1 to 1000
    error: sessions.privilege_window is 1h, more than the 10m that is possible
      --> palisade.toml:11:20
      help: write a value from 1m to 10m
    error: sessions.idle_lock is "soon"
      --> palisade.toml:12:13
      help: write a duration with its unit such as "90s", "30m", "8h" or "180d"
    error: there is no parameter min_length in [sessions]
      --> palisade.toml:13:1
      help: it belongs below [passwords]
    error: there is no parameter password in [mail]
      --> palisade.toml:15:1
      help: secrets do not stand in this file: write it into a file with mode 0600, and password_file here
    error: mail.password_file is no absolute path
      --> palisade.toml:16:17
      help: write the absolute path of a file with mode 0600
    error: mail.tls is "none"
      --> palisade.toml:17:7
      help: write "starttls" or "tls"
    error: server.metrics_listen is 0.0.0.0:9443, which other machines can reach
      --> palisade.toml:19:18
      help: write "127.0.0.1:9443": metrics are served without a login; let the collector run on this machine
    error: server.trusted_proxies has 0.0.0.0/0: whoever is in that network could claim any client address and evade every block
      --> palisade.toml:20:35
      help: name the addresses of your proxies only
    error: server.trusted_proxies has 10.0.0.1/24, an address within a network
      --> palisade.toml:20:48
      help: write "10.0.0.0/24", or "10.0.0.1" for that address
    error: server.trusted_proxies has ::ffff:0:0/96: whoever is in that network could claim any client address and evade every block
      --> palisade.toml:20:63
      help: name the addresses of your proxies only
    error: server.trusted_proxies is a number
      --> palisade.toml:20:80
      help: write a network such as "10.0.5.0/24", or one address
    error: server.state_dir is the relative path "state"
      --> palisade.toml:21:13
      help: write an absolute path: the server starts in no particular folder
    error: server.public_url does not begin with https://, without which browsers keep neither cookies nor passkeys
      --> palisade.toml:22:14
      help: write a URL such as "https://palisade.example:8443"
    error: server.listen is "localhost:8443", no address with a port
      --> palisade.toml:23:10
      help: write "127.0.0.1:8443"
    error: server.max_request_body is a number with a fraction
      --> palisade.toml:24:20
      help: write a size with its unit such as "512KiB" or "1MiB"
    error: database.url holds a password, and secrets do not stand in this file
      --> palisade.toml:26:7
      help: write the URL into a file with mode 0600 and name it with url_file, or set PALISADE_DATABASE_URL
    error: ldap.url is no address of a directory
      --> palisade.toml:28:7
      help: write a URL such as "ldaps://directory.example", or "ldap://...", which StartTLS upgrades
    error: mfa.mfa_enabled is neither true nor false
      --> palisade.toml:30:15
      help: write true or false
    "#);
}

#[test]
fn what_is_no_toml_is_told_with_its_place() {
    insta::assert_snapshot!(wrong("[mfa]\nmfa_enabled = true\nmfa_enabled = false\n[server\nlisten = \n"), @r"
    error: this is no TOML: duplicate key
      --> palisade.toml:3:1
    error: this is no TOML: unclosed table, expected `]`
      --> palisade.toml:4:8
    ");
}

#[test]
fn combinations_that_cannot_work_are_refused() {
    let text = "[server]\nlisten = \"0.0.0.0:9443\"\nheader_timeout = \"60s\"\nstate_dir = \"/\"\n\
        [tls]\nkey_file = \"/k\"\n\
        [database]\nurl = \"sqlite:/a.db\"\nurl_file = \"/u\"\n\
        [sessions]\nidle_lock = \"9h\"\n\
        [passwords]\nargon2_memory = \"64MiB\"\n\
        [mail]\nusername = \"palisade\"\n\
        [oidc]\nissuer = \"https://login.example\"\nscopes = [\"profile\"]\n\
        [ldap]\nurl = \"ldaps://directory.example\"\nbind_dn = \"cn=palisade\"\nfilter = \"(uid=palisade\"\n";
    // The URL in `/u` is none: what is wrong with single values comes first.
    insta::assert_snapshot!(wrong(text), @r"
    error: database.url_file names /u: the URL in it is no URL
      --> palisade.toml:9:12
      help: write postgres://USER@HOST/NAME?sslmode=verify-full, or sqlite:/PATH
    ");
    let text = text.replace("url_file = \"/u\"\n", "");
    insta::assert_snapshot!(wrong(&text), @r#"
    error: server.metrics_listen is 127.0.0.1:9443, where the pages are served already
      --> built-in default
      help: take another port for one of them: server.listen (--listen) or server.metrics_listen, which may be "off"
    error: server.header_timeout is longer than server.request_timeout, which includes it
      --> palisade.toml:3:1
      help: shorten it
    error: server.state_dir is the root of the file system
      --> palisade.toml:4:1
      help: name a folder of its own, such as /var/lib/palisade
    error: tls.key_file is set and tls.certificate_file is not
      --> palisade.toml:6:1
      help: set tls.certificate_file too, or neither: the server then makes its own certificate
    error: sessions.idle_lock is longer than sessions.absolute_lifetime, so that it never takes effect
      --> palisade.toml:10:1
      help: shorten it
    error: passwords.argon2_memory is set and passwords.argon2_iterations is not
      --> palisade.toml:12:1
      help: set memory, iterations and parallelism, or none: they are then measured
    error: mail.username is set and mail.host is not, so that it does nothing
      --> palisade.toml:14:1
      help: set mail.host, or take section [mail] out
    error: oidc.issuer is set and oidc.client_id is not
      --> palisade.toml:16:1
      help: set the name by which the provider knows Palisade
    error: oidc.roles names no group, so that nobody could log in
      --> palisade.toml:16:1
      help: name groups in [oidc.roles]
    error: oidc.scopes has no `openid`, without which the provider says nothing of who logged in
      --> palisade.toml:17:1
      help: add "openid"
    error: ldap.roles names no group, so that nobody could log in
      --> palisade.toml:19:1
      help: name groups in [ldap.roles]
    error: ldap.url is set and ldap.base is not
      --> palisade.toml:19:1
      help: set the entry below which users are searched
    error: ldap.bind_dn is set and ldap.bind_password_file is not
      --> palisade.toml:20:1
      help: set ldap.bind_password_file too, or neither
    error: ldap.filter does not hold {username}: it would find the same user for everybody
      --> palisade.toml:21:1
      help: write a filter such as (uid={username})
    error: ldap.filter is not in balanced parentheses
      --> palisade.toml:21:1
      help: write a filter such as (uid={username})
    "#);
    let text = "[mail]\nhost = \"mail.example\"\nport = 465\nusername = \"palisade\"\n[oidc]\nclient_id = \"palisade\"\n";
    insta::assert_snapshot!(wrong(text), @r#"
    error: mail.host is set and mail.from is not
      --> palisade.toml:2:1
      help: set the address that mails come from
    error: mail.port is 465, where servers expect TLS from the first byte
      --> palisade.toml:3:1
      help: write tls = "tls", or port = 587
    error: mail.username is set and mail.password_file is not
      --> palisade.toml:4:1
      help: set mail.password_file too, or neither
    error: oidc.client_id is set and oidc.issuer is not, so that it does nothing
      --> palisade.toml:6:1
      help: set oidc.issuer, or take section [oidc] out
    "#);
}

#[test]
fn receivers_of_the_ledger_that_are_half_described_are_refused() {
    let text = "[ledger_syslog]\nclient_key_file = \"/k\"\n\
        [ledger_opensearch]\nurl = \"http://search.example:9200\"\nindex = \"Palisade-{day}\"\n";
    insta::assert_snapshot!(wrong(text), @r#"
    error: ledger_opensearch.url begins with http://: whoever is on the way could read the ledger, and the password
      --> palisade.toml:4:7
      help: write https://; ca_file names the server's CA when it is your own
    error: ledger_opensearch.index is "Palisade-{day}", no name of an index
      --> palisade.toml:5:9
      help: write a name of small letters, digits, -, _ and . such as "palisade-{stream}-{date}"
    "#);
    let text = "[ledger_syslog]\nport = 514\n\
        [ledger_opensearch]\nusername = \"palisade\"\n";
    insta::assert_snapshot!(wrong(text), @r"
    error: ledger_syslog.port is set and ledger_syslog.host is not, so that it does nothing
      --> palisade.toml:2:1
      help: set ledger_syslog.host, or take section [ledger_syslog] out
    error: ledger_opensearch.username is set and ledger_opensearch.url is not, so that it does nothing
      --> palisade.toml:4:1
      help: set ledger_opensearch.url, or take section [ledger_opensearch] out
    ");
    let text = "[ledger_syslog]\nhost = \"logs.example\"\nclient_certificate_file = \"/c.pem\"\n\
        [ledger_opensearch]\nurl = \"https://search.example:9200/logs\"\npassword_file = \"/p\"\napi_key_file = \"/a\"\n";
    insta::assert_snapshot!(wrong(text), @r"
    error: ledger_syslog.client_certificate_file is set and ledger_syslog.client_key_file is not
      --> palisade.toml:3:1
      help: set ledger_syslog.client_key_file too, or neither
    error: ledger_opensearch.password_file is set and ledger_opensearch.username is not
      --> palisade.toml:6:1
      help: set ledger_opensearch.username too, or neither
    error: ledger_opensearch.api_key_file is set beside a user name or a password
      --> palisade.toml:7:1
      help: log in by the one or by the other
    ");
    let told = unsafe_in("[ledger_opensearch]\nurl = \"http://[::1]:9200\"\napi_key_file = \"/a\"\n");
    assert!(told.contains("can listen there first"), "{told}");
    let told = unsafe_in("[ledger_opensearch]\nurl = \"https://search.example\"\n");
    assert!(told.contains("nobody logs in there"), "{told}");
    assert_eq!(unsafe_in("[ledger_syslog]\nhost = \"logs.example\"\n"), "");
}

#[test]
fn what_weakens_the_system_is_named() {
    let text = "[brute_force]\nmax_attempts_by_ip_and_username = 6\nblock_duration_by_ip = \"1h\"\n\
        [audit_logs]\nfile_warm_state_retention_policy_audit_ms = \"179d\"\n\
        [sessions]\nabsolute_lifetime = \"24h\"\nuse_notice = \"\"\n\
        [passwords]\nmin_strength = 2\nargon2_memory = \"19MiB\"\nargon2_iterations = 1\nargon2_parallelism = 1\n\
        [database]\nurl = \"postgres://palisade@10.1.2.3/palisade?sslmode=prefer\"\n\
        [oidc]\nissuer = \"http://127.0.0.1:8080\"\nclient_id = \"palisade\"\nroles = { ops = \"operator\" }\n\
        [ldap]\nurl = \"ldap://directory.example\"\nbase = \"dc=example\"\nroles = { \"cn=ops,dc=example\" = \"operator\" }\n\
        [server]\nstate_dir = \"/tmp/palisade\"\n\
        [log]\nlevel = \"debug\"\n";
    insta::assert_snapshot!(unsafe_in(text), @r#"
    error: server.state_dir is "/tmp/palisade": everybody can write there, and users, keys and blocks are lost when it is emptied
      --> palisade.toml:25:1
      help: name a folder of its own, such as /var/lib/palisade
    error: database.url is "postgres://palisade@10.1.2.3/palisade?sslmode=prefer": sslmode is prefer: the connection falls back to plain text when somebody on the way refuses TLS
      --> palisade.toml:15:1
      help: write sslmode=verify-full, and sslrootcert=FILE when the database has a CA of its own
    error: brute_force.max_attempts_by_ip_and_username is 6: passwords can be guessed for longer than the guide allows
      --> palisade.toml:2:1
      help: write at most 5
    error: brute_force.block_duration_by_ip is "1h": guessing goes on sooner than the guide allows
      --> palisade.toml:3:1
      help: write at least 1d
    error: sessions.absolute_lifetime is "24h": a stolen session stays good for longer than a working day
      --> palisade.toml:7:1
      help: write at most 12h
    error: sessions.use_notice is "": nobody is told before the login who may use the system and that it is recorded
      --> palisade.toml:8:1
      help: leave it out, or write your own notice
    error: passwords.min_strength is 2: passwords from lists of known ones are accepted
      --> palisade.toml:10:1
      help: write at least 3
    error: passwords.argon2_memory is "19MiB": stolen hashes are cracked faster than OWASP's least parameters allow
      --> palisade.toml:11:1
      help: leave the three parameters out, or write at least 19MiB with 2 iterations
    error: oidc.issuer is "http://127.0.0.1:8080": other programs of this machine can listen there first and log in as anybody
      --> palisade.toml:17:1
      help: write https://
    error: ldap.bind_dn is not set: users are searched without a login, so that anybody can list the directory
      --> built-in default
      help: set bind_dn and bind_password_file
    error: audit_logs.file_warm_state_retention_policy_audit_ms is "179d": what an intruder did is gone before anybody looks
      --> palisade.toml:5:1
      help: write at least 180d
    error: log.level is "debug": the log then holds what users do in detail, and fills the disk sooner
      --> palisade.toml:27:1
      help: write "info" again when you have seen what you looked for
    "#);
    let told = unsafe_in("[database]\nurl = \"sqlite:/var/tmp/palisade.db\"\n");
    assert!(told.contains("everybody can write in its folder"), "{told}");
    let exact = "[mfa]\nmfa_enabled = true\n[brute_force]\nmax_attempts_by_ip_and_username = 1\n\
        [passwords]\nargon2_memory = \"19MiB\"\nargon2_iterations = 2\nargon2_parallelism = 1\n";
    assert!(read(exact).1.dangers().is_empty());
}

#[test]
fn variables_that_are_none_are_told() {
    let mut environment = variables(&[
        ("PALISADE_BRUTEFORCE_MAX_ATTEMPTS_BY_IP", "100"),
        ("PALISADE_MAIL_PASSWORD", "hunter2"),
        ("PALISADE_LOG_LEVEL", ""),
        ("PALISADE_SESSIONS_MAX_PER_USER", "many"),
        ("PALISADE_SESSIONS_IDLE_LOCK", "900"),
    ]);
    environment.push(("PALISADE_LOG_FORMAT".into(), OsString::from_vec(vec![0xff])));
    let problems = Config::parse(None, environment, &Overrides::default(), &known).unwrap_err();
    insta::assert_snapshot!(told(&problems), @r#"
    error: this variable is none of Palisade's parameters
      --> environment PALISADE_BRUTEFORCE_MAX_ATTEMPTS_BY_IP
      help: did you mean `PALISADE_BRUTE_FORCE_MAX_ATTEMPTS_BY_IP`?
    error: log.format is not UTF-8 text
      --> environment PALISADE_LOG_FORMAT
      help: write "text" or "json"
    error: log.level is empty
      --> environment PALISADE_LOG_LEVEL
      help: give it a value, or take the variable out
    error: this variable is none of Palisade's parameters
      --> environment PALISADE_MAIL_PASSWORD
      help: write the secret into a file with mode 0600 and name it with PALISADE_MAIL_PASSWORD_FILE
    error: sessions.idle_lock is 900, a number without a unit
      --> environment PALISADE_SESSIONS_IDLE_LOCK
      help: write "900s" if that was meant; units are s, m, h, d
    error: sessions.max_per_user is not a whole number
      --> environment PALISADE_SESSIONS_MAX_PER_USER
      help: write digits only
    "#);
    assert!(!told(&problems).contains("hunter2"));
}

#[test]
fn keys_of_ledgers_and_witnesses_are_told_apart_and_named_once() {
    let log = ledger::SigningKey::of_log("b.example/log", &[1; 32]).unwrap().verifier().to_string();
    let witness = ledger::SigningKey::of_witness("b.example/witness", &[2; 32], 0).unwrap();
    let witness = witness.verifier().to_string();
    let at = |address: &str| format!("witnesses = [\"{witness} {address}\"]");
    for (text, part) in [
        (format!("logs = [\"{witness}\"]"), "the key of the witness b.example/witness, not of a ledger"),
        (format!("witnesses = [\"{log} https://b.example/w\"]"), "the key of the ledger b.example/log, not of"),
        ("logs = [\"b.example\"]".to_owned(), "which is no key: it is not of the form"),
        (format!("logs = [\"{}\"]", log.replace("b.example", "c.example")), "its identifier does not fit"),
        (format!("logs = [\"{log}\", \"{log}\"]"), "witnessing.logs names b.example/log twice"),
        (format!("witnesses = [\"{witness}\"]"), "has a member without a space"),
        (at("http://b.example/w"), "an address that is not https"),
        (at("https://b.example/w?x"), "has a query"),
        (at("https://eva:x@b.example/w"), "has a user name, a password"),
        (
            "ca_file = \"/etc/palisade/ca.pem\"".to_owned(),
            "witnessing.witnesses is not, so that it does nothing",
        ),
    ] {
        let told = wrong(&format!("[witnessing]\n{text}\n"));
        assert!(told.contains(part), "{text}: {told}");
    }
    let (config, _) = read(&format!("[witnessing]\nlogs = [\"{log}\"]\n{}\n", at("https://b.example/w/")));
    let given = &config.witnessing;
    assert_eq!(given.logs.first().unwrap().key().to_string(), log);
    assert_eq!(given.witnesses.first().unwrap().prefix(), "https://b.example/w");
    let many = [("PALISADE_WITNESSING_WITNESSES", format!("{witness} https://b.example/w"))];
    let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (config, _) = read_with("", &many).unwrap();
    assert_eq!(config.witnessing.witnesses.len(), 1);
}
