//! Section `codesys`: security settings of a CODESYS Control runtime.
//!
//! Source: the vendor's help and public configurations. The site's file wins over the package's; of sections that stand
//! twice in a file only the first copy counts; keys are compared as they are written.

mod settings;
#[cfg(test)]
mod tests;

use host::{Door, FileKind};
use model::Fact;
use model::facts::codesys::{Channel, Codesys, FileAccess, OpcUa, Users, WebVisu};

use crate::fact::reason;
use crate::{Context, Subject};
pub(crate) use settings::Found;

/// Where packages put the two files: the package's, then the site's.
const PLACES: &[[&str; 2]] = &[
    ["/etc/codesyscontrol/CODESYSControl.cfg", "/etc/codesyscontrol/CODESYSControl_User.cfg"],
    ["/etc/CODESYSControl.cfg", "/etc/CODESYSControl_User.cfg"],
];

/// Names of the two files, beside those that packages give them: where a container mounts them, and in a folder of copies.
const ELSEWHERE: &[[&str; 2]] = &[
    ["/conf/codesyscontrol/CODESYSControl.cfg", "/conf/codesyscontrol/CODESYSControl_User.cfg"],
    ["/CODESYSControl.cfg", "/CODESYSControl_User.cfg"],
];

/// Files that `[CmpSettings]` may refer to.
const REFERENCES: usize = 10;

/// What the site identifies its OPC UA server by.
const IDENTITY: [&str; 5] = ["ApplicationName", "CompanyOrOrganizationName", "City", "State", "Country"];

/// Reads the section.
pub(crate) fn probe(cx: &Context) -> Fact<Codesys> {
    let door = &cx.door;
    let named = match &cx.subject {
        Subject::Codesys(path) => Some(path.as_str()),
        _ => None,
    };
    let Some((main, user)) = files(door, named) else {
        return match named {
            Some(path) => Fact::unreadable(format!(
                "{path} holds no CODESYSControl.cfg; name the file, or the folder that holds it"
            )),
            None => Fact::Absent,
        };
    };
    let mut found = Found::default();
    let mut codesys = Codesys { user_file: user.clone(), ..Codesys::default() };
    let mut wanted = vec![main.clone()];
    let mut at = 0;
    while let Some(place) = wanted.get(at).cloned() {
        at += 1;
        match door.read(&place) {
            Ok(bytes) => {
                found.file(&place, &String::from_utf8_lossy(&bytes));
                codesys.files.push(place);
            }
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
        if at == 1 {
            let referred = references(door, &main, &found, named.is_some());
            codesys.user_file = referred.first().unwrap_or(&user).clone();
            wanted.extend(referred);
            if !wanted.contains(&user) {
                wanted.push(user.clone());
            }
        }
    }
    if codesys.files.is_empty() {
        return Fact::unreadable(format!("{main} cannot be read"));
    }
    codesys.loggers = found.loggers();
    let logs = codesys.loggers.iter().filter_map(|logger| logger.name.value());
    let logs: Vec<String> = logs.filter(|name| name.starts_with('/')).cloned().collect();
    (codesys.file_access, codesys.log_access) = if named.is_some() {
        let why = "a copy does not keep who may read and write the file; audit the host itself";
        (Fact::unreadable(why), Fact::unreadable(why))
    } else {
        (access(door, &codesys.files), access(door, &logs))
    };
    codesys.users = Users {
        enforce: found.get("CmpUserMgr", "SECURITY.UserMgmtEnforce"),
        anonymous: found.get("CmpUserMgr", "SECURITY.UserMgmtAllowAnonymous"),
        authentication: found.get("CmpUserMgr", "SECURITY.UserLogin_AuthenticationType"),
        password_policy: found.get("CmpUserMgr", "SECURITY.UserMgmt.PasswordPolicy"),
        error_behaviour: found.get("CmpUserMgr", "SECURITY.UserLogin_ErrorBehavior"),
        key: found.is_set("CmpUserMgr", "AsymmetricAuthKey"),
        password_rules: found.entries("CmpUserMgr", &["SECURITY.UserMgmt.PasswordPolicy."]),
        expiration: found.entries(
            "CmpUserMgr",
            &[
                "Password.Expiration.",
                "SECURITY.Password.Expiration.",
                "SECURITY.UserMgmt.Password.Expiration.",
            ],
        ),
        login_limits: found
            .entries("CmpUserMgr", &["UserLogin.", "SECURITY.UserLogin.", "SECURITY.UserMgmt.UserLogin."]),
    };
    codesys.channel = Channel {
        mode: found.get("CmpSecureChannel", "SECURITY.CommunicationMode"),
        certificate: found.is_set("CmpSecureChannel", "CertificateHash"),
    };
    codesys.opc_ua = OpcUa {
        activation: found.get("CmpOPCUAServer", "SECURITY.Activation"),
        mode: found.get("CmpOPCUAServer", "SECURITY.CommunicationMode"),
        policy: found.get("CmpOPCUAServer", "SECURITY.CommunicationPolicy"),
        authentication: found.get("CmpOPCUAServer", "SECURITY.UserAuthentication"),
        plain_passwords: found.get("CmpOPCUAServer", "SECURITY.AllowUserPasswordOnPlaintext"),
        revocation_lists: found.get("CmpOPCUAServer", "SECURITY.EnableCRLChecks"),
        self_signed_interoperability: found
            .get("CmpOPCUAServer", "SECURITY.EnableSelfSignedCertBackwardInteroperability"),
        application_authentication_deactivated: found
            .get("CmpOPCUAServer", "SECURITY.DeactivateApplicationAuthentication"),
        deactivated_policies: found.get("CmpOPCUAServer", "SECURITY.DeactivateSecurityPolicy"),
        identity_missing: IDENTITY
            .into_iter()
            .filter(|name| !found.is_set("CmpOPCUAServer", &format!("SECURITY.{name}")))
            .map(str::to_owned)
            .collect(),
        adapter: found.get("CmpOPCUAServer", "NetworkAdapter"),
        port: found.get("CmpOPCUAServer", "NetworkPort"),
        sessions_max: found.number("CmpOPCUAServer", "SessionsMax"),
        channels_max: found.number("CmpOPCUAServer", "SecureChannelsMax"),
        subscriptions_max: found.number("CmpOPCUAServer", "SubscriptionsPerSessionMax"),
    };
    codesys.web = WebVisu {
        mode: found.get("CmpWebServer", "SECURITY.CommunicationMode"),
        file_transfer: found.get("CmpWebServerHandlerV3", "AllowFileTransferServices"),
        remote_encryption: found.get("CmpVisuHandlerRemote", "Communication.EncryptionMode"),
        tls_version: found.get("CmpWebServer", "SECURITY.TLSVersion"),
        port: found.get("CmpWebServer", "WebServerPortNr"),
        secure_port: found.get("CmpWebServer", "WebServerSecurePortNr"),
        headers: found.entries("CmpWebServer", &["AdditionalHeader."]),
    };
    codesys.commands = found.get("SysProcess", "Command");
    codesys.allowed_commands = found.entries("SysProcess", &["Command."]);
    codesys.write_protected = found.get("CmpSettings", "IsWriteProtected");
    codesys.watchdog_disabled = found.get("CmpSchedule", "DisableOmittedCycleWatchdog");
    codesys.retain_mismatch = found.get("CmpApp", "Bootproject.RetainMismatch.Init");
    codesys.license_servers = found.entries("CmpCodeMeter", &["LicenseServer."]);
    codesys.unknown_keys = found.unknown();
    codesys.repeated_sections = found.repeated;
    Fact::known(codesys)
}

/// The two files: on a host where packages put them, else what was named, a file or a folder.
fn files(door: &Door, named: Option<&str>) -> Option<(String, String)> {
    let pair =
        |places: &[&str; 2], base: &str| (format!("{base}{}", places[0]), format!("{base}{}", places[1]));
    let there = |(main, user): &(String, String)| door.exists(main) || door.exists(user);
    let Some(path) = named else { return PLACES.iter().map(|places| pair(places, "")).find(there) };
    if door.stat(path).is_ok_and(|stat| stat.kind != FileKind::Directory) {
        let stem = path.strip_suffix(".cfg").unwrap_or(path);
        // The site's own file alone is a configuration too.
        return Some((path.to_owned(), format!("{stem}_User.cfg")));
    }
    let base = path.trim_end_matches('/');
    ELSEWHERE.iter().rev().chain(PLACES).map(|places| pair(places, base)).find(there)
}

/// The files that the main one refers to, in their order. Copies from another machine stand beside it.
fn references(door: &Door, main: &str, found: &Found, copied: bool) -> Vec<String> {
    let folder = main.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut references = found.entries("CmpSettings", &["FileReference."]);
    references.sort_by_key(|entry| entry.name.rsplit('.').next().and_then(|number| number.parse::<u32>().ok()));
    let mut files: Vec<String> = Vec::new();
    for entry in references.into_iter().take(REFERENCES) {
        let name = entry.value.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let beside = format!("{folder}/{name}");
        let file = if entry.value.starts_with('/') && !copied { entry.value } else { beside };
        if !name.is_empty() && file != main && !files.contains(&file) && door.exists(&file) {
            files.push(file);
        }
    }
    files
}

fn access(door: &Door, files: &[String]) -> Fact<Vec<FileAccess>> {
    let mut access = Vec::new();
    for file in files {
        match door.stat(file) {
            Ok(stat) => access.push(FileAccess {
                name: file.clone(),
                mode: format!("{:04o}", stat.mode & 0o7777),
                world_writable: stat.mode & 0o002 != 0,
                world_readable: stat.mode & 0o004 != 0,
                source: file.clone(),
            }),
            // A logger's file is there only once something was logged.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::known(access)
}
