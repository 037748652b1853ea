//! Users, roles, the directory, the text before the login, and access tokens.

use std::collections::BTreeMap;

use model::Fact;
use model::facts::nerve::{Ldap, Role, Token, User};
use serde_json::Value;

use super::api::{Asked, element, fact, lenient, must};
use crate::service::Refusal;
use crate::service::properties::{Properties, short};

/// The built-in role of administrators; of a directory its name is followed by that of the directory.
const ADMINISTRATORS: &str = "Admin";
/// The most users that one answer lists.
const USERS: usize = 500;
/// The most roles of a kind.
const ROLES: usize = 500;
/// What only looks.
const LOOKS: [&str; 2] = ["VIEW", "LIST"];

/// What is known of people.
pub(super) struct People {
    pub(super) users: Fact<Vec<User>>,
    pub(super) roles: Fact<Vec<Role>>,
    pub(super) ldap: Fact<Ldap>,
    pub(super) notice: Fact<String>,
    pub(super) tokens: Fact<Vec<Token>>,
}

/// Reads it.
pub(super) fn people(asked: &Asked<'_>) -> People {
    let (active, ldap) = directory(asked);
    // Without a directory nobody comes from it.
    let kinds: &[&str] = if active == Some(false) { &["local"] } else { &["local", "ldap"] };
    let roles = roles(asked, kinds);
    let users = users(asked, kinds, &roles);
    People {
        users: users.map_or_else(Fact::unreadable, |users| Fact::read_at(users, asked.place("/crm/profiles"))),
        roles: match roles {
            Ok(roles) => Fact::read_at(roles.into_values().collect(), asked.place("/nerve/rbac/roles")),
            Err(reason) => Fact::unreadable(reason),
        },
        ldap,
        notice: notice(asked),
        tokens: tokens(asked),
    }
}

/// Whether a directory is active, and which.
fn directory(asked: &Asked<'_>) -> (Option<bool>, Fact<Ldap>) {
    let active = match asked.object("/nerve/ldap/active") {
        Ok(status) => status.flag("active"),
        // No directory was ever set up.
        Err(Refusal::NotThere) => Fact::known(false),
        Err(refusal) => Fact::unreadable(refusal.reason()),
    };
    match active {
        Fact::Known(true, _) => {
            let path = "/nerve/ldap/default";
            let ldap = must(asked.object(path), &asked.place(path)).map(|found| Ldap {
                host: found.text("url"),
                port: found.number("port"),
                tls: found.flag("tls"),
            });
            (Some(true), ldap.map_or_else(Fact::unreadable, |ldap| Fact::read_at(ldap, asked.place(path))))
        }
        Fact::Known(false, _) | Fact::Absent => (Some(false), Fact::Absent),
        Fact::Unreadable(reason) => (None, Fact::unreadable(reason)),
    }
}

/// Roles by id.
fn roles(asked: &Asked<'_>, kinds: &[&str]) -> Result<BTreeMap<String, Role>, String> {
    let path = "/nerve/rbac/permissions";
    let permissions = must(asked.list(path, &["data", "permissions"]), &asked.place(path)).map(|list| {
        let named = |value: Value| {
            let permission = lenient(value, path);
            (permission.name("_id"), permission.name("name"))
        };
        list.into_iter().map(named).filter(|(id, _)| !id.is_empty()).collect::<BTreeMap<_, _>>()
    });
    let mut roles = BTreeMap::new();
    for kind in kinds {
        let path = format!("/nerve/rbac/roles?filterBy%5Btype%5D={kind}");
        let place = asked.place(&path);
        let list = must(asked.list(&path, &["data", "roles"]), &place)?;
        if list.len() > ROLES {
            return Err(format!("{place} lists {} roles, more than {ROLES}", list.len()));
        }
        for value in list {
            let found = element(&value, &place)?;
            let granted = granted(&found, &permissions);
            let role = Role {
                name: found.name("name"),
                // Older versions do not heed the filter.
                kind: found.if_told("type", Properties::text).value().cloned().unwrap_or((*kind).to_owned()),
                administers: administers(&found.name("name"), &granted, &permissions),
                permissions: granted,
                source: place.clone(),
            };
            roles.insert(found.name("_id"), role);
        }
    }
    Ok(roles)
}

/// Names of the permissions that a role grants.
fn granted(role: &Properties, permissions: &Result<BTreeMap<String, String>, String>) -> Fact<Vec<String>> {
    let (ids, names) = match (role.list("permissions"), permissions) {
        (Ok(ids), Ok(names)) => (ids, names),
        (Err(reason), _) => return Fact::unreadable(reason),
        (_, Err(reason)) => return Fact::unreadable(reason.clone()),
    };
    let mut granted = Vec::new();
    for id in ids {
        let id = id.as_str().or_else(|| id.get("_id").and_then(Value::as_str)).unwrap_or_default();
        match names.get(id) {
            Some(name) => granted.push(name.clone()),
            None => {
                return Fact::unreadable(format!(
                    "{} grants a permission that the list of permissions does not name",
                    role.place()
                ));
            }
        }
    }
    Fact::read_at(granted, role.place())
}

/// Whether a role is that of administrators, by its name or because it grants all that there is.
fn administers(
    name: &str,
    granted: &Fact<Vec<String>>,
    permissions: &Result<BTreeMap<String, String>, String>,
) -> Fact<bool> {
    let built_in = name
        .strip_prefix(ADMINISTRATORS)
        .is_some_and(|rest| rest.is_empty() || rest.trim_start().starts_with('-'));
    if built_in {
        return Fact::known(true);
    }
    let all = permissions.as_ref().map_or(0, BTreeMap::len);
    granted.clone().map(|granted| all > 0 && granted.len() >= all)
}

fn users(
    asked: &Asked<'_>,
    kinds: &[&str],
    roles: &Result<BTreeMap<String, Role>, String>,
) -> Result<Vec<User>, String> {
    let mut users = Vec::new();
    for kind in kinds {
        let query = format!("limit={USERS}&filterBy%5Btype%5D={kind}");
        let names = ["profiles", "data"];
        let mut path = format!("/crm/profiles?{query}");
        let mut list = asked.list(&path, &names);
        if list == Err(Refusal::NotThere) {
            // Before 3.2.0.
            path = format!("/crm/profile/list?{query}");
            list = asked.list(&path, &names);
        }
        let place = asked.place(&path);
        let list = must(list, &place)?;
        if list.len() >= USERS {
            return Err(format!("{place} lists {USERS} users; there may be more"));
        }
        for value in list {
            users.push(user(&element(&value, &place)?, kind, roles));
        }
    }
    Ok(users)
}

/// A user, with what his roles grant.
pub(super) fn user(user: &Properties, kind: &str, roles: &Result<BTreeMap<String, Role>, String>) -> User {
    let kind = user.if_told("type", Properties::text).value().cloned().unwrap_or(kind.to_owned());
    let auth = user.within("auth");
    let told = [&auth, user].into_iter().find(|object| object.has("mfaEnabled"));
    let second_factor = match told {
        Some(object) => object.flag("mfaEnabled"),
        None if kind == "ldap" => Fact::Absent,
        None => auth.flag("mfaEnabled"),
    };
    let own = own_roles(user, &kind, roles);
    User {
        name: user.name("username"),
        roles: match user.list("roles") {
            Ok(roles) => Fact::read_at(roles.iter().map(role_name).collect(), user.place()),
            Err(reason) => Fact::unreadable(reason),
        },
        administrator: administrator(&own),
        second_factor,
        workload_rights: rights(&own, |group| group.starts_with("WORKLOAD")),
        connection_rights: rights(&own, |group| group.starts_with("REMOTE_CONN") || group == "NODE"),
        kind,
        source: user.place().to_owned(),
    }
}

fn role_name(role: &Value) -> String {
    role.as_str().or_else(|| role.get("name").and_then(Value::as_str)).map(short).unwrap_or_default()
}

/// The roles of a user; those that nobody knows with the reason.
fn own_roles<'a>(
    user: &Properties,
    kind: &str,
    roles: &'a Result<BTreeMap<String, Role>, String>,
) -> Vec<Result<&'a Role, String>> {
    let (list, roles) = match (user.list("roles"), roles) {
        (Ok(list), Ok(roles)) => (list, roles),
        (Err(reason), _) => return vec![Err(reason)],
        (_, Err(reason)) => return vec![Err(reason.clone())],
    };
    list.iter()
        .map(|value| {
            let id = value.as_str().or_else(|| value.get("_id").and_then(Value::as_str)).unwrap_or_default();
            let name = role_name(value);
            let named = || roles.values().find(|role| role.name == name && role.kind == kind);
            roles.get(id).or_else(named).ok_or_else(|| {
                format!("{} names a role `{name}` that the list of roles does not hold", user.place())
            })
        })
        .collect()
}

fn administrator(roles: &[Result<&Role, String>]) -> Fact<bool> {
    let mut unread = None;
    for role in roles {
        match role.as_ref().map(|role| &role.administers) {
            Ok(Fact::Known(true, _)) => return Fact::known(true),
            Ok(Fact::Unreadable(reason)) | Err(reason) => unread = Some(reason),
            Ok(Fact::Known(false, _) | Fact::Absent) => {}
        }
    }
    unread.map_or(Fact::known(false), |reason| Fact::unreadable(reason.clone()))
}

/// Permissions `GROUP:ACT` of some groups that do more than look. What is granted is told even when another role cannot be read.
fn rights(roles: &[Result<&Role, String>], of: impl Fn(&str) -> bool) -> Fact<Vec<String>> {
    let mut granted = Vec::new();
    let mut unread = None;
    for role in roles {
        match role.as_ref().map(|role| &role.permissions) {
            Ok(Fact::Known(names, _)) => granted.extend(names.iter().filter(|name| {
                let (group, act) = name.split_once(':').unwrap_or((name.as_str(), ""));
                !LOOKS.contains(&act) && of(group)
            })),
            Ok(Fact::Unreadable(reason)) | Err(reason) => unread = Some(reason),
            Ok(Fact::Absent) => {}
        }
    }
    match unread {
        Some(reason) if granted.is_empty() => Fact::unreadable(reason.clone()),
        _ => {
            granted.sort();
            granted.dedup();
            Fact::known(granted.into_iter().cloned().collect())
        }
    }
}

/// The text that is shown before a login: asked as everybody may ask for it.
fn notice(asked: &Asked<'_>) -> Fact<String> {
    let path = "/nerve/notifications/activeNoAuth";
    match asked.object(path) {
        Ok(notice) => notice.text("headerText"),
        Err(Refusal::Nothing) => Fact::Absent,
        Err(refusal) => Fact::unreadable(format!("{}: {}", asked.place(path), refusal.reason())),
    }
}

fn tokens(asked: &Asked<'_>) -> Fact<Vec<Token>> {
    let path = "/crm/v1/access-tokens";
    let place = asked.place(path);
    fact(asked.list(path, &["accessTokens"])).map(|list| {
        list.into_iter()
            .map(|value| {
                let token = lenient(value, &place);
                Token {
                    name: token.name("name"),
                    status: token.text("status"),
                    expires_at: token.if_told("expirationDate", Properties::text),
                    source: place.clone(),
                }
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Properties {
        lenient(value, "GET x")
    }

    fn known() -> Result<BTreeMap<String, String>, String> {
        Ok([("1", "WORKLOAD:CREATE"), ("2", "WORKLOAD:LIST"), ("3", "REMOTE_CONN:CONNECT")]
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .into())
    }

    fn role(value: Value) -> (String, Role) {
        let (found, permissions) = (object(value), known());
        let granted = granted(&found, &permissions);
        let role = Role {
            name: found.name("name"),
            kind: "local".to_owned(),
            administers: administers(&found.name("name"), &granted, &permissions),
            permissions: granted,
            source: String::new(),
        };
        (found.name("_id"), role)
    }

    #[test]
    fn rights_are_those_of_all_roles_and_an_unread_role_is_no_role_without_rights() {
        let roles = Ok([
            role(json!({"_id": "a", "name": "Builders", "permissions": ["1", "2"]})),
            role(json!({"_id": "b", "name": "Visitors", "permissions": ["2"]})),
            role(json!({"_id": "c", "name": "Strangers", "permissions": ["9"]})),
            role(json!({"_id": "d", "name": "All", "permissions": ["1", "2", "3"]})),
            role(json!({"_id": "e", "name": "Admin - plant", "permissions": ["9"]})),
        ]
        .into());
        let of = |names: &[&str]| {
            let own: Vec<Value> = names.iter().map(|name| json!({"_id": name})).collect();
            user(&object(json!({"username": "u", "roles": own, "auth": {"mfaEnabled": true}})), "local", &roles)
        };
        assert_eq!(of(&["a", "b"]).workload_rights.value().unwrap(), &["WORKLOAD:CREATE"]);
        assert_eq!(of(&["b"]).workload_rights.value().unwrap().len(), 0);
        assert!(of(&["b", "c"]).workload_rights.is_unreadable());
        assert_eq!(of(&["a", "c"]).workload_rights.value().unwrap().len(), 1);
        assert!(of(&["z"]).administrator.is_unreadable() && of(&["z"]).workload_rights.is_unreadable());
        assert_eq!(of(&["b"]).administrator.value(), Some(&false));
        assert_eq!(of(&["d"]).administrator.value(), Some(&true));
        assert_eq!(of(&["c", "e"]).administrator.value(), Some(&true));
        assert_eq!(of(&["d"]).connection_rights.value().unwrap(), &["REMOTE_CONN:CONNECT"]);
        assert_eq!(of(&["a"]).second_factor.value(), Some(&true));
    }

    #[test]
    fn a_second_factor_that_is_not_told_is_unknown_of_local_users() {
        let roles = Err("no roles".to_owned());
        let of = |value: Value| user(&object(value), "local", &roles).second_factor;
        assert!(of(json!({"username": "u"})).is_unreadable());
        assert!(of(json!({"username": "u", "auth": {"mfaEnabled": "perhaps"}})).is_unreadable());
        assert_eq!(of(json!({"username": "u", "mfaEnabled": false})).value(), Some(&false));
        assert!(of(json!({"username": "u", "type": "ldap"})).is_absent());
    }
}
