//! One's own profile: name, mail address, zone, password, second factor, sessions.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use axum::routing::{get, post};
use secrecy::SecretString;
use serde::Deserialize;

use super::sessions::rows_of;
use super::{Sent, Told, act, again, dangerous, done, drawn, factors, frame, title, wrong, wrong_at};
use crate::api::body::{Asked, Filled};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Client, Needs, Route, address, called_from, shown_lately};
use crate::app::App;
use crate::identity::api::may_change_own;
use crate::identity::login::{Caller, LoginError};
use crate::identity::passkey_login::Removed;
use crate::identity::roles as held;
use crate::identity::second_factors::FactorError;
use crate::identity::sessions::{self, Session};
use crate::identity::users::{self as known, Origin, User, UserError};
use crate::pages::door::factor::{codes, making};
use crate::pages::door::rules;
use crate::pages::form;
use crate::web::access::profile;
use crate::web::door::factor;
use crate::web::form::{Choice, Form};

const PATH: &str = "/profile";

const PASSWORD: &str = "/profile/password";

const CODES: &str = "/profile/recovery-codes";

pub(super) fn routes() -> Vec<Route> {
    let login = Needs::Login;
    vec![
        Route::new(Method::GET, PATH, login, "One's own profile", get(page)),
        Route::new(Method::POST, PATH, login, "Change one's own profile", post(change)),
        Route::new(Method::POST, PASSWORD, login, "Change one's own password", post(change_password)),
        Route::new(
            Method::POST,
            "/profile/passkeys/{id}/remove",
            login,
            "Remove a passkey of one's own",
            post(remove_passkey),
        ),
        Route::new(
            Method::POST,
            "/profile/app/remove",
            login,
            "Remove one's authenticator app",
            post(remove_app),
        ),
        Route::new(Method::POST, CODES, login, "Make new recovery codes", post(renew_codes)),
        Route::new(Method::POST, "/profile/sessions/end", login, "End one's other sessions", post(end_others)),
    ]
}

#[derive(Deserialize)]
struct PasswordForm {
    password: SecretString,
    new_password: SecretString,
    new_password_again: SecretString,
}

/// The session of a person: what is one's own is not changed with a token.
fn session(caller: &Caller) -> Result<&Session, Failure> {
    let none = || Failure::new(Kind::NotPermitted, "a token does not change its owner; log in for that");
    caller.session.as_ref().ok_or_else(none)
}

async fn page(State(app): State<App>, caller: Caller, Asked(told): Asked<Told>) -> Result<Response, Failure> {
    let view = view(&app, &caller, None, None).await?;
    let shell = frame(&app, &caller, PATH, &told.notice).await?;
    Ok(drawn(profile::page(&shell, &view)))
}

/// The profile with forms that were sent before, or fresh ones.
async fn view(
    app: &App,
    caller: &Caller,
    sent: Option<Form>,
    password: Option<Form>,
) -> Result<profile::Profile, Failure> {
    let user = &caller.user;
    let all = held::all(app.store()).await?;
    let assignments = held::assignments_of(app.store(), &user.id).await?;
    let role = |one: &held::Assignment| match &one.label {
        Some(label) => format!("{} ({label})", title(&all, &one.role)),
        None => title(&all, &one.role).to_owned(),
    };
    let rows = rows_of(app, caller, &user.id, PATH).await?;
    let others = rows.iter().any(|row| !row.is_own);
    Ok(profile::Profile {
        full_name: user.full_name.clone(),
        user_name: user.name.clone(),
        roles: assignments.iter().map(role).collect(),
        form: sent.unwrap_or_else(|| fresh(user)),
        zones: zones(user.zone.as_deref()),
        password: (user.origin == Origin::Local).then(|| password.unwrap_or_else(|| form(PASSWORD, "/"))),
        rules: rules(app),
        password_changed: user.password_at,
        password_ends: user.password_at.and_then(|set| app.logins.policy.expires(set)),
        factors: factors(app, user, true).await?,
        recovery_codes_left: known::recovery_codes(app.store(), &user.id).await?.len(),
        add_app: user.totp_at.is_none().then(|| "/login/enrol?next=/profile".to_owned()),
        add_passkey: Some(making(app, PATH)),
        codes: (!user.has_second_factor()).then(|| codes(app, caller, &[], PATH)),
        renew_codes: user.has_second_factor().then(|| act(CODES.to_owned(), "Make new recovery codes", "")),
        sessions: rows,
        end_others: others.then(|| dangerous("/profile/sessions/end".to_owned(), "End all other sessions", "")),
    })
}

fn fresh(user: &User) -> Form {
    let mut form = form(PATH, "/");
    form.hidden.push(("version".to_owned(), user.version.to_string()));
    form.values.insert("full_name".to_owned(), user.full_name.clone());
    form.values.insert("mail".to_owned(), user.mail.clone().unwrap_or_default());
    form.values.insert("zone".to_owned(), user.zone.clone().unwrap_or_default());
    form
}

/// The zones that are named for places, and UTC.
fn zones(own: Option<&str>) -> Vec<Choice> {
    let choice = |value: &str, label: &str| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        about: String::new(),
        chosen: own.unwrap_or_default() == value,
    };
    let all: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let of_a_place = |name: &&String| {
        name.contains('/')
            && !["Etc/", "posix/", "right/", "SystemV/"].iter().any(|other| name.starts_with(other))
    };
    let listed = all.iter().filter(of_a_place).map(|name| choice(name, name));
    let mut zones = vec![choice("", "that of the browser"), choice("UTC", "UTC")];
    zones.extend(listed);
    if let Some(own) = own.filter(|own| !zones.iter().any(|zone| zone.value == *own)) {
        zones.push(choice(own, own));
    }
    zones
}

async fn change(State(app): State<App>, caller: Caller, sent: Sent) -> Result<Response, Failure> {
    let user = &caller.user;
    let mail = Some(sent.one("mail").trim()).filter(|mail| !mail.is_empty());
    may_change_own(&caller, mail, app.now())?;
    let zone = Some(sent.one("zone")).filter(|zone| !zone.is_empty());
    let version = sent.version()?;
    let error =
        match known::change_profile(app.store(), &user.id, sent.one("full_name"), mail, zone, version).await {
            Ok(()) => return Ok(done(PATH, "saved")),
            Err(UserError::Stale) => return Ok(done(PATH, "changed-meanwhile")),
            Err(error) => error,
        };
    let field = if matches!(error, UserError::Taken(_)) { "mail" } else { "" };
    let form = wrong_at(sent.back(fresh(user), &["full_name", "mail", "zone"]), field, error.into())?;
    refused(&app, &caller, Some(form), None).await
}

async fn refused(
    app: &App,
    caller: &Caller,
    profile: Option<Form>,
    password: Option<Form>,
) -> Result<Response, Failure> {
    let view = view(app, caller, profile, password).await?;
    let shell = frame(app, caller, PATH, "").await?;
    Ok(again(profile::page(&shell, &view)))
}

async fn change_password(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<PasswordForm>,
) -> Result<Response, Failure> {
    session(&caller)?;
    if caller.user.origin != Origin::Local {
        return Err(Failure::new(Kind::Conflict, "somebody else vouches for you: change your password there"));
    }
    if !same(&sent.new_password, &sent.new_password_again) {
        let form = wrong(form(PASSWORD, "/"), "new_password_again", "it is not the same as the password above");
        return refused(&app, &caller, None, Some(form)).await;
    }
    let from = called_from(address(client), &headers)?;
    let changed = app.logins.change_password(&from, &caller, sent.password, sent.new_password, app.now()).await;
    let Err(failure) = changed.map_err(Failure::from) else { return Ok(done(PATH, "password-changed")) };
    let is_present = failure.problem().kind == "wrong-credential";
    let mut form = wrong_at(form(PASSWORD, "/"), "password", failure)?;
    if !is_present {
        // What is wrong with a password is said of the new one.
        for (field, _) in &mut form.errors {
            "new_password".clone_into(field);
        }
    }
    refused(&app, &caller, None, Some(form)).await
}

/// Both are of the one who sent them: how long it takes tells nothing that is not known.
fn same(one: &SecretString, other: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    one.expose_secret() == other.expose_secret()
}

async fn remove_passkey(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    remove(&app, &caller, Removed::Passkey(&id)).await
}

async fn remove_app(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    remove(&app, &caller, Removed::App).await
}

async fn remove(app: &App, caller: &Caller, factor: Removed<'_>) -> Result<Response, Failure> {
    session(caller)?;
    shown_lately(caller, app.now())?;
    match app.logins.remove_factor(caller, factor).await {
        Ok(()) => Ok(done(PATH, "factor-removed")),
        Err(LoginError::Factor(FactorError::Unknown)) => Ok(done(PATH, "gone")),
        Err(LoginError::Factor(FactorError::Last)) => Ok(done(PATH, "last-factor")),
        Err(error) => Err(error.into()),
    }
}

async fn renew_codes(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
) -> Result<Response, Failure> {
    session(&caller)?;
    shown_lately(&caller, app.now())?;
    let from = called_from(address(client), &headers)?;
    let made = app.logins.renew_codes(&from, &caller, app.now()).await?;
    let shell = frame(&app, &caller, PATH, "").await?;
    Ok(drawn(factor::recovery_codes(&shell, &codes(&app, &caller, &made, PATH))))
}

async fn end_others(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let own = session(&caller)?;
    let mut connection = app.store().writer().acquire().await?;
    sessions::end_others(&mut connection, &caller.user.id, &own.id).await?;
    Ok(done(PATH, "sessions-ended"))
}
