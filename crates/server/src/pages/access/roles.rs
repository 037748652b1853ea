//! Roles: which there are, what each permits, who holds it; roles of one's own.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};
use serde::Deserialize;

use super::{Sent, Told, again, dangerous, done, drawn, frame, may, notice_of, wrong_at};
use crate::api::body::Asked;
use crate::api::problem::Failure;
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::holders;
use crate::identity::login::Caller;
use crate::identity::roles::{self as held, Permission, Role, RoleError, RoleForm};
use crate::pages::form;
use crate::pages::look::Look;
use crate::web::access::roles;
use crate::web::form::Form;
use crate::web::list::Facet;

const PATH: &str = "/roles";

const NEW: &str = "/roles/new";

pub(super) fn routes() -> Vec<Route> {
    let (read, manage) = (Needs::Permission(Permission::RolesRead), Needs::Recent(Permission::RolesManage));
    vec![
        Route::new(Method::GET, PATH, read, "The roles", get(all)),
        Route::new(Method::GET, NEW, manage, "Create a role", get(new)),
        Route::new(Method::POST, NEW, manage, "Create a role", post(create)),
        Route::new(Method::GET, "/roles/{id}", read, "One role", get(one)),
        Route::new(Method::POST, "/roles/{id}", manage, "Change a role of one's own", post(change)),
        Route::new(Method::POST, "/roles/{id}/delete", manage, "Delete a role that nobody holds", post(remove)),
    ]
}

fn address(id: &str) -> String {
    format!("{PATH}/{id}")
}

/// The permissions by what they concern, in the order of the catalogue.
fn areas() -> Vec<(&'static str, Vec<Permission>)> {
    let mut areas: Vec<(&str, Vec<Permission>)> = Vec::new();
    for permission in Permission::ALL {
        let area = permission.as_str().split('.').next().unwrap_or_default();
        match areas.last_mut() {
            Some((last, permissions)) if *last == area => permissions.push(permission),
            _ => areas.push((area, vec![permission])),
        }
    }
    areas
}

/// What an area is called on pages.
fn heading(area: &str) -> String {
    match area {
        "blocks" => "Blocks".to_owned(),
        "tokens" => "API tokens".to_owned(),
        "reviews" => "Access reviews".to_owned(),
        "remote" => "Remote connections".to_owned(),
        _ => {
            let mut letters = area.chars();
            letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
        }
    }
}

/// The permissions for which a credential is asked again, as the routes say.
fn asking_again() -> BTreeSet<Permission> {
    let routes = crate::api::routes().into_iter().chain(crate::pages::table());
    routes
        .filter_map(|route| match route.needs {
            Needs::Recent(permission) => Some(permission),
            _ => None,
        })
        .collect()
}

/// Which roles.
#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    q: String,
    /// `built-in` or `own`.
    #[serde(default)]
    kind: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    notice: String,
}

async fn all(
    State(app): State<App>,
    caller: Caller,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Failure> {
    let kinds = [("", "any"), ("built-in", "built in"), ("own", "your own")];
    let look = Look {
        path: PATH,
        filter: &wanted.q,
        facets: vec![Facet::of("kind", "Kind", &kinds, &wanted.kind)],
        order: held::LISTED.order(&wanted.sort),
        sort: &wanted.sort,
        after: &wanted.after,
    };
    let built_in = match wanted.kind.as_str() {
        "built-in" => Some(true),
        "own" => Some(false),
        _ => None,
    };
    let filter = held::Filter { text: &wanted.q, built_in, order: look.order, after: look.after()? };
    let listed = held::list(app.store(), filter).await?;
    let found = &listed.items;
    let holders = holders::holders(app.store(), "", "").await?;
    let holders_of = |id: &str| {
        let users: BTreeSet<&str> =
            holders.iter().filter(|one| one.role == id).map(|one| one.user_id.as_str()).collect();
        users.len()
    };
    let row = |role: &Role| roles::Row {
        name: role.title.clone(),
        href: address(&role.id),
        about: role.about.clone(),
        is_built_in: role.built_in,
        holders: holders_of(&role.id),
        permissions: role.permissions.len(),
    };
    let line = |permission: &Permission| {
        let given = found.iter().map(|role| role.permissions.contains(permission));
        (permission.as_str().to_owned(), given.collect())
    };
    let view = roles::Roles {
        listing: look.listing(listed.next.as_deref()),
        rows: found.iter().map(row).collect(),
        matrix: areas()
            .iter()
            .map(|(area, permissions)| roles::MatrixGroup {
                title: heading(area),
                permissions: permissions.iter().map(line).collect(),
            })
            .collect(),
        create: may(&caller, Permission::RolesManage).then(|| NEW.to_owned()),
    };
    let shell = frame(&app, &caller, PATH, &wanted.notice).await?;
    Ok(drawn(roles::page(&shell, &view)))
}

fn groups(given: &BTreeSet<Permission>) -> Vec<roles::Group> {
    let asking = asking_again();
    let one = |permission: &Permission| roles::Permission {
        name: permission.as_str().to_owned(),
        about: permission.about().to_owned(),
        is_dangerous: asking.contains(permission),
        is_given: given.contains(permission),
    };
    let group = |(area, permissions): &(&str, Vec<Permission>)| roles::Group {
        title: heading(area),
        permissions: permissions.iter().map(one).collect(),
    };
    areas().iter().map(group).collect()
}

async fn new(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let shell = frame(&app, &caller, NEW, "").await?;
    Ok(drawn(roles::one(&shell, &blank(form(NEW, "/"), &BTreeSet::new()))))
}

/// A role that is to be made.
fn blank(form: Form, given: &BTreeSet<Permission>) -> roles::Role {
    let label = "Create the role".to_owned();
    roles::Role { form: Some(form), label, groups: groups(given), ..roles::Role::default() }
}

fn wanted(sent: &Sent) -> RoleForm {
    let ticked: Vec<&str> = sent.all("permission").collect();
    RoleForm {
        title: sent.one("name").to_owned(),
        about: sent.one("about").to_owned(),
        permissions: Permission::ALL.into_iter().filter(|one| ticked.contains(&one.as_str())).collect(),
    }
}

/// The name in the API of a role with this title: its letters and digits, with hyphens between the words.
pub(super) fn id_of(title: &str) -> String {
    let spelled: String = title
        .to_lowercase()
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' })
        .collect();
    let words: Vec<&str> = spelled.split_whitespace().collect();
    let id = words.join("-");
    // `new` is the page on which roles are created.
    let right = id.len() > 1 && id != "new" && id.starts_with(|first: char| first.is_ascii_lowercase());
    let id = if right { id } else { format!("role-{id}") };
    id.chars().take(40).collect::<String>().trim_end_matches('-').to_owned()
}

async fn create(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Failure> {
    let wanted = wanted(&sent);
    let id = id_of(&wanted.title);
    let Err(error) = held::create(app.store(), &id, &wanted).await else {
        return Ok(done(&address(&id), "role-made"));
    };
    let typed = sent.back(form(NEW, "/"), &["name", "about"]);
    let refused = role_wrong(typed, error)?;
    let shell = frame(&app, &caller, NEW, "").await?;
    Ok(again(roles::one(&shell, &blank(refused, &wanted.permissions))))
}

/// The form with what was wrong at the role's name, whose only other field is prose.
fn role_wrong(form: Form, error: RoleError) -> Result<Form, Failure> {
    wrong_at(form, "name", error.into())
}

async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(told): Asked<Told>,
) -> Result<Response, Failure> {
    let role = held::find(app.store(), &id).await?;
    let view = view(&app, &caller, &role, None).await?;
    let shell = frame(&app, &caller, &address(&id), &told.notice).await?;
    Ok(drawn(roles::one(&shell, &view)))
}

async fn view(app: &App, caller: &Caller, role: &Role, sent: Option<Form>) -> Result<roles::Role, Failure> {
    let can_change = !role.built_in && may(caller, Permission::RolesManage);
    let holders = holders::holders(app.store(), &role.id, "").await?;
    let here = address(&role.id);
    let mut connection = app.store().reader().acquire().await?;
    let unused = held::unused(&mut connection, app.now()).await?.remove(&role.id);
    Ok(roles::Role {
        unused: unused.map(|unused| (unused.permissions, unused.since.parse().unwrap_or_default())),
        name: role.title.clone(),
        about: role.about.clone(),
        is_built_in: role.built_in,
        form: can_change.then(|| sent.unwrap_or_else(|| fresh(role))),
        label: String::new(),
        groups: groups(&role.permissions),
        holders: holders
            .into_iter()
            .map(|one| (one.user, format!("/users/{}", one.user_id), one.label))
            .collect(),
        delete: can_change.then(|| dangerous(format!("{here}/delete"), "Delete the role", &role.title)),
    })
}

fn fresh(role: &Role) -> Form {
    let mut form = form(&address(&role.id), "/");
    form.hidden.push(("version".to_owned(), role.version.to_string()));
    form.values.insert("name".to_owned(), role.title.clone());
    form.values.insert("about".to_owned(), role.about.clone());
    form
}

async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let role = held::find(app.store(), &id).await?;
    let here = address(&id);
    let wanted = wanted(&sent);
    if role.built_in {
        return Ok(done(&here, "role-built-in"));
    }
    let error = match held::change(app.store(), &id, &wanted, sent.version()?).await {
        Ok(()) => return Ok(done(&here, "saved")),
        Err(error) => error,
    };
    if let Some(notice) = notice_of(&error) {
        return Ok(done(&here, notice));
    }
    let refused = role_wrong(sent.back(fresh(&role), &["name", "about"]), error)?;
    let view =
        roles::Role { groups: groups(&wanted.permissions), ..view(&app, &caller, &role, Some(refused)).await? };
    let shell = frame(&app, &caller, &here, "").await?;
    Ok(again(roles::one(&shell, &view)))
}

async fn remove(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Failure> {
    match held::delete(app.store(), &id).await {
        Ok(()) => Ok(done(PATH, "role-deleted")),
        Err(error) => {
            notice_of(&error).map_or_else(|| Err(error.into()), |notice| Ok(done(&address(&id), notice)))
        }
    }
}
