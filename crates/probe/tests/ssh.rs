//! The model of sshd's configuration against the real `sshd -T`, for every option that both know.
#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up must stop, and it works on this machine"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use host::{Door, Tree};
use model::report::{Target, TargetKind};
use probe::{PROBES, Request, Subject};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A made-up machine on disk: its tree is what the probe reads, and real sshd is given a copy of its files.
struct Host {
    root: TempDir,
}

impl Host {
    fn new(files: &[(&str, &str)]) -> Self {
        let host = Self { root: tempfile::tempdir().unwrap() };
        host.write("usr/sbin/sshd", "");
        host.write("etc/passwd", "root:x:0:0::/root:/bin/sh\nbin:x:2:2::/bin:/usr/sbin/nologin\n");
        host.write("etc/group", "root:x:0:\nbin:x:2:\n");
        for (path, content) in files {
            host.write(path.trim_start_matches('/'), content);
        }
        host
    }

    fn write(&self, path: &str, content: &str) {
        let place = self.root.path().join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, content).unwrap();
    }

    /// What the probe makes of the tree, in which no program runs.
    fn ssh(&self) -> Value {
        let door = Door::new(Arc::new(Tree::new(self.root.path()).unwrap()));
        let request = Request {
            door: &door,
            target: Target { kind: TargetKind::Host, name: "test".to_owned(), id: String::new() },
            now: "2026-01-01T00:00:00Z".parse().unwrap(),
            sections: &["ssh".to_owned()],
            probes: PROBES,
            subject: Subject::Host,
        };
        probe::collect(&request, &mut |_| {}).facts["ssh"].clone()
    }

    /// What sshd says of the same files: a copy whose includes lead into the copy.
    fn real(&self, connection: Option<&str>) -> BTreeMap<String, String> {
        // sshd wants its directory for privilege separation even to print its settings.
        fs::create_dir_all("/run/sshd").unwrap();
        let copy = tempfile::tempdir().unwrap();
        copy_rewritten(&self.root.path().join("etc/ssh"), &copy.path().join("etc/ssh"), copy.path());
        let key = copy.path().join("key");
        let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status();
        assert!(made.expect("openssh-client is installed").success(), "ssh-keygen makes a key");
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.arg("-T").arg("-f").arg(copy.path().join("etc/ssh/sshd_config")).arg("-h").arg(&key);
        if let Some(connection) = connection {
            sshd.args(["-C", connection]);
        }
        let output = sshd.output().expect("openssh-server is installed");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut printed: BTreeMap<String, String> = BTreeMap::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let (name, value) = line.split_once(' ').unwrap_or((line, ""));
            let value = if value == "without-password" { "prohibit-password" } else { value };
            printed
                .entry(name.to_owned())
                .and_modify(|known| *known = format!("{known} {value}"))
                .or_insert_with(|| value.to_owned());
        }
        printed
    }
}

/// Copies a directory of configuration; `Include` leads to the copy, relative to its /etc/ssh.
fn copy_rewritten(from: &Path, to: &Path, root: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_rewritten(&entry.path(), &target, root);
            continue;
        }
        let text = fs::read_to_string(entry.path()).unwrap();
        let lines = text.lines().map(|line| {
            let mut words = line.split_whitespace();
            let keyword = words.next().unwrap_or_default();
            if !keyword.eq_ignore_ascii_case("include") {
                return line.to_owned();
            }
            let paths = words.map(|path| root.join("etc/ssh").join(path.trim_start_matches("/etc/ssh/")));
            let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
            format!("{keyword} {}", paths.join(" "))
        });
        fs::write(target, lines.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    }
}

/// sshd prints the host key that the test gives it with `-h`.
const SKIPPED: &str = "hostkey";

fn compare(case: &str, modelled: &Value, real: &BTreeMap<String, String>) {
    let mut differing = Vec::new();
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort();
        words
    };
    for (name, value) in real.iter().filter(|(name, _)| *name != SKIPPED) {
        let Some(ours) = modelled.get(name) else { continue };
        let same = match ours.as_str() {
            // The order of addresses is the resolver's.
            Some(ours) if name == "listenaddress" => sorted(ours) == sorted(value),
            Some(ours) => ours == value,
            None => false,
        };
        if !same {
            differing.push(format!("{name}: modelled {ours}, sshd says {value}"));
        }
    }
    // What we say is set, sshd must print too.
    for (name, ours) in modelled.as_object().unwrap() {
        let is_printed = real.contains_key(name) || name == "debianbanner" || name == SKIPPED;
        if !is_printed && ours.is_string() {
            differing.push(format!("{name}: modelled {ours}, sshd does not print it"));
        }
    }
    assert!(differing.is_empty(), "{case}:\n{}", differing.join("\n"));
}

fn check(main: &str) {
    check_files(&[("/etc/ssh/sshd_config", main)]);
}

fn check_files(files: &[(&str, &str)]) {
    let host = Host::new(files);
    compare(&format!("{files:?}"), &host.ssh()["server"]["options"], &host.real(None));
}

#[test]
fn defaults_are_those_of_the_real_sshd() {
    check("");
}

#[test]
fn single_settings_read_as_sshd_reads_them() {
    for config in [
        "PermitRootLogin without-password\n",
        "PermitRootLogin PROHIBIT-PASSWORD\n",
        "permitrootlogin yes\nPermitRootLogin no\n",
        "PasswordAuthentication=no\nUsePAM = yes\n",
        "\tPasswordAuthentication\tno   # a comment\n",
        "\"PasswordAuthentication\" \"no\"\n",
        "ChallengeResponseAuthentication no\nKbdInteractiveAuthentication yes\n",
        "LoginGraceTime 1m30s\nClientAliveInterval 5m\nClientAliveCountMax 0\n",
        "LoginGraceTime 0\n",
        "MaxStartups 10\n",
        "MaxStartups 10:30:60\nMaxAuthTries 3\nMaxSessions 4\n",
        "RekeyLimit 1G 1h\n",
        "RekeyLimit default none\n",
        "RekeyLimit 512k\n",
        "IPQoS af21\n",
        "IPQoS af21 cs1\n",
        "Ciphers ^aes256-ctr\nMACs +hmac-md5\nHostKeyAlgorithms -ecdsa*\n",
        "Ciphers -chacha20*,aes1*\nKexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1\n",
        "PubkeyAcceptedKeyTypes ssh-ed25519\nCASignatureAlgorithms -rsa*\n",
        "PubkeyAcceptedAlgorithms +ssh-rsa\n",
        "AllowUsers alice bob@10.0.0.1\nAllowUsers \"carol d\"\nDenyGroups x\n",
        "AllowGroups ssh admins\nDenyUsers *test?\n",
        "AcceptEnv LANG LC_*\nAcceptEnv FOO\nSetEnv A=b \"C=d e\"\nSetEnv X=y\n",
        "Port 23\nPort 24\nListenAddress 127.0.0.1\nListenAddress [::1]:2222\n",
        "ListenAddress ::1\nListenAddress 127.0.0.1:99\n",
        "AddressFamily inet\nPort 2200\n",
        "AddressFamily inet6\n",
        "Subsystem sftp internal-sftp -f AUTH -l INFO\n",
        "Subsystem\tsftp\t/usr/lib/openssh/sftp-server\n",
        "ForceCommand  echo \"hi  x\" # no comment\nBanner /etc/issue.net\n",
        "Banner NONE\nVersionAddendum foo bar\n",
        "AuthorizedKeysFile %h/.ssh/authorized_keys /etc/ssh/keys/%u\nAuthorizedKeysFile none\n",
        "AuthorizedKeysCommand /usr/bin/keys %u %k\nAuthorizedKeysCommandUser nobody\n",
        "AuthenticationMethods publickey,keyboard-interactive publickey,password\n",
        "AllowTcpForwarding all\nAllowStreamLocalForwarding local\nGatewayPorts clientspecified\n",
        "PermitTunnel ethernet\nPermitOpen a:1 b:2\nPermitListen none\nCompression delayed\n",
        "StreamLocalBindMask 0077\nStreamLocalBindUnlink yes\n",
        "LogLevel verbose\nSyslogFacility auth\nLogVerbose kex.c:*:1000\n",
        "PerSourceMaxStartups 5\nPerSourceNetBlockSize 24\n",
        "PermitUserEnvironment LANG,LC_*\nIgnoreRhosts shosts-only\nStrictModes no\n",
        "UnusedConnectionTimeout 5m\nRequiredRSASize 2048\nPubkeyAuthOptions touch-required\n",
        "X11Forwarding yes\nX11DisplayOffset 12\nX11UseLocalhost no\nTrustedUserCAKeys /etc/ssh/ca.pub\n",
        "HostbasedAuthentication yes\nPermitEmptyPasswords yes\nUseDNS yes\nTCPKeepAlive no\n",
        "FingerprintHash md5\nPidFile none\nPrintMotd no\nExposeAuthInfo yes\nDisableForwarding yes\n",
        "Protocol 2\nUsePrivilegeSeparation sandbox\nRSAAuthentication yes\nMaxAuthTries 2\n",
        "GSSAPIAuthentication yes\nKeepAlive no\n",
    ] {
        check(config);
    }
}

#[test]
fn includes_are_read_where_they_stand() {
    let main = "MaxAuthTries 2\nInclude /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nX11Forwarding no\n";
    check_files(&[
        ("/etc/ssh/sshd_config", main),
        ("/etc/ssh/sshd_config.d/20-b.conf", "MaxAuthTries 5\nPermitRootLogin yes\nMaxSessions 3\n"),
        ("/etc/ssh/sshd_config.d/10-a.conf", "MaxSessions 7\nAllowUsers x\n"),
        ("/etc/ssh/sshd_config.d/.hidden.conf", "X11Forwarding yes\n"),
        ("/etc/ssh/sshd_config.d/30-c.conf.bak", "X11Forwarding yes\n"),
    ]);
    check_files(&[
        ("/etc/ssh/sshd_config", "Include sshd_config.d/[1-2]?.conf missing.conf more/*\nAllowUsers main\n"),
        ("/etc/ssh/sshd_config.d/1a.conf", "AllowUsers one\nInclude nested.conf\n"),
        ("/etc/ssh/sshd_config.d/3a.conf", "AllowUsers three\n"),
        ("/etc/ssh/nested.conf", "AllowUsers nested\nLogLevel DEBUG\n"),
        ("/etc/ssh/more/x", "LogLevel ERROR\nBanner /x\n"),
    ]);
}

#[test]
fn a_match_ends_with_its_file_and_does_not_reach_the_globals() {
    check_files(&[
        (
            "/etc/ssh/sshd_config",
            "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nMatch User x\n PermitRootLogin yes\n",
        ),
        ("/etc/ssh/sshd_config.d/a.conf", "Match Address 10.0.0.0/8\nMaxAuthTries 1\n"),
        ("/etc/ssh/sshd_config.d/b.conf", "MaxAuthTries 4\n"),
    ]);
    check("Match all\nPermitRootLogin yes\nMatch User b\nMaxAuthTries 3\nMatch all\nMaxAuthTries 2\n");
    check_files(&[
        ("/etc/ssh/sshd_config", "Match User x\nInclude /etc/ssh/inner.conf\n"),
        ("/etc/ssh/inner.conf", "MaxAuthTries 1\nMatch all\nMaxSessions 2\n"),
    ]);
}

/// Compares every scope of the model with what sshd says of a connection that meets it.
fn check_matches(files: &[(&str, &str)], expected: &[(&str, &str)]) {
    let host = Host::new(files);
    let ssh = host.ssh();
    let scopes = ssh["server"]["scopes"].as_array().unwrap();
    let names: Vec<&str> = scopes[1..].iter().map(|scope| scope["name"].as_str().unwrap()).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (scope, (name, connection)) in scopes[1..].iter().zip(expected) {
        let options = scope["options"].as_object().unwrap();
        let mut real = host.real(Some(connection));
        real.retain(|name, _| options.contains_key(name));
        compare(&format!("{files:?} {name}"), &scope["options"], &real);
    }
}

#[test]
fn match_blocks_change_what_sshd_says_they_change() {
    let neutral = "user=u,host=h,addr=192.0.2.1,laddr=192.0.2.2,lport=22";
    check_matches(
        &[(
            "/etc/ssh/sshd_config",
            "PasswordAuthentication no\nPermitRootLogin no\nAllowUsers a b\nAcceptEnv A\n\
             Match Address 10.0.0.0/8,!10.1.0.0/16\n PermitRootLogin yes\n AllowUsers c\n\
             Match User bin,root Host *.example.org\n PasswordAuthentication yes\n PermitRootLogin yes\n\
             Match Group bin\n X11Forwarding yes\n AcceptEnv B\n AcceptEnv C\n\
             Match LocalPort 2222\n MaxAuthTries 1\n MaxAuthTries 2\n ForceCommand /bin/x y\n",
        )],
        &[
            ("Match Address 10.0.0.0/8,!10.1.0.0/16", &neutral.replace("192.0.2.1,", "10.0.0.0,")),
            (
                "Match User bin,root Host *.example.org",
                &neutral.replace("user=u,host=h", "user=root,host=x.example.org"),
            ),
            ("Match Group bin", &neutral.replace("user=u", "user=bin")),
            ("Match LocalPort 2222", &neutral.replace("lport=22", "lport=2222")),
        ],
    );
    check_matches(
        &[
            (
                "/etc/ssh/sshd_config",
                "Include /etc/ssh/d/*.conf\nMatch User w\n Include /etc/ssh/inner\n MaxSessions 1\n",
            ),
            (
                "/etc/ssh/d/1.conf",
                "MaxAuthTries 3\nMatch User v*\n MaxAuthTries 4\n PasswordAuthentication no\n",
            ),
            ("/etc/ssh/d/2.conf", "PasswordAuthentication yes\nMatch User vx\n MaxAuthTries 9\n"),
            ("/etc/ssh/inner", "Match Address 192.0.2.0/24\n MaxAuthTries 8\n"),
        ],
        &[
            ("Match User v*", &neutral.replace("user=u", "user=vy")),
            ("Match User vx", &neutral.replace("user=u", "user=vx")),
            ("Match User w", &neutral.replace("user=u", "user=w")),
            ("Match User w and Address 192.0.2.0/24", &neutral.replace("user=u", "user=w")),
        ],
    );
}

/// The four cases that no other auditor gets right all together.
#[test]
fn root_login_is_judged_as_sshd_decides_it() {
    let root_login = |files: &[(&str, &str)]| {
        let host = Host::new(files);
        let server = host.ssh()["server"].clone();
        assert_eq!(server["options"]["permitrootlogin"], host.real(None)["permitrootlogin"].as_str());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let scopes = server["scopes"].as_array().unwrap().iter();
        scopes
            .map(|scope| (text(&scope["name"]), text(&scope["options"]["permitrootlogin"])))
            .collect::<Vec<_>>()
    };
    let all = |value: &str| ("all connections".to_owned(), value.to_owned());
    let include = "Include /etc/ssh/sshd_config.d/*.conf\n";
    let with_no = format!("{include}PermitRootLogin no\n");
    let drop_in = "/etc/ssh/sshd_config.d/10.conf";
    assert_eq!(root_login(&[("/etc/ssh/sshd_config", include)]), [all("prohibit-password")]);
    assert_eq!(
        root_login(&[("/etc/ssh/sshd_config", include), (drop_in, "PermitRootLogin no\n")]),
        [all("no")]
    );
    assert_eq!(
        root_login(&[("/etc/ssh/sshd_config", &with_no), (drop_in, "PermitRootLogin yes\n")]),
        [all("yes")]
    );
    let weakened = format!("{with_no}Match Address 10.0.0.0/8\nPermitRootLogin yes\n");
    assert_eq!(
        root_login(&[("/etc/ssh/sshd_config", &weakened)]),
        [all("no"), ("Match Address 10.0.0.0/8".to_owned(), "yes".to_owned())]
    );
}

#[test]
fn keys_have_the_length_and_fingerprint_that_ssh_keygen_prints() {
    let made = tempfile::tempdir().unwrap();
    let mut lines = String::new();
    let mut expected = Vec::new();
    for (kind, bits) in
        [("rsa", "2048"), ("rsa", "1024"), ("ed25519", "256"), ("ecdsa", "384"), ("ecdsa", "521")]
    {
        let path = made.path().join(format!("{kind}{bits}"));
        let arguments = ["-q", "-t", kind, "-b", bits, "-N", "secret", "-C", "me@here", "-f"];
        assert!(Command::new("ssh-keygen").args(arguments).arg(&path).status().unwrap().success());
        let printed = Command::new("ssh-keygen").arg("-lf").arg(&path).output().unwrap().stdout;
        let printed = String::from_utf8(printed).unwrap();
        let mut words = printed.split(' ').map(str::to_owned);
        expected.push((words.next().unwrap(), words.next().unwrap()));
        let public = fs::read_to_string(path.with_extension("pub")).unwrap();
        lines.push_str(&format!("from=\"10.0.0.1,*.x\",restrict,command=\"a \\\"b, c\" {public}"));
    }
    let host = Host::new(&[("/etc/ssh/sshd_config", ""), ("/root/.ssh/authorized_keys", &lines)]);
    fs::copy(made.path().join("rsa2048"), host.root.path().join("root/.ssh/id_rsa")).unwrap();
    let ssh = host.ssh();
    let keys = ssh["authorized_keys"].as_array().unwrap();
    let found: Vec<(String, String)> = keys
        .iter()
        .map(|key| (key["bits"].to_string(), key["fingerprint"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(keys[0]["from"], json!(["10.0.0.1", "*.x"]));
    assert_eq!(keys[0]["options"], json!(["from", "restrict", "command"]));
    assert_eq!(keys[0]["comment"], "me@here");
    assert_eq!(ssh["private_keys"][0]["encrypted"], true);
}
