//! Somebody is invited.

use std::collections::BTreeSet;

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use axum::routing;
use secrecy::{ExposeSecret as _, SecretString};

use super::{Sent, again, done, drawn, frame, may, role_choices, wrong_at};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Needs, Route};
use crate::app::App;
use crate::identity::login::{Caller, LoginError};
use crate::identity::roles::{Assignment, Permission};
use crate::identity::users::{self as known, NewUser, Origin, User, UserError};
use crate::identity::{links, post};
use crate::pages::form;
use crate::web::access::user as page;
use crate::web::form::Form;

const PATH: &str = "/users/invite";

pub(super) fn routes() -> Vec<Route> {
    let manage = Needs::Recent(Permission::UsersManage);
    vec![
        Route::new(Method::GET, PATH, manage, "Invite somebody", routing::get(asked)),
        Route::new(Method::POST, PATH, manage, "Invite somebody", routing::post(invite)),
    ]
}

async fn asked(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let view = view(&app, &caller, form(PATH, "/"), &[]).await?;
    let shell = frame(&app, &caller, PATH, "").await?;
    Ok(drawn(page::invite(&shell, &view)))
}

async fn view(app: &App, caller: &Caller, form: Form, chosen: &[&str]) -> Result<page::Invite, Failure> {
    // Who may not give roles invites without.
    let roles =
        if may(caller, Permission::RolesManage) { role_choices(app, chosen).await? } else { Vec::new() };
    let hours = links::Kind::Invitation.lifetime().as_secs() / 3600;
    Ok(page::Invite { form, roles, hours, no_mail: app.logins.outside.outbox.is_none() })
}

async fn invite(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Failure> {
    let roles: BTreeSet<Assignment> =
        sent.all("role").map(|role| Assignment { role: role.to_owned(), label: None }).collect();
    if !roles.is_empty() && !may(&caller, Permission::RolesManage) {
        let detail =
            "giving roles needs the permission roles.manage; invite without roles, or ask an administrator";
        return Err(Failure::new(Kind::NotPermitted, detail));
    }
    caller.may_give(app.store(), &roles).await?;
    let new = NewUser {
        name: sent.one("user_name").to_owned(),
        full_name: sent.one("full_name").to_owned(),
        mail: Some(sent.one("mail").to_owned()),
        origin: Origin::Local,
        external_id: None,
    };
    let made = match new.checked() {
        Ok(new) => app.logins.invite(new, &roles, &caller.user.name, app.now()).await,
        Err(error) => Err(error.into()),
    };
    let error = match made {
        Ok((id, code)) => {
            let user = known::by_id(app.store(), &id).await?;
            return handed_over(&app, &caller, &user, links::Kind::Invitation, &code).await;
        }
        Err(error) => error,
    };
    let field = match &error {
        LoginError::User(UserError::Taken(what)) if what.contains("mail") => "mail",
        LoginError::User(UserError::Taken(_)) => "user_name",
        _ => "",
    };
    let typed = sent.back(form(PATH, "/"), &["user_name", "full_name", "mail"]);
    let wrong = wrong_at(typed, field, error.into())?;
    let chosen: Vec<&str> = sent.all("role").collect();
    let view = view(&app, &caller, wrong, &chosen).await?;
    let shell = frame(&app, &caller, PATH, "").await?;
    Ok(again(page::invite(&shell, &view)))
}

/// The link of a code: sent by mail, or else shown once.
pub(super) async fn handed_over(
    app: &App,
    caller: &Caller,
    user: &User,
    kind: links::Kind,
    code: &SecretString,
) -> Result<Response, Failure> {
    if app.logins.mail_link(kind, user, Some(&caller.user.name), None, code, app.now()) {
        return Ok(done(&format!("/users/{}", user.id), "link-mailed"));
    }
    let link = post::link(&app.origin, kind, code);
    let expires = app.now().checked_add(kind.lifetime()).unwrap_or(jiff::Timestamp::MAX);
    let shell = frame(app, caller, "/users", "").await?;
    Ok(drawn(page::link(&shell, &user.name, link.expose_secret(), expires)))
}
