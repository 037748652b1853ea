//! The section on made-up machines.

use model::Fact;
use model::facts::accounts::{Accounts, SudoGrant, User};
use test_support::Machine;

use crate::Context;

const PASSWD: &str = "root:x:0:0::/root:/bin/bash\ndaemon:x:1:1::/usr/sbin:/usr/sbin/nologin\n\
    alice:x:1000:1000::/home/alice:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/sh\n\
    toor:x:0:0::/root:/bin/sh\nold:$6$a$hash:1002:1002::/home/old:\n+nis::::::\nbroken\n";
const GROUP: &str =
    "root:x:0:\ndaemon:x:1:\nalice:x:1000:\nbob:x:1001:\ndocker:x:99:bob,ghost\nsudo:x:27:alice\n";
const SHADOW: &str = "root:!*:19000::::::\ndaemon:*:19000::::::\nalice:$y$j9T$salt$hash:19700:0:90:7:30:20000:\n\
    bob::19700:0:99999:7:::\ntoor:$1$salt$hash:0::::::\n";

fn machine() -> Machine {
    Machine::new().file("/etc/passwd", PASSWD).file("/etc/group", GROUP).file_with_mode(
        "/etc/shadow",
        SHADOW,
        0o640,
    )
}

fn read(machine: Machine) -> Accounts {
    let (door, _root) = machine.door();
    match super::probe(&Context::new(door)) {
        Fact::Known(accounts, _) => accounts,
        other => panic!("{other:?}"),
    }
}

fn user<'a>(accounts: &'a Accounts, name: &str) -> &'a User {
    accounts.users.value().unwrap().iter().find(|user| user.name == name).unwrap()
}

#[test]
fn accounts_have_states_schemes_and_dates_but_no_hashes() {
    let accounts = read(machine());
    let state = |name: &str| {
        let user = user(&accounts, name);
        (user.password.value().unwrap().clone(), user.hash_scheme.value().cloned())
    };
    assert_eq!(state("root"), ("none".to_owned(), None));
    assert_eq!(state("alice"), ("set".to_owned(), Some("yescrypt".to_owned())));
    assert_eq!(state("bob"), ("empty".to_owned(), None));
    assert_eq!(state("toor"), ("set".to_owned(), Some("md5".to_owned())));
    assert_eq!(state("old"), ("set".to_owned(), Some("sha512".to_owned())));
    assert!(user(&accounts, "old").password_in_passwd);
    let alice = user(&accounts, "alice");
    assert_eq!(alice.password_changed_at.value().map(String::as_str), Some("2023-12-09T00:00:00Z"));
    assert_eq!(alice.password_max_days.value(), Some(&90));
    assert!(user(&accounts, "bob").password_max_days.is_absent());
    assert_eq!(user(&accounts, "toor").same_uid, ["root"]);
    assert!(user(&accounts, "daemon").is_system && !user(&accounts, "daemon").can_log_in);
    assert_eq!(accounts.users.value().unwrap().len(), 6);
    let json = serde_json::to_string(&accounts).unwrap();
    assert!(!json.contains("salt") && !json.contains("$6$"), "{json}");
}

#[test]
fn an_unreadable_shadow_is_unknown_not_absent() {
    let accounts =
        read(Machine::new().file("/etc/passwd", PASSWD).file("/etc/group", GROUP).directory("/etc/shadow"));
    assert!(user(&accounts, "alice").password.is_unreadable());
    assert!(user(&accounts, "alice").hash_scheme.is_unreadable());
}

#[test]
fn an_empty_machine_reads_without_accounts() {
    let accounts = read(Machine::new());
    assert!(accounts.users.is_unreadable());
    assert!(accounts.sudo.is_absent());
    assert!(accounts.lockout.module.is_absent());
}

#[test]
fn administrators_come_by_number_group_and_sudo() {
    let accounts = read(
        machine()
            .file("/usr/bin/sudo", "")
            .file("/etc/sudoers", "@includedir /etc/sudoers.d\n")
            .file("/etc/sudoers.d/ops", "User_Alias OPS = alice, !root\nOPS ALL = (ALL) NOPASSWD: ALL\n")
            .file("/etc/sudoers.d/ops.bak", "ALL ALL=(ALL) ALL\n"),
    );
    let via = |name: &str| {
        let admins = accounts.administrators.value().unwrap();
        admins.iter().find(|admin| admin.name == name).map(|admin| admin.via.clone()).unwrap_or_default()
    };
    assert_eq!(via("toor"), ["uid 0"]);
    assert_eq!(via("bob"), ["group docker"]);
    assert_eq!(via("alice"), ["group sudo", "sudo (/etc/sudoers.d/ops:2)"]);
    assert!(via("daemon").is_empty());
    let groups = accounts.groups.value().unwrap();
    assert_eq!(groups.iter().find(|group| group.name == "alice").unwrap().members, ["alice"]);
}

fn grants(policy: &str) -> Vec<SudoGrant> {
    let accounts = read(machine().file("/usr/bin/sudo", "").file("/etc/sudoers", policy));
    let Fact::Known(sudo, _) = accounts.sudo else { panic!() };
    sudo.grants.value().unwrap().clone()
}

#[test]
fn grants_are_resolved_to_users_and_commands() {
    let all = grants(
        "Cmnd_Alias SHELLS = /bin/sh, /bin/bash\nRunas_Alias DB = postgres\n\
         %docker ALL = SHELLS\nalice, #1001 ALL = (DB) ALL, !SHELLS\nALL, !bob ALL = NOPASSWD: /bin/x\n",
    );
    assert_eq!(all[0].users, ["bob"]);
    assert_eq!(all[0].commands, ["/bin/sh", "/bin/bash"]);
    assert!(all[0].as_root && !all[0].all_commands);
    assert_eq!(all[2].users, ["bob"]);
    assert_eq!(all[2].run_as, ["postgres"]);
    assert!(all[2].all_commands && all[2].uses_negation && !all[2].as_root);
    assert_eq!(all[3].users, ["alice", "daemon", "old", "root", "toor"]);
    assert!(all[3].no_password);
    assert_eq!(all[3].source, "/etc/sudoers:5");
}

#[test]
fn sudo_defaults_know_the_last_value_and_any_switched_off_authentication() {
    let accounts = read(machine().file("/usr/bin/sudo", "").file(
        "/etc/sudoers",
        "Defaults use_pty, timestamp_timeout=5\nDefaults !use_pty\nDefaults:alice !authenticate\n\
         Defaults secure_path=\"/bin:/usr/bin\"\nDefaults logfile=/var/log/sudo.log\n",
    ));
    let Fact::Known(sudo, _) = accounts.sudo else { panic!() };
    assert_eq!(sudo.use_pty.value(), Some(&false));
    assert_eq!(sudo.timestamp_timeout_minutes.value(), Some(&5.0));
    assert_eq!(sudo.authentication_off.value(), Some(&true));
    assert_eq!(sudo.env_reset.value(), Some(&true));
    assert_eq!(sudo.log_file.value().map(String::as_str), Some("/var/log/sudo.log"));
}

#[test]
fn sudo_tells_the_line_of_a_grant_and_whether_drop_ins_win() {
    let sudo = |main: &str| {
        let accounts = read(
            machine()
                .file("/usr/bin/sudo", "")
                .file("/etc/sudoers", main)
                .file("/etc/sudoers.d/x", "Defaults use_pty\n"),
        );
        accounts.sudo.value().cloned().unwrap()
    };
    assert!(sudo("Defaults env_reset\n@includedir /etc/sudoers.d\n").drop_ins_win);
    assert!(!sudo("@includedir /etc/sudoers.d\nDefaults env_reset\n").drop_ins_win);
    assert!(!sudo("Defaults env_reset\n").drop_ins_win);
    let grants = grants("  alice ALL=NOPASSWD: ALL # why\nbob ALL=/bin/a, \\\n /bin/b\n");
    assert_eq!(grants[0].line.value().map(String::as_str), Some("  alice ALL=NOPASSWD: ALL # why"));
    assert!(grants[1].line.is_absent());
}

#[test]
fn an_unreadable_part_of_sudoers_makes_the_grants_unknown() {
    let accounts = read(
        machine()
            .file("/usr/bin/sudo", "")
            .file("/etc/sudoers", "@include /etc/sudoers.local\nroot ALL=(ALL) ALL\n")
            .directory("/etc/sudoers.local"),
    );
    let Fact::Known(sudo, _) = &accounts.sudo else { panic!() };
    assert!(sudo.grants.is_unreadable());
    assert!(accounts.administrators.is_unreadable());
}

#[test]
fn hostile_sudoers_ends() {
    let accounts =
        read(machine().file("/usr/bin/sudo", "").file(
            "/etc/sudoers",
            "@include /etc/sudoers\nUser_Alias A = B\nUser_Alias B = A, A\nA ALL = ALL\n",
        ));
    assert!(accounts.sudo.value().unwrap().grants.is_unreadable());
    assert!(grants("User_Alias A = B, B\nUser_Alias B = A, A\nA ALL = ALL\n")[0].users.is_empty());
    let junk: Vec<u8> = (0..100_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let junked = read(
        Machine::new()
            .file("/usr/bin/sudo", "")
            .file("/etc/sudoers", &junk)
            .file("/etc/passwd", &junk)
            .file("/etc/group", &junk)
            .file("/etc/shadow", &junk)
            .file("/etc/login.defs", &junk)
            .file("/etc/pam.d/login", &junk)
            .file("/etc/profile", &junk)
            .file("/var/log/lastlog", &junk),
    );
    assert!(junked.users.value().is_some());
}

fn pam(files: &[(&str, &str)]) -> Accounts {
    read(files.iter().fold(machine(), |machine, (path, text)| machine.file(path, text)))
}

#[test]
fn debian_without_a_quality_module_asks_for_six_characters() {
    let accounts = pam(&[
        ("/etc/pam.d/passwd", "@include common-password\n"),
        ("/etc/pam.d/common-password", "password\t[success=1 default=ignore]\tpam_unix.so obscure yescrypt\n"),
        ("/etc/pam.d/login", "auth optional pam_faildelay.so\n@include common-auth\n"),
        ("/etc/pam.d/common-auth", "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"),
        ("/etc/login.defs", "PASS_MAX_DAYS\t99999\nPASS_MIN_DAYS 0\nUMASK 022\nENCRYPT_METHOD SHA512\n"),
    ]);
    let policy = &accounts.password_policy;
    assert!(policy.quality_module.is_absent());
    assert_eq!(policy.min_length.value(), Some(&6));
    assert_eq!(policy.dictionary_check.value(), Some(&false));
    assert_eq!(policy.hash_scheme.value().map(String::as_str), Some("yescrypt"));
    assert_eq!(policy.empty_accepted.value(), Some(&true));
    assert!(policy.max_days.is_absent());
    assert_eq!(policy.min_days.value(), Some(&0));
    assert!(accounts.lockout.attempts.is_absent());
    assert_eq!(accounts.session.umask.value().map(String::as_str), Some("0022"));
    assert_eq!(accounts.session.umask_hides_from_others.value(), Some(&false));
}

#[test]
fn pwquality_reads_drop_ins_first_and_arguments_win() {
    let stack = "password requisite pam_pwquality.so retry=3 ucredit=-1\npassword required pam_pwhistory.so remember=24\n\
                 password sufficient pam_unix.so sha512 use_authtok\n";
    let accounts = pam(&[
        ("/etc/pam.d/passwd", "password substack system-auth\n"),
        ("/etc/pam.d/system-auth", stack),
        ("/etc/security/pwquality.conf.d/50.conf", "minlen = 14\ndcredit = -1\nenforce_for_root\n"),
        ("/etc/security/pwquality.conf", "# minlen = 8\nminlen=10\n"),
    ]);
    let policy = &accounts.password_policy;
    let Fact::Known(10, Some(source)) = &policy.min_length else { panic!("{:?}", policy.min_length) };
    assert_eq!(source.at, "/etc/security/pwquality.conf:2");
    assert_eq!(source.overridden[0].at, "/etc/security/pwquality.conf.d/50.conf:1");
    assert_eq!(policy.min_classes.value(), Some(&2));
    assert_eq!(policy.dictionary_check.value(), Some(&true));
    assert_eq!(policy.holds_for_root.value(), Some(&true));
    assert_eq!(policy.remembered.value(), Some(&24));
    assert_eq!(policy.hash_scheme.value().map(String::as_str), Some("sha512"));
}

#[test]
fn a_lockout_counts_only_when_every_way_in_has_it() {
    let faillock = "auth required pam_faillock.so preauth\nauth sufficient pam_unix.so\nauth [default=die] pam_faillock.so authfail deny=4\n";
    let conf = ("/etc/security/faillock.conf", "deny = 5\nunlock_time = 900\neven_deny_root\n");
    let accounts = pam(&[("/etc/pam.d/login", faillock), ("/etc/pam.d/sshd", "auth include login\n"), conf]);
    assert_eq!(accounts.lockout.attempts.value(), Some(&5));
    assert_eq!(accounts.lockout.unlock_secs.value(), Some(&900));
    assert_eq!(accounts.lockout.locks_root.value(), Some(&true));
    let partly =
        pam(&[("/etc/pam.d/login", faillock), ("/etc/pam.d/sshd", "auth required pam_unix.so\n"), conf]);
    assert!(partly.lockout.module.is_absent());
    let looping = pam(&[("/etc/pam.d/login", "@include login\n")]);
    assert!(looping.lockout.module.is_unreadable());
    let bomb = pam(&[
        ("/etc/pam.d/login", &"@include a\n".repeat(1000)),
        ("/etc/pam.d/a", &"@include b\n".repeat(1000)),
        ("/etc/pam.d/b", &"@include c\n".repeat(1000)),
    ]);
    assert!(bomb.lockout.module.is_unreadable());
}

#[test]
fn second_factors_and_su_are_read_from_their_stacks() {
    let accounts = pam(&[
        ("/etc/pam.d/sshd", "auth required pam_google_authenticator.so nullok\n"),
        ("/etc/pam.d/su", "auth sufficient pam_rootok.so\nauth required pam_wheel.so use_uid\n"),
    ]);
    assert_eq!(accounts.second_factor["sshd"].value().unwrap(), &["pam_google_authenticator"]);
    assert_eq!(accounts.su_restricted.value(), Some(&true));
}

#[test]
fn the_idle_limit_is_the_last_one_or_the_first_that_is_fixed() {
    let idle = |profile: &str, drop_in: &str| {
        let accounts = pam(&[("/etc/profile", profile), ("/etc/profile.d/x.sh", drop_in)]);
        (accounts.session.idle_secs.value().copied(), accounts.session.idle_fixed.value().copied())
    };
    assert_eq!(idle("TMOUT=600\n", "export TMOUT=900\n"), (Some(900), Some(false)));
    assert_eq!(idle("readonly TMOUT=600; export TMOUT\n", "TMOUT=0\n"), (Some(600), Some(true)));
    assert_eq!(idle("if true; then TMOUT=300; fi\n", "declare -xr TMOUT\n"), (Some(300), Some(true)));
    assert_eq!(idle("# TMOUT=600\n", "echo TMOUT=5\n"), (None, None));
}

#[test]
fn homes_tell_who_can_read_and_write_them() {
    let accounts = read(
        machine()
            .file_with_mode("/home/alice/.rhosts", "", 0o600)
            .directory("/home/bob")
            .link("/home/old", "/nowhere"),
    );
    let alice = user(&accounts, "alice");
    assert_eq!(alice.risky_files.value().unwrap(), &[".rhosts"]);
    assert!(user(&accounts, "old").home_mode.is_absent());
    assert!(user(&accounts, "daemon").home_mode.is_absent());
}
