//! Second factors at the door: shown, set up, and shown again before something dangerous.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use maud::{Markup, PreEscaped};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Next, blocked, leave, provider_of, with_next};
use crate::api::body::{Asked, Filled};
use crate::api::problem::{Failure, Kind};
use crate::api::route::{Client, Needs, Route, address, called_from};
use crate::app::App;
use crate::identity::api::{cookie, may_enrol};
use crate::identity::login::{Caller, Factor, Pending};
use crate::identity::users::{self, Origin};
use crate::pages::{again, door_of, drawn, form, is_sent_to, local, page_body, refused, shell, to};
use crate::web::door::factor::{self, Ceremony, Passkey};
use crate::web::door::locked::{self, Beside};
use crate::web::form::{Act, Form};

pub(super) fn routes() -> Vec<Route> {
    let page = |path, needs, about, serve| Route::new(Method::GET, path, needs, about, serve);
    let sent = |path, needs, about, serve| Route::new(Method::POST, path, needs, about, serve);
    let session = Needs::Session;
    vec![
        page("/login/second-factor", session, "Show the second factor", get(factor_page)),
        sent("/login/second-factor", session, "Show the second factor", post(show_factor)),
        page("/login/enrol", session, "Set up a second factor", get(enrol_page)),
        sent("/login/enrol", session, "Set up a second factor", post(enrol)),
        page("/step-up", Needs::Login, "Show a credential again", get(step_up_page)),
        sent("/step-up", Needs::Login, "Show a credential again", post(step_up)),
    ]
}

#[derive(Deserialize)]
struct FactorForm {
    #[serde(default)]
    code: Option<SecretString>,
    #[serde(default)]
    recovery_code: Option<SecretString>,
    #[serde(default)]
    next: String,
}

#[derive(Deserialize)]
struct StepUpForm {
    #[serde(default)]
    password: Option<SecretString>,
    #[serde(default)]
    code: Option<SecretString>,
    #[serde(default)]
    recovery_code: Option<SecretString>,
    #[serde(default)]
    next: String,
    /// Where a form waits to be sent, and what it holds as it was sent.
    #[serde(default)]
    waiting_for: String,
    #[serde(default)]
    waiting: String,
}

/// A form that was sent and waits for a credential.
#[derive(Clone)]
pub(in crate::pages) struct Waiting {
    /// Where it was sent.
    pub(in crate::pages) action: String,
    /// What it holds, encoded as forms are.
    pub(in crate::pages) fields: String,
}

impl Waiting {
    /// What was sent along unseen, when it is for a page of ours.
    fn of(action: &str, fields: &str) -> Option<Self> {
        is_sent_to(action).then(|| Self { action: action.to_owned(), fields: fields.to_owned() })
    }

    /// The button that sends it.
    fn act(&self) -> Act {
        let pairs = url::form_urlencoded::parse(self.fields.as_bytes());
        Act {
            action: self.action.clone(),
            label: "Go on".to_owned(),
            hidden: pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect(),
            ..Act::default()
        }
    }
}

/// Makes a passkey; recovery codes or `next` follow.
pub(in crate::pages) fn making(app: &App, next: &str) -> Passkey {
    ceremony(app, ["/api/v1/session/passkeys/start", "/api/v1/session/passkeys"], next)
}

/// Shows a passkey, for whom has one.
fn showing(app: &App, caller: &Caller, next: &str) -> Option<Passkey> {
    let place = "/api/v1/session/second-factor/passkey";
    (caller.user.passkeys > 0).then(|| ceremony(app, [place, place], next))
}

fn ceremony(app: &App, [start, finish]: [&str; 2], next: &str) -> Passkey {
    if app.logins.passkeys.is_none() {
        return Passkey::Nowhere;
    }
    Passkey::Here(Ceremony {
        start: start.to_owned(),
        finish: finish.to_owned(),
        origin: app.origin.clone(),
        next: next.to_owned(),
        resume: None,
    })
}

/// Recovery codes as a page shows them once; none yet where the script of passkeys fills them in.
pub(in crate::pages) fn codes(
    app: &App,
    caller: &Caller,
    codes: &[SecretString],
    next: &str,
) -> factor::RecoveryCodes {
    let label = match next {
        "/" => "Go to the overview",
        "/profile" => "Back to your profile",
        _ => "Go on",
    };
    factor::RecoveryCodes {
        codes: codes.iter().map(|code| code.expose_secret().to_owned()).collect(),
        user_name: caller.user.name.clone(),
        made: app.now(),
        next: (label.to_owned(), next.to_owned()),
    }
}

async fn factor_page(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Next>,
) -> Result<Response, Failure> {
    let next = local(&asked.next);
    if caller.pending != Some(Pending::SecondFactor) {
        return Ok(to(next));
    }
    Ok(drawn(factor_view(&app, &caller, next, None).await?))
}

/// The page of the second factor; `wrong` is the form that was sent and what was wrong with it.
async fn factor_view(
    app: &App,
    caller: &Caller,
    next: &str,
    wrong: Option<(bool, Form)>,
) -> Result<Markup, Failure> {
    let empty = form("/login/second-factor", next);
    let left = users::recovery_codes(app.store(), &caller.user.id).await?.len();
    let (code, recovery) = match wrong {
        Some((true, wrong)) => (empty, wrong),
        Some((false, wrong)) => (wrong, empty),
        None => (empty.clone(), empty),
    };
    let view = factor::SecondFactor {
        code: caller.user.totp_at.map(|_| code),
        passkey: showing(app, caller, next),
        recovery: (left > 0).then_some(recovery),
        cancel: leave("Log in as somebody else"),
    };
    Ok(factor::page(&app.shell(), &view))
}

async fn show_factor(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<FactorForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let is_recovery = sent.recovery_code.is_some();
    let factor = match (sent.code, sent.recovery_code) {
        (_, Some(code)) => Factor::Recovery(code),
        (Some(code), None) => Factor::Totp(code),
        (None, None) => return Err(Failure::new(Kind::BadRequest, "no code was sent")),
    };
    let next = local(&sent.next);
    match app.logins.show_factor(&from, &caller, factor, app.now()).await.map_err(Failure::from) {
        Ok(token) => Ok((cookie(&token), to(next)).into_response()),
        Err(failure) => {
            if let Some(until) = failure.blocked_until {
                return Ok(blocked(&app, &failure, until));
            }
            let wrong = refused(form("/login/second-factor", next), failure)?;
            Ok(again(factor_view(&app, &caller, next, Some((is_recovery, wrong))).await?))
        }
    }
}

async fn enrol_page(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Next>,
) -> Result<Response, Failure> {
    let next = local(&asked.next);
    match caller.pending {
        Some(Pending::Enrolment) => {}
        None if caller.user.totp_at.is_none() => may_enrol(&caller, app.now())?,
        None => return Ok(to(next)),
        Some(other) => return Ok(to(&with_next(door_of(other), next))),
    }
    Ok(drawn(enrol_view(&app, &caller, next, None).await?))
}

async fn enrol_view(app: &App, caller: &Caller, next: &str, wrong: Option<Form>) -> Result<Markup, Failure> {
    let enrolment = app.logins.begin_totp(&caller.user).await?;
    let must = caller.pending == Some(Pending::Enrolment);
    let why = if must { "Who may change what others may do needs more than a password to log in." } else { "" };
    // Whoever has one already adds passkeys in the profile.
    let is_first = !caller.user.has_second_factor();
    let view = factor::Enrol {
        form: wrong.unwrap_or_else(|| form("/login/enrol", next)),
        qr: PreEscaped(enrolment.svg.expose_secret().to_owned()),
        secret: enrolment.typed.expose_secret().chars().filter(|one| !one.is_whitespace()).collect(),
        account: format!("{} ({})", app.logins.issuer, caller.user.name),
        passkey: is_first.then(|| making(app, next)),
        codes: is_first.then(|| codes(app, caller, &[], next)),
        why: why.to_owned(),
        cancel: (!must).then(|| next.to_owned()),
    };
    Ok(factor::enrol(&app.shell(), &view))
}

async fn enrol(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<FactorForm>,
) -> Result<Response, Failure> {
    may_enrol(&caller, app.now())?;
    let from = called_from(address(client), &headers)?;
    let next = local(&sent.next);
    let code = sent.code.ok_or_else(|| Failure::new(Kind::BadRequest, "no code was sent"))?;
    match app.logins.confirm_totp(&from, &caller, &code, app.now()).await.map_err(Failure::from) {
        Ok((made, token)) => {
            let page = factor::recovery_codes(&app.shell(), &codes(&app, &caller, &made, next));
            Ok((cookie(&token), page_body(page)).into_response())
        }
        Err(failure) => {
            if let Some(until) = failure.blocked_until {
                return Ok(blocked(&app, &failure, until));
            }
            let wrong = refused(form("/login/enrol", next), failure)?;
            Ok(again(enrol_view(&app, &caller, next, Some(wrong)).await?))
        }
    }
}

async fn step_up_page(
    State(app): State<App>,
    caller: Caller,
    Asked(asked): Asked<Next>,
) -> Result<Response, Failure> {
    Ok(drawn(step_up_view(&app, &caller, local(&asked.next), None, None).await?))
}

/// The step up that stands before what was sent, which waits meanwhile.
pub(in crate::pages) async fn step_up_first(
    app: &App,
    caller: &Caller,
    next: &str,
    waiting: &Waiting,
) -> Result<Response, Failure> {
    let page = step_up_view(app, caller, local(next), Some(waiting), None).await?;
    Ok((StatusCode::FORBIDDEN, page_body(page)).into_response())
}

/// The form of the step up, with what waits in it.
fn step_up_form(next: &str, waiting: Option<&Waiting>) -> Form {
    let mut form = form("/step-up", next);
    if let Some(waiting) = waiting {
        form.hidden.push(("waiting_for".to_owned(), waiting.action.clone()));
        form.hidden.push(("waiting".to_owned(), waiting.fields.clone()));
    }
    form
}

async fn step_up_view(
    app: &App,
    caller: &Caller,
    next: &str,
    waiting: Option<&Waiting>,
    wrong: Option<Form>,
) -> Result<Markup, Failure> {
    let minutes = app.logins.sessions.privilege.as_secs() / 60;
    let passkey = showing(app, caller, next).map(|passkey| match passkey {
        Passkey::Here(way) => Passkey::Here(Ceremony { resume: waiting.map(|_| locked::WAITING), ..way }),
        Passkey::Nowhere => Passkey::Nowhere,
    });
    let view = locked::StepUp {
        form: wrong.unwrap_or_else(|| step_up_form(next, waiting)),
        what: "change things that others depend on".to_owned(),
        beside: match (caller.user.totp_at, caller.user.has_second_factor()) {
            (Some(_), _) => Beside::Code,
            (None, true) => Beside::Recovery,
            (None, false) => Beside::Nothing,
        },
        provider: provider_of(app, &caller.user),
        passkey,
        waiting: waiting.map(Waiting::act),
        minutes,
        cancel: next.to_owned(),
    };
    Ok(locked::step_up(&shell(app, Some(caller), "").await?, &view))
}

async fn step_up(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    caller: Caller,
    Filled(sent): Filled<StepUpForm>,
) -> Result<Response, Failure> {
    let from = called_from(address(client), &headers)?;
    let next = local(&sent.next);
    let waiting = Waiting::of(&sent.waiting_for, &sent.waiting);
    let factor = match (sent.code, sent.recovery_code) {
        (_, Some(code)) => Some(Factor::Recovery(code)),
        (code, None) => code.map(Factor::Totp),
    };
    let shown = match (sent.password, factor) {
        // Who logs in elsewhere has no password here: the second factor alone is shown, as after a login.
        (_, Some(factor)) if caller.user.origin == Origin::Oidc => {
            app.logins.show_factor(&from, &caller, factor, app.now()).await
        }
        (Some(password), factor) => app.logins.step_up(&from, &caller, password, factor, app.now()).await,
        (None, _) => return Err(Failure::new(Kind::BadRequest, "no password was sent")),
    };
    match (shown.map_err(Failure::from), waiting) {
        (Ok(token), None) => Ok((cookie(&token), to(next)).into_response()),
        (Ok(token), Some(waiting)) => {
            let shell = shell(&app, Some(&caller), "").await?;
            Ok((cookie(&token), drawn(locked::carry_on(&shell, &waiting.act()))).into_response())
        }
        (Err(failure), waiting) => {
            if let Some(until) = failure.blocked_until {
                return Ok(blocked(&app, &failure, until));
            }
            let wrong = refused(step_up_form(next, waiting.as_ref()), failure)?;
            Ok(again(step_up_view(&app, &caller, next, waiting.as_ref(), Some(wrong)).await?))
        }
    }
}
