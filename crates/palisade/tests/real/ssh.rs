//! A real sshd at its usual place, well and badly set: main file, drop-ins, Match blocks, keys.

use serde_json::json;

use crate::verdicts::{Verdicts, assert_all_shown, looks};

/// Accounts, host keys and a good configuration. `write FILE` writes what follows; `key NAME OPTIONS` makes a key.
const GOOD: &str = r#"
cat > /etc/passwd <<END
root:x:0:0::/root:/bin/bash
sshd:x:100:65534::/run/sshd:/usr/sbin/nologin
alice:x:1000:1000::/home/alice:/bin/bash
bob:x:1001:1001::/home/bob:/bin/bash
END
printf 'root:x:0:\nnogroup:x:65534:\nalice:x:1000:\nbob:x:1001:\noperators:x:2000:alice\n' > /etc/group
printf 'root:*:20000::::::\nalice:$y$j9T$salt$hash:20000::::::\nbob:$y$j9T$salt$hash:20000::::::\n' > /etc/shadow
rm -rf /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d /etc/ssh/sshd_config
mkdir -p /etc/ssh/sshd_config.d /run/keys
key() { ssh-keygen -q -N "" -f "/run/keys/$1" -t "$2" ${3:+-b "$3"} -C "$1@example.org"; }
ssh-keygen -q -N "" -t ed25519 -f /etc/ssh/ssh_host_ed25519_key
for user in alice bob; do
    mkdir -p -m 700 /home/$user/.ssh
    key $user ed25519
    printf 'from="192.0.2.0/24" %s\n' "$(cat /run/keys/$user.pub)" > /home/$user/.ssh/authorized_keys
    chmod 600 /home/$user/.ssh/authorized_keys
    chown -R $user:$user /home/$user
done
key long rsa 4096
sed 's/^/from="192.0.2.7" /' /run/keys/long.pub >> /home/alice/.ssh/authorized_keys
cat > /etc/ssh/sshd_config <<END
Include /etc/ssh/sshd_config.d/*.conf
PasswordAuthentication yes
PermitRootLogin yes
HostKey /etc/ssh/ssh_host_ed25519_key
END
cat > /etc/ssh/sshd_config.d/10-site.conf <<END
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
AllowGroups operators
AllowUsers alice
MaxAuthTries 4
LoginGraceTime 60
ClientAliveInterval 300
ClientAliveCountMax 3
X11Forwarding no
DisableForwarding yes
PermitTunnel no
Banner /etc/issue.net
LogLevel VERBOSE
MaxSessions 4
MaxStartups 10:30:60
RequiredRSASize 3072
Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com
MACs hmac-sha2-512-etm@openssh.com,hmac-sha2-256-etm@openssh.com
KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256
END
"#;

/// Everything that can be wrong.
const BAD: &str = r#"
cat > /etc/ssh/sshd_config.d/10-site.conf <<END
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication yes
UsePAM yes
PubkeyAuthentication no
AllowUsers alice bob ghost
MaxAuthTries 20
LoginGraceTime 0
X11Forwarding yes
AllowTcpForwarding yes
AllowAgentForwarding yes
PermitTunnel yes
GatewayPorts yes
PermitEmptyPasswords yes
HostbasedAuthentication yes
IgnoreRhosts no
GSSAPIAuthentication yes
PermitUserEnvironment yes
StrictModes no
LogLevel QUIET
MaxSessions 100
MaxStartups 100:30:200
RequiredRSASize 1024
Ciphers +aes128-cbc
MACs +hmac-md5
KexAlgorithms +diffie-hellman-group14-sha1
PubkeyAcceptedAlgorithms +ssh-rsa
HostKeyAlgorithms +ssh-rsa
HostKey /etc/ssh/ssh_host_rsa_key
END
chmod 666 /etc/ssh/sshd_config.d/10-site.conf
ssh-keygen -q -N "" -t rsa -b 1024 -f /etc/ssh/ssh_host_rsa_key
chmod 644 /etc/ssh/ssh_host_rsa_key
key short rsa 2048
key curve ecdsa 256
key nameless ed25519
{
    cat /run/keys/bob.pub /run/keys/short.pub /run/keys/curve.pub
    cut -d' ' -f1,2 /run/keys/nameless.pub
    echo 'ssh-ed25519 cut-off'
} > /home/alice/.ssh/authorized_keys
touch -d '2 years ago' /home/alice/.ssh/authorized_keys
chmod 666 /home/alice/.ssh/authorized_keys
cp /run/keys/short /home/alice/.ssh/id_rsa
rm /home/bob/.ssh/authorized_keys
"#;

/// What the site has approved; the fingerprints are those of this run.
fn approved(document: &model::FactsDocument) -> serde_json::Value {
    let keys = document.facts["ssh"]["authorized_keys"].as_array().unwrap();
    let registered: Vec<_> = keys
        .iter()
        .map(|key| json!({"user": key["user"], "fingerprint": key["fingerprint"], "registered": key["changed_at"]}))
        .collect();
    json!({"ssh_users": ["alice"], "ssh_keys": registered, "retired_ssh_keys": []})
}

#[test]
fn every_rule_on_ssh_is_passed_and_failed_by_a_real_server() {
    let script = format!(
        r#"{GOOD}
        look ssh accounts
        # A second factor needs PAM, and a password that is not the only way in.
        printf 'UsePAM yes\nKbdInteractiveAuthentication yes\nAuthenticationMethods publickey,keyboard-interactive\n' \
            > /etc/ssh/sshd_config.d/05-factors.conf
        cp /run/keys/alice /home/alice/.ssh/id_ed25519
        ssh-keygen -q -p -N secret -f /home/alice/.ssh/id_ed25519
        look ssh accounts
        rm /etc/ssh/sshd_config.d/05-factors.conf
        {BAD}
        look ssh accounts
        sed -i /AllowUsers/d /etc/ssh/sshd_config.d/10-site.conf
        cp /run/keys/bob.pub /home/bob/.ssh/authorized_keys
        look ssh accounts
        printf 'AllowGroups nobodies\n' > /etc/ssh/sshd_config.d/05-empty.conf
        look ssh accounts
        echo 'PermitRootLogin perhaps' > /etc/ssh/sshd_config.d/05-broken.conf
        look ssh accounts"#
    );
    let states = looks(&script);
    let declared = approved(&states[0]);
    let good = Verdicts::new("good", &states[0], declared.clone());
    let factors = Verdicts::new("two factors", &states[1], declared.clone());
    let mut retired = declared;
    retired["retired_ssh_keys"] = json!([states[2].facts["ssh"]["authorized_keys"][1]["fingerprint"]]);
    let bad = Verdicts::new("bad", &states[2], retired.clone());
    let open = Verdicts::new("open to all", &states[3], retired.clone());
    let empty = Verdicts::new("groups without members", &states[4], retired.clone());
    let broken = Verdicts::new("broken", &states[5], retired);
    good.are(
        "pass ssh.config-accepted
         pass ssh.config-protected
         pass ssh.root-login-off
         pass ssh.password-login-off
         pass ssh.keyboard-interactive-off
         pass ssh.pam-off
         pass ssh.key-login-on
         pass ssh.logins-restricted
         pass ssh.login-group-set
         pass ssh.login-groups-have-members
         pass ssh.login-users-approved
         pass ssh.login-users-key-only
         pass ssh.login-users-have-keys alice
         none ssh.login-users-have-keys bob
         fail ssh.second-factor alice
         pass ssh.tcp-forwarding-off
         pass ssh.ciphers-strong
         pass ssh.host-keys-private
         pass ssh.keys-of-strong-type
         pass ssh.keys-restricted-by-source
         pass ssh.keys-fresh alice
         pass ssh.key-files-private
         pass ssh.private-keys-elsewhere
         n/a ssh.private-keys-encrypted",
    );
    factors.are(
        "pass ssh.second-factor
         fail ssh.pam-off
         fail ssh.private-keys-elsewhere
         pass ssh.private-keys-encrypted",
    );
    bad.are(
        "fail ssh.config-protected
         fail ssh.root-login-off
         fail ssh.root-password-login-off
         fail ssh.password-login-off
         fail ssh.keyboard-interactive-off
         fail ssh.pam-off
         fail ssh.key-login-on
         pass ssh.logins-restricted
         fail ssh.login-group-set
         fail ssh.allowed-users-exist ghost
         fail ssh.login-users-approved bob
         pass ssh.login-users-approved alice
         fail ssh.login-users-key-only alice
         fail ssh.auth-tries-limited
         fail ssh.login-time-limited
         fail ssh.idle-sessions-end
         fail ssh.x11-forwarding-off
         fail ssh.tcp-forwarding-off
         fail ssh.agent-forwarding-off
         fail ssh.tunnel-off
         fail ssh.gateway-ports-off
         fail ssh.empty-passwords-off
         fail ssh.hostbased-login-off
         fail ssh.rhosts-ignored
         fail ssh.gssapi-off
         fail ssh.user-environment-off
         fail ssh.strict-modes-on
         fail ssh.banner-set
         fail ssh.logins-logged
         fail ssh.sessions-limited
         fail ssh.startups-limited
         fail ssh.rsa-keys-long-enough-required
         fail ssh.ciphers-strong
         fail ssh.macs-strong
         fail ssh.key-exchanges-strong
         fail ssh.user-signatures-strong
         fail ssh.host-signatures-strong
         fail ssh.host-keys-private ssh_host_rsa_key
         fail ssh.host-keys-strong ssh_host_rsa_key
         pass ssh.host-keys-strong ssh_host_ed25519_key
         fail ssh.keys-well-formed
         fail ssh.keys-name-their-owner
         fail ssh.keys-of-strong-type
         fail ssh.rsa-keys-long
         fail ssh.keys-restricted-by-source
         fail ssh.keys-registered
         fail ssh.registered-keys-installed
         fail ssh.keys-fresh
         fail ssh.retired-keys-removed
         fail ssh.key-files-private
         fail ssh.private-keys-elsewhere
         fail ssh.private-keys-encrypted",
    );
    open.are("fail ssh.logins-restricted\nfail ssh.keys-personal bob\nfail ssh.login-users-approved bob");
    empty.are("fail ssh.login-groups-have-members nobodies");
    broken.are(
        "fail ssh.config-accepted
         fail ssh.config-protected",
    );
    assert_all_shown("ssh.", &[&good, &factors, &bad, &open, &empty, &broken], &[]);
}

#[test]
fn the_first_value_wins_and_a_match_block_may_weaken_it() {
    let script = format!(
        r#"{GOOD}
        # A later file changes nothing; an earlier one does.
        printf 'PermitRootLogin yes\nPermitEmptyPasswords yes\n' > /etc/ssh/sshd_config.d/20-late.conf
        look ssh accounts
        printf 'PermitRootLogin prohibit-password\n' > /etc/ssh/sshd_config.d/05-early.conf
        look ssh accounts
        rm /etc/ssh/sshd_config.d/05-early.conf /etc/ssh/sshd_config.d/20-late.conf
        cat >> /etc/ssh/sshd_config <<END
Match Address 192.0.2.0/24
    PermitRootLogin yes
    PasswordAuthentication yes
    X11Forwarding yes
    AllowUsers root
END
        look ssh accounts
        rm -r /etc/ssh/sshd_config.d /etc/ssh/sshd_config
        look ssh accounts"#
    );
    let states = looks(&script);
    let state = |name, index: usize| Verdicts::new(name, &states[index], approved(&states[0]));
    state("late", 0).are("pass ssh.root-login-off\nfail ssh.empty-passwords-off\npass ssh.password-login-off");
    state("early", 1).are("fail ssh.root-login-off\npass ssh.root-password-login-off");
    state("match", 2).are(
        "pass ssh.root-login-off all connections
         fail ssh.root-login-off Match Address 192.0.2.0/24
         fail ssh.root-password-login-off Match Address 192.0.2.0/24
         pass ssh.password-login-off all connections
         fail ssh.password-login-off Match Address
         fail ssh.x11-forwarding-off Match Address
         pass ssh.agent-forwarding-off
         pass ssh.auth-tries-limited",
    );
    // What sshd does without any configuration: Debian's packaged defaults are in the file, not in the program.
    let bare = &states[3].facts["ssh"]["server"];
    assert!(bare.is_object(), "{bare}");
}
