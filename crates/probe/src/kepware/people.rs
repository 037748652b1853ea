//! Users of the server, their groups, and the OPC UA endpoints beside them.

use model::Fact;
use model::facts::kepware::{Group, UaEndpoint, User};

use super::{Asked, NAME, Refusal};
use crate::service::escaped;
use crate::service::properties::Properties;

/// Users that come with the product.
const BUILT_IN: [&str; 4] = ["Administrator", "Data Client", "Default User", "ThingWorx Interface"];
/// Groups whose rights on the project are asked for; one request each.
const GROUPS: usize = 50;

const WRITES: [(&str, &str); 4] = [
    ("libadminsettings.USERMANAGER_IO_TAG_WRITE", "IO_TAG_WRITE"),
    ("libadminsettings.USERMANAGER_SYSTEM_TAG_WRITE", "SYSTEM_TAG_WRITE"),
    ("libadminsettings.USERMANAGER_INTERNAL_TAG_WRITE", "INTERNAL_TAG_WRITE"),
    ("libadminsettings.USERMANAGER_IO_TAG_DYNAMIC_ADDRESSING", "IO_TAG_DYNAMIC_ADDRESSING"),
];
const ADMINISTERS: [(&str, &str); 6] = [
    ("libadminsettings.USERMANAGER_SERVER_MANAGE_LICENSES", "MANAGE_LICENSES"),
    ("libadminsettings.USERMANAGER_SERVER_MODIFY_SERVER_SETTINGS", "MODIFY_SERVER_SETTINGS"),
    ("libadminsettings.USERMANAGER_SERVER_DISCONNECT_CLIENTS", "DISCONNECT_CLIENTS"),
    ("libadminsettings.USERMANAGER_SERVER_OPCUA_DOTNET_CONFIGURATION", "OPCUA_DOTNET_CONFIGURATION"),
    ("libadminsettings.USERMANAGER_SERVER_CONFIG_API_LOG_ACCESS", "CONFIG_API_LOG_ACCESS"),
    ("libadminsettings.USERMANAGER_SERVER_REPLACE_RUNTIME_PROJECT", "REPLACE_RUNTIME_PROJECT"),
];
/// Rights to read the event log; not every version tells them.
const VIEWS: [(&str, &str); 4] = [
    ("libadminsettings.USERMANAGER_SERVER_VIEW_EVENT_LOG_SECURITY", "VIEW_EVENT_LOG_SECURITY"),
    ("libadminsettings.USERMANAGER_SERVER_VIEW_EVENT_LOG_ERROR", "VIEW_EVENT_LOG_ERROR"),
    ("libadminsettings.USERMANAGER_SERVER_VIEW_EVENT_LOG_WARNING", "VIEW_EVENT_LOG_WARNING"),
    ("libadminsettings.USERMANAGER_SERVER_VIEW_EVENT_LOG_INFO", "VIEW_EVENT_LOG_INFO"),
];
const ERASES: [(&str, &str); 3] = [
    ("libadminsettings.USERMANAGER_SERVER_RESET_EVENT_LOG", "RESET_EVENT_LOG"),
    ("libadminsettings.USERMANAGER_SERVER_RESET_OPC_DIAGS_LOG", "RESET_OPC_DIAGS_LOG"),
    ("libadminsettings.USERMANAGER_SERVER_RESET_COMM_DIAGS_LOG", "RESET_COMM_DIAGS_LOG"),
];
const CHANGES: [(&str, &str); 3] = [
    ("libadminsettings.USERMANAGER_PROJECTMOD_ADD", "ADD"),
    ("libadminsettings.USERMANAGER_PROJECTMOD_EDIT", "EDIT"),
    ("libadminsettings.USERMANAGER_PROJECTMOD_DELETE", "DELETE"),
];
/// Policies that OPC UA 1.04 withdrew.
const WITHDRAWN: [(&str, &str); 2] = [
    ("libadminsettings.UACONFIGMANAGER_ENDPOINT_SECURITY_BASIC128_RSA15", "Basic128Rsa15"),
    ("libadminsettings.UACONFIGMANAGER_ENDPOINT_SECURITY_BASIC256", "Basic256"),
];

pub(super) fn user(user: &Properties) -> User {
    let name = user.name(NAME);
    let kind = user.number("libadminsettings.USERMANAGER_USER_TYPE").and_then(|kind| match kind {
        0 => Fact::known("kepware".to_owned()),
        1 => Fact::known("ad-user".to_owned()),
        2 => Fact::known("ad-group".to_owned()),
        other => Fact::unreadable(format!("a user of type {other}, which is not known")),
    });
    let description = user.text("common.ALLTYPES_DESCRIPTION");
    User {
        enabled: user.flag("libadminsettings.USERMANAGER_USER_ENABLED"),
        group: user.text("libadminsettings.USERMANAGER_USER_GROUPNAME"),
        kind,
        built_in: BUILT_IN.contains(&name.as_str()),
        described: description.value().is_some_and(|text| !text.trim().is_empty()),
        name,
        source: user.place().to_owned(),
    }
}

pub(super) fn groups(asked: &Asked<'_>) -> Fact<Vec<Group>> {
    let mut groups = asked.list("/admin/server_usergroups", |group| Group {
        name: group.name(NAME),
        enabled: group.flag("libadminsettings.USERMANAGER_GROUP_ENABLED"),
        writes: group.granted(&WRITES),
        browses: group.flag("libadminsettings.USERMANAGER_BROWSE_BROWSENAMESPACE"),
        administers: group.granted(&told(group, ADMINISTERS, &VIEWS)),
        erases_logs: group.granted(&ERASES),
        changes_project: Fact::unreadable(format!("only the first {GROUPS} groups are asked")),
        source: group.place().to_owned(),
    });
    if let Fact::Known(groups, _) = &mut groups {
        for group in groups.iter_mut().take(GROUPS) {
            group.changes_project = changes(asked, &group.name);
        }
    }
    groups
}

/// Rights that every version has, and those of others that this one tells.
fn told<'a, const N: usize>(
    object: &Properties,
    always: [(&'a str, &'a str); N],
    others: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    always.into_iter().chain(others.iter().copied().filter(|(key, _)| object.has(key))).collect()
}

fn changes(asked: &Asked<'_>, group: &str) -> Fact<Vec<String>> {
    let path = format!("/admin/server_usergroups/{}/project_permissions", escaped(group));
    let objects = asked.list(&path, |object| {
        let name = object.name(NAME);
        // What can only be edited, as the project itself, has no right to be added or deleted.
        let mut rights = told(object, [], &CHANGES);
        if rights.is_empty() {
            rights = CHANGES.to_vec();
        }
        object
            .granted(&rights)
            .map(|granted| granted.into_iter().map(|right| format!("{name}: {right}")).collect::<Vec<_>>())
    });
    let objects = match objects {
        Fact::Known(objects, _) => objects,
        Fact::Absent => return Fact::unreadable(Refusal::NotThere.reason()),
        Fact::Unreadable(reason) => return Fact::unreadable(reason),
    };
    let mut granted = Vec::new();
    let mut unread = None;
    for object in objects {
        match object {
            Fact::Known(rights, _) => granted.extend(rights),
            Fact::Unreadable(reason) => unread = Some(reason),
            Fact::Absent => {}
        }
    }
    match unread {
        Some(reason) if granted.is_empty() => Fact::unreadable(reason),
        _ => Fact::read_at(granted, format!("GET {}{}{path}", asked.url, super::BASE)),
    }
}

pub(super) fn ua_endpoint(endpoint: &Properties) -> UaEndpoint {
    let key = |what: &str| format!("libadminsettings.UACONFIGMANAGER_ENDPOINT_{what}");
    let mut withdrawn = Vec::new();
    let mut unread = None;
    for (property, policy) in WITHDRAWN {
        match endpoint.number(property) {
            Fact::Known(0, _) | Fact::Absent => {}
            Fact::Known(..) => withdrawn.push(policy.to_owned()),
            Fact::Unreadable(reason) => unread = Some(reason),
        }
    }
    UaEndpoint {
        name: endpoint.name(NAME),
        enabled: endpoint.flag(&key("ENABLE")),
        adapter: endpoint.text(&key("ADAPTER")),
        port: endpoint.number(&key("PORT")),
        none: endpoint.flag(&key("SECURITY_NONE")),
        withdrawn: match unread {
            Some(reason) if withdrawn.is_empty() => Fact::unreadable(reason),
            _ => Fact::known(withdrawn),
        },
        basic256_sha256: endpoint.number(&key("SECURITY_BASIC256_SHA256")),
        source: endpoint.place().to_owned(),
    }
}
