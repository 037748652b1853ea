//! One user: profile, roles, second factors, sessions, and what may be done.

use std::collections::BTreeSet;

use axum::extract::{Path, State};
use axum::http::Method;
use axum::response::Response;
use axum::routing::{get, post};

use super::invite::handed_over;
use super::sessions::rows_of;
use super::{
    Sent, Told, act, again, dangerous, done, drawn, factors, frame, may, notice_of, role_choices, standing,
    title, wrong, wrong_at,
};
use crate::api::body::Asked;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::Caller;
use crate::identity::roles::{self as held, Assignment, Permission, RoleError};
use crate::identity::users::{self as known, Origin, State as Standing, User, UserError};
use crate::identity::{holders, links};
use crate::pages::{form, to};
use crate::web::access::user;
use crate::web::form::{Act, Form};
use crate::web::system::confirm;

pub(super) fn routes() -> Vec<Route> {
    let read = Needs::Permission(Permission::UsersRead);
    let (manage, give) = (Needs::Recent(Permission::UsersManage), Needs::Recent(Permission::RolesManage));
    let sent = |path, needs, about, serve| Route::new(Method::POST, path, needs, about, serve);
    vec![
        Route::new(Method::GET, "/users/{id}", read, "One user", get(one)),
        sent("/users/{id}", manage, "Change a user's name or mail address", post(change)),
        sent("/users/{id}/roles", give, "Give a user a role", post(assign)),
        sent("/users/{id}/roles/remove", give, "Take a role from a user", post(take)),
        sent("/users/{id}/state", manage, "Deactivate a user, or undo it", post(set_state)),
        sent("/users/{id}/reset", manage, "Make a link to choose a new password", post(reset)),
        sent("/users/{id}/invitation", manage, "Make another invitation", post(invite_again)),
        sent("/users/{id}/second-factors/drop", manage, "Take a user's second factors", post(drop_factors)),
        Route::new(Method::GET, "/users/{id}/delete", manage, "Delete a user", get(ask)),
        sent("/users/{id}/delete", manage, "Delete a user", post(remove)),
    ]
}

fn address(id: &str) -> String {
    format!("/users/{id}")
}

async fn one(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Asked(told): Asked<Told>,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    let view = view(&app, &caller, &user, None, None).await?;
    let shell = frame(&app, &caller, &address(&id), &told.notice).await?;
    Ok(drawn(user::page(&shell, &view)))
}

/// The user with forms that were sent before, or fresh ones.
async fn view(
    app: &App,
    caller: &Caller,
    user: &User,
    profile: Option<Form>,
    assign: Option<Form>,
) -> Result<user::User, Failure> {
    let here = address(&user.id);
    let gives = may(caller, Permission::RolesManage);
    let manages = may(caller, Permission::UsersManage);
    let roles = held::all(app.store()).await?;
    let assigned =
        holders::holders(app.store(), "", &user.id).await?.into_iter().map(|holder| user::Assignment {
            role: title(&roles, &holder.role).to_owned(),
            href: format!("/roles/{}", holder.role),
            since: holder.since,
            remove: gives.then(|| Act {
                hidden: vec![
                    ("role".to_owned(), holder.role.clone()),
                    ("label".to_owned(), holder.label.clone()),
                ],
                ..dangerous(format!("{here}/roles/remove"), "Take away", title(&roles, &holder.role))
            }),
            labels: holder.label,
        });
    let shows_sessions = may(caller, Permission::SessionsRead) || caller.user.id == user.id;
    Ok(user::User {
        full_name: user.full_name.clone(),
        user_name: user.name.clone(),
        state: standing(user),
        source: source(user.origin).to_owned(),
        created: Some(user.created_at),
        last_login: user.last_login_at,
        password_changed: user.password_at,
        profile: manages.then(|| profile.unwrap_or_else(|| fresh(user))),
        roles: assigned.collect(),
        assign: if gives {
            let form = assign.unwrap_or_else(|| form(&format!("{here}/roles"), "/"));
            Some((form, role_choices(app, &[]).await?))
        } else {
            None
        },
        factors: factors(app, user, false).await?,
        recovery_codes_left: known::recovery_codes(app.store(), &user.id).await?.len(),
        sessions: if shows_sessions { Some(rows_of(app, caller, &user.id, &here).await?) } else { None },
        acts: if manages { deeds(user) } else { Vec::new() },
    })
}

fn fresh(user: &User) -> Form {
    let mut form = form(&address(&user.id), "/");
    form.hidden.push(("version".to_owned(), user.version.to_string()));
    form.values.insert("full_name".to_owned(), user.full_name.clone());
    form.values.insert("mail".to_owned(), user.mail.clone().unwrap_or_default());
    form
}

fn source(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "local",
        Origin::Oidc => "OpenID Connect",
        Origin::Ldap => "LDAP",
    }
}

/// What may be done to a user; what cannot be undone last.
fn deeds(user: &User) -> Vec<user::Deed> {
    let here = address(&user.id);
    let of = user.name.as_str();
    let deed = |act: Act, about: &str| user::Deed { act, about: about.to_owned() };
    let mut deeds = Vec::new();
    if can_reset(user) {
        let act = act(format!("{here}/reset"), "Make a link for a new password", of);
        deeds.push(deed(
            act,
            "Makes a link with which this user chooses a new password. The present one holds until then.",
        ));
    }
    if user.state == Standing::Invited {
        let act = act(format!("{here}/invitation"), "Make another invitation", of);
        deeds.push(deed(
            act,
            "For somebody who lost the invitation or came too late. The one before is worth nothing then.",
        ));
    }
    if user.has_second_factor() {
        let act = dangerous(format!("{here}/second-factors/drop"), "Remove the second factors", of);
        deeds.push(deed(act, "For a user who lost them. Ends all sessions; the next login asks for the password alone, and for a new second factor where one is needed."));
    }
    let active = |value: &str| vec![("active".to_owned(), value.to_owned())];
    if user.state == Standing::Deactivated {
        let act = Act { hidden: active("true"), ..act(format!("{here}/state"), "Activate", of) };
        deeds.push(deed(act, "Lets this user log in again, with the roles of before."));
    } else {
        let act = Act { hidden: active("false"), ..dangerous(format!("{here}/state"), "Deactivate", of) };
        deeds.push(deed(act, "Ends all sessions and withdraws all tokens; nobody logs in under this name until it is activated again."));
    }
    let act = dangerous(format!("{here}/delete"), "Delete", of);
    deeds.push(deed(act, "Deletes this user and all that is theirs. Asks once more."));
    deeds
}

fn can_reset(user: &User) -> bool {
    user.state == Standing::Active && user.origin == Origin::Local
}

async fn change(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    let (mail, zone) = (Some(sent.one("mail")), user.zone.as_deref());
    let error =
        match known::change_profile(app.store(), &id, sent.one("full_name"), mail, zone, sent.version()?).await
        {
            Ok(()) => return Ok(done(&address(&id), "saved")),
            Err(UserError::Stale) => return Ok(done(&address(&id), "changed-meanwhile")),
            Err(error) => error,
        };
    let field = if matches!(error, UserError::Taken(_)) { "mail" } else { "" };
    let form = wrong_at(sent.back(fresh(&user), &["full_name", "mail"]), field, error.into())?;
    let view = view(&app, &caller, &user, Some(form), None).await?;
    let shell = frame(&app, &caller, &address(&id), "").await?;
    Ok(again(user::page(&shell, &view)))
}

async fn assign(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    let here = address(&id);
    let label = Some(sent.one("labels").trim().to_owned()).filter(|label| !label.is_empty());
    let wanted = Assignment { role: sent.one("role").to_owned(), label };
    caller.may_act_on(app.store(), &id).await?;
    caller.may_give(app.store(), &[wanted.clone()].into()).await?;
    let mut all: BTreeSet<Assignment> = held::assignments_of(app.store(), &id).await?.into_iter().collect();
    let typed = sent.back(form(&format!("{here}/roles"), "/"), &["role", "labels"]);
    let refused = if wanted.label.as_ref().is_some_and(|label| label.contains(',')) {
        wrong(typed, "labels", "A role is held for one label, as `site=linz`; assign it once more for another.")
    } else if !all.insert(wanted) {
        return Ok(done(&here, "role-held-already"));
    } else {
        match held::assign(app.store(), &id, user.version, &all, &caller.user.name, app.now()).await {
            Ok(()) => return Ok(done(&here, "role-assigned")),
            Err(RoleError::Unknown(_)) => {
                wrong(typed, "role", "There is no such role; choose one of the list.")
            }
            Err(error) => wrong_at(typed, "labels", error.into())?,
        }
    };
    let view = view(&app, &caller, &user, None, Some(refused)).await?;
    let shell = frame(&app, &caller, &here, "").await?;
    Ok(again(user::page(&shell, &view)))
}

async fn take(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    let here = address(&id);
    let label = Some(sent.one("label").to_owned()).filter(|label| !label.is_empty());
    let gone = Assignment { role: sent.one("role").to_owned(), label };
    let mut all: BTreeSet<Assignment> = held::assignments_of(app.store(), &id).await?.into_iter().collect();
    if !all.remove(&gone) {
        return Ok(done(&here, "gone"));
    }
    match held::assign(app.store(), &id, user.version, &all, &caller.user.name, app.now()).await {
        Ok(()) => Ok(done(&here, "role-taken")),
        Err(error) => notice_of(&error).map_or_else(|| Err(error.into()), |notice| Ok(done(&here, notice))),
    }
}

async fn set_state(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    caller.may_act_on(app.store(), &id).await?;
    let (state, notice) = match sent.one("active") {
        "true" => (Standing::Active, "activated"),
        "false" => (Standing::Deactivated, "deactivated"),
        _ => return Err(Failure::new(Kind::BadRequest, "say whether the user is to be active")),
    };
    let changed = known::set_state(app.store(), &id, state).await;
    refused_or(changed, &address(&id), &address(&id), notice)
}

/// On to the page that says what was done, or that of the user who must stay as he is.
fn refused_or(
    changed: Result<(), UserError>,
    stay: &str,
    place: &str,
    notice: &'static str,
) -> Result<Response, Failure> {
    match changed {
        Ok(()) => Ok(done(place, notice)),
        Err(UserError::Role(error)) => {
            notice_of(&error).map_or_else(|| Err(error.into()), |notice| Ok(done(stay, notice)))
        }
        Err(error) => Err(error.into()),
    }
}

async fn reset(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    if !can_reset(&user) {
        return Ok(done(&address(&id), "no-password-here"));
    }
    caller.may_act_on(app.store(), &id).await?;
    let code = app.logins.link(links::Kind::Reset, &user, app.now()).await?;
    handed_over(&app, &caller, &user, links::Kind::Reset, &code).await
}

/// Another invitation in place of one that was lost or has ended.
async fn invite_again(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    if user.state != Standing::Invited {
        return Ok(done(&address(&id), "not-invited"));
    }
    caller.may_act_on(app.store(), &id).await?;
    let code = app.logins.link(links::Kind::Invitation, &user, app.now()).await?;
    handed_over(&app, &caller, &user, links::Kind::Invitation, &code).await
}

async fn drop_factors(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    known::by_id(app.store(), &id).await?;
    caller.may_act_on(app.store(), &id).await?;
    known::drop_factors(app.store(), &id).await?;
    Ok(done(&address(&id), "factors-dropped"))
}

fn question(user: &User, form: Form) -> confirm::Confirm {
    confirm::Confirm {
        title: format!("Delete the user {}?", user.name),
        consequences: vec![
            "All sessions end, all API tokens are withdrawn, and roles and second factors are gone.".to_owned(),
            "This cannot be taken back. Deactivate the user instead when they may come back.".to_owned(),
        ],
        typed: Some(user.name.clone()),
        form,
        label: "Delete the user".to_owned(),
        cancel: address(&user.id),
    }
}

async fn ask(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    let shell = frame(&app, &caller, &address(&id), "").await?;
    let form = form(&format!("{}/delete", address(&id)), "/");
    Ok(drawn(confirm::page(&shell, &question(&user, form))))
}

async fn remove(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    sent: Sent,
) -> Result<Response, Failure> {
    let user = known::by_id(app.store(), &id).await?;
    let here = format!("{}/delete", address(&id));
    // The button on the user's page asks for the question; only the question's own form carries the name.
    if sent.all("typed").next().is_none() {
        return Ok(to(&here));
    }
    if sent.one("typed").trim() != user.name {
        let refused = wrong(form(&here, "/"), "typed", "This is not the user's name.");
        let shell = frame(&app, &caller, &address(&id), "").await?;
        return Ok(again(confirm::page(&shell, &question(&user, refused))));
    }
    caller.may_act_on(app.store(), &id).await?;
    refused_or(known::delete(app.store(), &id).await, &address(&id), "/users", "user-deleted")
}
