//! Configurations of made-up runtimes.

use test_support::Machine;

use super::*;

fn codesys(machine: Machine) -> Codesys {
    let (door, _tree) = machine.door();
    match probe(&Context::new(door)) {
        Fact::Known(codesys, _) => codesys,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_host_without_a_runtime_has_no_such_section() {
    let (door, _tree) = Machine::new().door();
    assert!(probe(&Context::new(door)).is_absent());
}

#[test]
fn the_sites_file_wins_and_the_first_copy_of_a_section_counts() {
    let codesys = codesys(
        Machine::new()
            .file(
                "/etc/CODESYSControl.cfg",
                "[CmpUserMgr]\r\nSECURITY.UserMgmtEnforce=NO\r\nSECURITY.UserMgmtAllowAnonymous=YES\r\n[SysProcess]\r\nCommand=AllowAll\r\n",
            )
            .file(
                "/etc/CODESYSControl_User.cfg",
                ";[CmpUserMgr]\n[CmpUserMgr]\nSECURITY.UserMgmtEnforce = YES ; since 2025\nSECUTITY.UserMgmtEnforce=YES\n\
                 security.usermgmtenforce=YES\n[CmpLog]\nLogger.0.Name=PlcLog\nLogger.0.Enable=1\nLogger.0.MaxFiles=3\n\
                 Logger.0.MaxFileSize=many\n[CmpUserMgr]\nSECURITY.UserMgmtAllowAnonymous=NO\n",
            ),
    );
    assert_eq!(codesys.users.enforce.value().map(String::as_str), Some("YES"));
    let Fact::Known(_, Some(source)) = &codesys.users.enforce else { panic!("{:?}", codesys.users) };
    assert_eq!(source.at, "/etc/CODESYSControl_User.cfg:3");
    assert_eq!(codesys.users.anonymous.value().map(String::as_str), Some("YES"));
    assert_eq!(codesys.commands.value().map(String::as_str), Some("AllowAll"));
    assert!(codesys.users.password_policy.is_absent());
    assert_eq!(codesys.repeated_sections, ["[CmpUserMgr] at /etc/CODESYSControl_User.cfg:11"]);
    assert_eq!(
        codesys.unknown_keys,
        [
            "[CmpUserMgr] SECUTITY.UserMgmtEnforce at /etc/CODESYSControl_User.cfg:4",
            "[CmpUserMgr] security.usermgmtenforce at /etc/CODESYSControl_User.cfg:5",
        ]
    );
    let [logger] = codesys.loggers.as_slice() else { panic!("{:?}", codesys.loggers) };
    assert_eq!(logger.max_files.value(), Some(&3));
    assert!(logger.max_file_bytes.is_absent());
    assert_eq!(codesys.user_file, "/etc/CODESYSControl_User.cfg");
}

#[test]
fn a_file_that_nobody_may_read_is_not_absent() {
    let machine = Machine::new().directory("/etc/codesyscontrol/CODESYSControl.cfg");
    let (door, _tree) = machine.door();
    assert!(probe(&Context::new(door)).is_unreadable());
}

fn copies(files: &[(&str, &str)], path: &str) -> Fact<Codesys> {
    let machine = files.iter().fold(Machine::new(), |machine, (name, text)| machine.file(name, text));
    let (door, _tree) = machine.offline_door();
    probe(&Context::new(door).of(Subject::Codesys(path.to_owned())))
}

#[test]
fn copies_from_another_machine_are_read_by_file_and_by_folder() {
    let files = [
        (
            "/plc/CODESYSControl.cfg",
            "[CmpSettings]\nIsWriteProtected=1\nFileReference.0=/etc/codesyscontrol/Site.cfg\n[CmpUserMgr]\nAsymmetricAuthKey=ab\nPassword.Expiration.Timeout=90\n",
        ),
        (
            "/plc/Site.cfg",
            "[CmpUserMgmt]\nSECURITY.UserMgmtEnforce=YES\n[CmpUserMgr]\nSECURITY.UserMgmtEnforce=YES\n[SysProcess]\nCommand.0=ls\n[CmpLog]\nLogger.0.Enable=1\nLogger.0.Backend.0.ClassId=0x00000104\n",
        ),
    ];
    for path in ["/plc", "/plc/CODESYSControl.cfg"] {
        let Fact::Known(codesys, _) = copies(&files, path) else { panic!("{path}") };
        assert_eq!(codesys.files, ["/plc/CODESYSControl.cfg", "/plc/Site.cfg"], "{path}");
        assert_eq!(codesys.users.enforce.value().map(String::as_str), Some("YES"));
        assert!(codesys.users.key && codesys.file_access.is_unreadable());
        assert_eq!(codesys.users.expiration[0].number.value(), Some(&90));
        assert_eq!(codesys.allowed_commands[0].value, "ls");
        assert!(codesys.loggers[0].to_file);
        assert_eq!(codesys.unknown_keys, ["[CmpUserMgmt] SECURITY.UserMgmtEnforce at /plc/Site.cfg:2"]);
    }
    let Fact::Known(alone, _) = copies(&files, "/plc/Site.cfg") else { panic!() };
    assert_eq!(alone.files, ["/plc/Site.cfg"]);
}

#[test]
fn a_folder_without_a_configuration_is_not_judged() {
    let Fact::Unreadable(reason) = copies(&[("/plc/other.txt", "")], "/plc") else { panic!() };
    assert!(reason.contains("name the file"), "{reason}");
}

#[test]
fn references_that_lead_in_circles_or_nowhere_are_followed_once() {
    let text = "[CmpSettings]\nFileReference.0=CODESYSControl.cfg\nFileReference.1=gone.cfg\nFileReference.2=a.cfg\nFileReference.3=a.cfg\n";
    let Fact::Known(codesys, _) = copies(&[("/CODESYSControl.cfg", text), ("/a.cfg", text)], "/") else {
        panic!()
    };
    assert_eq!(codesys.files, ["/CODESYSControl.cfg", "/a.cfg"]);
    assert_eq!(codesys.user_file, "/a.cfg");
}

#[test]
fn files_that_everybody_may_write_are_seen_on_the_host() {
    let codesys = codesys(Machine::new().file_with_mode("/etc/CODESYSControl.cfg", "[CmpUserMgr]\n", 0o666));
    assert!(codesys.file_access.value().unwrap()[0].world_writable);
}
