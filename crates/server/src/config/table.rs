//! Every parameter: its name, type, default, bounds, sentence, and the requirement of the guide that asks for it.
//!
//! The one place for all of that: the file and the environment are read, `palisade config show` is printed and
//! `docs/configuration.md` is written from this table. Durations count seconds, sizes bytes.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use ipnet::IpNet;

use super::database::{DatabaseUrl, DatabaseUrlFile};
use super::measure::{Size, Span};
use super::net::{HostName, IssuerUrl, LdapUrl, MailAddress, MetricsListen, PublicUrl};
use super::parameter::{Parameter, Section, parameters};
use super::reading::Reading;
use super::search::{IndexName, SearchUrl};
use super::secret::{KeyFile, SecretFile};
use super::value::{Count, ForwardedHeader, LogFormat, LogLevel, MailTls, Notice, RoleMap, Value};
use super::witnessing::{LogKey, WitnessAddress};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

const fn at_most(most: u64) -> RangeInclusive<u64> {
    0..=most
}

const fn at_least(least: u64) -> RangeInclusive<u64> {
    least..=u64::MAX
}

parameters! {
    /// Where the server listens, what it keeps, and how much of it a client can take up.
    [server] Server {
        // All addresses, so that `palisade up` is reachable: nobody gets in without the set-up code. Of IPv4, because
        // hardened hosts often boot without IPv6, and there [::] cannot be bound.
        /// Address and port of the pages and the API; `[::]:8443` listens on IPv6 too.
        listen: SocketAddr = "0.0.0.0:8443", guide "NRV-MS-026";
        /// Address under which browsers reach the server; it names the certificate, the cookies' origin and the passkeys' relying party.
        public_url: Option<PublicUrl> = "";
        /// Further names and addresses of this machine that the server's own certificate is made for.
        host_names: Vec<HostName> = "";
        /// Folder of the database, the keys and the CA, which the server keeps at mode 0700.
        state_dir: PathBuf = "/var/lib/palisade";
        /// Loopback address of the metrics for Prometheus, or `off`.
        metrics_listen: MetricsListen = "127.0.0.1:9443";
        /// Networks of the proxies whose word on the client's address is taken; everybody else's is ignored.
        trusted_proxies: Vec<IpNet> = "";
        /// Header in which those proxies write the client's address; the other one is never read.
        forwarded_header: ForwardedHeader = "x-forwarded-for";
        /// Connections that are open at a time; further ones wait or are refused.
        max_connections: Count = "4096", in 16..=65_536;
        /// Largest body of a request, where a route does not set less.
        max_request_body: Size = "1MiB", in 16 * KIB..=64 * MIB,
            safe at_most(16 * MIB), else "few clients can fill the memory";
        /// Time in which a connection must have finished its TLS handshake.
        handshake_timeout: Span = "10s", in 1..=MINUTE,
            safe at_most(30), else "slow clients can hold all connections";
        /// Time in which the head of a request must have arrived.
        header_timeout: Span = "10s", in 1..=MINUTE,
            safe at_most(30), else "slow clients can hold all connections";
        /// Time in which a request must have been read and answered.
        request_timeout: Span = "30s", in 1..=10 * MINUTE,
            safe at_most(2 * MINUTE), else "slow clients can hold all connections";
        /// Time after which a connection without requests is closed.
        idle_timeout: Span = "60s", in 5..=HOUR,
            safe at_most(5 * MINUTE), else "idle clients can hold all connections";
        /// Time that requests under way are given when the server stops.
        shutdown_grace: Span = "20s", in 0..=10 * MINUTE;
    }

    /// The certificate of the pages; without one the server makes its own CA and renews by itself.
    [tls] Tls {
        /// File with the certificate and its chain in PEM.
        certificate_file: Option<PathBuf> = "", guide "NRV-MS-068";
        /// File with the certificate's private key in PEM.
        key_file: Option<KeyFile> = "", guide "NRV-MS-069";
    }

    /// Where users, sessions, counters and reports are kept.
    [database] DatabaseSettings {
        /// The database: SQLite in the state directory when left out; a network host without `sslmode` gets `verify-full`.
        url: Option<DatabaseUrl> = "";
        /// File that holds the URL of the database, for one with a password.
        url_file: Option<DatabaseUrlFile> = "";
        /// Connections to the database that are open at a time.
        pool_size: Count = "10", in 1..=200;
    }

    /// How many wrong credentials are borne, of whom, and for how long nobody is heard afterwards.
    [brute_force] BruteForce {
        /// Failed logins of one user name from one address before the pair is blocked.
        max_attempts_by_ip_and_username: Count = "5", in 1..=1000,
            safe at_most(5), else "passwords can be guessed for longer than the guide allows", guide "NRV-MS-037";
        /// The same for logins on a node.
        max_attempts_by_ip_and_username_node_users: Count = "10", in 1..=1000,
            safe at_most(10), else "passwords can be guessed for longer than the guide allows", guide "NRV-MS-038";
        /// The same for logins on a dashboard.
        max_attempts_by_ip_and_username_dashboard_users: Count = "10", in 1..=1000,
            safe at_most(10), else "passwords can be guessed for longer than the guide allows", guide "NRV-MS-039";
        /// The same for tokens of the API that are validated.
        max_attempts_by_ip_and_username_validate_token: Count = "10", in 1..=1000,
            safe at_most(10), else "tokens can be guessed for longer than the guide allows", guide "NRV-MS-040";
        /// The same for the credentials of log agents.
        max_attempts_by_ip_and_username_verify_log_agent: Count = "10", in 1..=1000,
            safe at_most(10), else "credentials can be guessed for longer than the guide allows", guide "NRV-MS-041";
        /// The same for logins through the tunnel.
        max_attempts_by_ip_and_username_ws_tunnel: Count = "10", in 1..=1000,
            safe at_most(10), else "credentials can be guessed for longer than the guide allows", guide "NRV-MS-042";
        /// The same for second factors.
        max_attempts_by_ip_and_username_mfa_validation: Count = "10", in 1..=1000,
            safe at_most(10), else "codes can be guessed for longer than the guide allows", guide "NRV-MS-043";
        /// Time over which the failures of a pair of user name and address are counted.
        reset_attempts_interval_by_ip_and_username: Span = "1800s", in MINUTE..=30 * DAY,
            safe at_least(1800), else "who guesses slowly is never blocked", guide "NRV-MS-044";
        /// Time for which a pair of user name and address stays blocked.
        block_duration_by_ip_and_username: Span = "1800s", in MINUTE..=30 * DAY,
            safe at_least(1800), else "guessing goes on sooner than the guide allows", guide "NRV-MS-045";
        /// Failures from one address, whatever the user names, before the address is blocked.
        max_attempts_by_ip: Count = "100", in 1..=100_000,
            safe at_most(100), else "one address can try many user names", guide "NRV-MS-046";
        /// Time over which the failures of an address are counted.
        reset_attempts_interval_by_ip: Span = "86400s", in MINUTE..=90 * DAY,
            safe at_least(DAY), else "an address that guesses slowly is never blocked", guide "NRV-MS-047";
        /// Time for which an address stays blocked.
        block_duration_by_ip: Span = "86400s", in MINUTE..=90 * DAY,
            safe at_least(DAY), else "guessing goes on sooner than the guide allows", guide "NRV-MS-048";
    }

    /// Second factors.
    [mfa] Mfa {
        /// Everybody logs in with a second factor; without it only administrators must. `palisade up` switches it on.
        mfa_enabled: bool = "false", guide "NRV-MS-053";
    }

    /// Logged-in users.
    [sessions] Sessions {
        /// Time without a request after which a session is locked until the user proves who they are again.
        idle_lock: Span = "15m", in MINUTE..=DAY,
            safe at_most(30 * MINUTE), else "whoever finds an abandoned screen is logged in";
        /// Time after which a session ends whatever happens.
        absolute_lifetime: Span = "8h", in 5 * MINUTE..=30 * DAY,
            safe at_most(12 * HOUR), else "a stolen session stays good for longer than a working day";
        /// Sessions of one user at a time; a further login ends the oldest.
        max_per_user: Count = "5", in 1..=100,
            safe at_most(10), else "a stolen session goes unnoticed among the others";
        /// Time for which dangerous actions are open after the user proved who they are.
        privilege_window: Span = "600s", in MINUTE..=10 * MINUTE;
        /// What is shown before the login of who may use the system and what is recorded.
        use_notice: Notice = "This system is for authorised users only. What you do here is recorded and may be reviewed.";
    }

    /// What a password must be, and how it is kept.
    [passwords] Passwords {
        /// Fewest characters of a password.
        min_length: Count = "12", in 8..=128,
            safe at_least(12), else "short passwords are guessed or cracked", guide "NRV-MS-016";
        /// Least strength by the estimator, from 0 (guessed at once) to 4 (very unguessable).
        min_strength: Count = "3", in 0..=4,
            safe at_least(3), else "passwords from lists of known ones are accepted", guide "NRV-MS-016";
        /// Earlier passwords that a user may not take again.
        history: Count = "10", in 0..=50,
            safe at_least(5), else "a password that leaked once comes back", guide "NRV-MS-016";
        /// Age at which a password must be changed; never when left out.
        max_age: Option<Span> = "", in DAY..=3650 * DAY, guide "NRV-MS-017";
        /// File with further words and passwords that nobody may choose: one a line, or `sha256:` and the hash of one.
        known_bad_file: Option<PathBuf> = "";
        /// Memory of one Argon2id hash; measured on this machine at set-up when left out, as are the next two.
        argon2_memory: Option<Size> = "", in 7 * MIB..=1024 * MIB;
        /// Passes of one Argon2id hash.
        argon2_iterations: Option<Count> = "", in 1..=32;
        /// Lanes of one Argon2id hash.
        argon2_parallelism: Option<Count> = "", in 1..=8;
    }

    /// The mail server through which invitations and resets of credentials are sent; none without `host`.
    [mail] Mail {
        /// Name of the mail server.
        host: Option<HostName> = "", guide "NRV-MS-030";
        /// Port of the mail server.
        port: Count = "587", in 1..=65_535, guide "NRV-MS-030";
        /// How the connection is encrypted.
        tls: MailTls = "starttls", guide "NRV-MS-030";
        /// Name to log in with there.
        username: Option<String> = "";
        /// File with the password to log in with there.
        password_file: Option<SecretFile> = "";
        /// Address that mails come from.
        from: Option<MailAddress> = "";
        /// File with the CA of the mail server in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
    }

    /// Login through an OpenID provider; none without `issuer`.
    [oidc] Oidc {
        /// Address of the provider.
        issuer: Option<IssuerUrl> = "";
        /// Name by which the provider knows Palisade.
        client_id: Option<String> = "";
        /// File with the secret by which the provider knows Palisade; a public client has none.
        client_secret_file: Option<SecretFile> = "";
        /// Scopes that are asked for.
        scopes: Vec<String> = "openid,profile,email";
        /// Claim that holds the user's name.
        username_claim: String = "preferred_username";
        /// Claim that holds the user's groups.
        groups_claim: String = "groups";
        /// Which role the members of which group have; who is in none of them cannot log in.
        roles: RoleMap = "";
        /// File with the CA of the provider in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
    }

    /// Login through a directory; none without `url`.
    [ldap] Ldap {
        /// Address of the directory, always with TLS.
        url: Option<LdapUrl> = "";
        /// Entry to search as.
        bind_dn: Option<String> = "";
        /// File with the password of that entry.
        bind_password_file: Option<SecretFile> = "";
        /// Entry below which users are searched.
        base: Option<String> = "";
        /// Search for a user; `{username}` stands for the escaped name.
        filter: String = "(&(objectClass=person)(uid={username}))";
        /// Attribute of a user that holds the groups.
        group_attribute: String = "memberOf";
        /// Entry below which groups are searched instead, where users do not hold theirs.
        group_base: Option<String> = "";
        /// Search for the groups of a user; `{dn}` stands for the user's entry.
        group_filter: String = "(&(objectClass=groupOfNames)(member={dn}))";
        /// Which role the members of which group have; who is in none of them cannot log in.
        roles: RoleMap = "";
        /// File with the CA of the directory in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
    }

    /// How often this machine is looked at.
    [audit] Audit {
        /// Time between two audits of this machine.
        interval: Span = "1h", in 5 * MINUTE..=7 * DAY,
            safe at_most(DAY), else "what changed stays unseen for more than a day";
    }

    /// How long records are kept before they may be pruned.
    [audit_logs] AuditLogs {
        /// Retention of the records of the Management System.
        file_warm_state_retention_policy_audit_ms: Span = "180d", in DAY..=3650 * DAY,
            safe at_least(180 * DAY), else "what an intruder did is gone before anybody looks", guide "NRV-MS-050";
        /// Retention of the records of nodes.
        file_warm_state_retention_policy_security_auditlog: Span = "180d", in DAY..=3650 * DAY,
            safe at_least(180 * DAY), else "what an intruder did is gone before anybody looks", guide "NRV-MS-051";
        /// Retention of the records of workloads.
        file_warm_state_retention_policy_audit_docker_log: Span = "180d", in DAY..=3650 * DAY,
            safe at_least(180 * DAY), else "what an intruder did is gone before anybody looks", guide "NRV-MS-052";
        /// Room that all records may take in the database; `0B` for all that the disk has.
        capacity: Size = "16GiB", in at_most(1 << 44);
    }

    /// Ledgers that vouch for one another: this server as a witness of others, and others as witnesses of its own ledger.
    [witnessing] Witnessing {
        /// Ledgers of others that this server cosigns, as long as each goes on from what was cosigned before; the key of each stream.
        logs: Vec<LogKey> = "";
        /// Witnesses that are asked to cosign this server's ledger: the key of each and, after a space, its address.
        witnesses: Vec<WitnessAddress> = "";
        /// File with the CA of the witnesses in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
    }

    /// Where the ledger is sent as syslog, always over TLS; nowhere without `host`.
    [ledger_syslog] LedgerSyslog {
        /// Name of the receiver, as its certificate has it.
        host: Option<HostName> = "";
        /// Port of the receiver.
        port: Count = "6514", in 1..=65_535;
        /// File with the CA of the receiver in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
        /// File with the certificate that is shown to the receiver, with its chain, in PEM.
        client_certificate_file: Option<PathBuf> = "";
        /// File with the private key of that certificate in PEM.
        client_key_file: Option<KeyFile> = "";
    }

    /// Where the ledger is sent as documents, by the bulk API of OpenSearch; nowhere without `url`.
    [ledger_opensearch] LedgerOpensearch {
        /// Address of OpenSearch; without TLS on this machine alone.
        url: Option<SearchUrl> = "";
        /// Index, data stream or alias; `{stream}` stands for the stream of the ledger, `{date}` for the entry's day.
        index: IndexName = "palisade-ledger-{stream}-{date}";
        /// Name to log in with there.
        username: Option<String> = "";
        /// File with the password to log in with there.
        password_file: Option<SecretFile> = "";
        /// File with an API key to log in with there instead.
        api_key_file: Option<SecretFile> = "";
        /// File with the CA of OpenSearch in PEM, when it is none that this machine trusts.
        ca_file: Option<PathBuf> = "";
    }

    /// Remote connections to nodes.
    [remote_connection] RemoteConnection {
        /// Time for which an open remote connection outlives the link to the Management System.
        session_duration: Span = "3600s", in MINUTE..=DAY,
            safe at_most(3600), else "nobody can end the connection for longer than the guide allows", guide "NRV-MS-049";
    }

    /// What the server says of itself.
    [log] Log {
        /// Form of the lines.
        format: LogFormat = "text";
        /// Least important lines that are written.
        level: LogLevel = "info";
    }
}
