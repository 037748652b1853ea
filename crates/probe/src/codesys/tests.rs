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
