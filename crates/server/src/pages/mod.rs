//! From a request to a page: who looks, what the page shows, and what happens to what is sent.
//!
//! Pages use what the JSON routes use, and are a list of routes like them; what they show is drawn by `web`. A request that
//! is not answered as asked ends at the door that leads on (login, second factor, step-up) or on a page that says why.

mod access;
mod door;
mod ledger;
mod link;
mod look;
mod overview;
mod posture;
mod review;
mod system;

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use maud::Markup;

use self::door::factor::Waiting;
use crate::api::problem::{Failure, Kind};
use crate::api::route::{BODY_LIMIT, Route, router, session_token};
use crate::app::App;
use crate::identity::login::{Caller, Pending};
use crate::identity::roles::Permission;
use crate::identity::{roles, users};
use crate::serve::RequestId;
use crate::store::StoreError;
use crate::web::form::Form;
use crate::web::shell::{Place, Shell, Tab, Viewer};
use crate::web::{assets, system as views};

/// Every page, in the order of the navigation.
pub(crate) fn table() -> Vec<Route> {
    [
        door::routes(),
        link::routes(),
        overview::routes(),
        posture::routes(),
        access::routes(),
        review::routes(),
        ledger::routes(),
        system::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The pages and the files that they load.
pub(crate) fn routes(app: &App) -> Router {
    router(app, table())
        .merge(crate::identity::api::external::routes(app))
        .merge(files())
        .fallback(|| async { Failure::new(Kind::NotFound, "there is no such page") })
        .layer(from_fn_with_state(app.clone(), lead_on))
}

fn files() -> Router {
    assets::all().iter().fold(Router::new(), |router, asset| {
        let kept =
            if asset.is_immutable() { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
        let answer = [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, kept)];
        router.route(&asset.path, axum::routing::get(move || async move { (answer, asset.bytes) }))
    })
}

/// The most that is held of a form that waits for a step up.
const HELD: usize = 16 * 1024;

/// What is not answered as asked: a door that leads on, or a page that says why.
async fn lead_on(State(app): State<App>, request: Request, next: Next) -> Response {
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (request, waiting) = match hold(request, &path).await {
        Ok(held) => held,
        Err(failure) => return page_of(&app, &failure, &headers, failure.clone().into_response()).await,
    };
    let response = next.run(request).await;
    let Some(failure) = response.extensions().get::<Failure>().cloned() else { return response };
    // Programs read problems, not pages.
    if path.starts_with("/api/") {
        return response;
    }
    // Where to come back to: the page itself, or the one from which something was sent.
    let back = if method == Method::GET { path } else { came_from(&headers).unwrap_or_else(|| above(&path)) };
    if let (true, Some(waiting)) = (failure.problem().kind == "step-up", waiting)
        && let Some(caller) = who(&app, &headers).await
        && let Ok(page) = door::factor::step_up_first(&app, &caller, &back, &waiting).await
    {
        return page;
    }
    match door(&app, &failure, &back).await {
        Some(door) => to(&door),
        None => page_of(&app, &failure, &headers, response).await,
    }
}

/// What a form holds, so that nobody types it twice when a door stands before it; nothing where it holds a secret.
async fn hold(request: Request, path: &str) -> Result<(Request, Option<Waiting>), Failure> {
    let is_form =
        request.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(FORM));
    if request.method() != Method::POST || path.starts_with("/api/") || !is_form {
        return Ok((request, None));
    }
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, BODY_LIMIT)
        .await
        .map_err(|_| Failure::new(Kind::BadRequest, "the form is longer than any of these pages"))?;
    let is_secret = |name: &str| ["password", "code", "secret"].iter().any(|word| name.contains(word));
    let held = std::str::from_utf8(&bytes)
        .ok()
        .filter(|text| text.len() <= HELD)
        .filter(|text| !url::form_urlencoded::parse(text.as_bytes()).any(|(name, _)| is_secret(&name)));
    let waiting = held.map(|fields| Waiting { action: path.to_owned(), fields: fields.to_owned() });
    Ok((Request::from_parts(parts, bytes.into()), waiting))
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Whether a form of ours is sent to this address.
fn is_sent_to(path: &str) -> bool {
    local(path) == path && table().iter().any(|route| route.method == Method::POST && is_of(route.path, path))
}

/// Who has the session of these headers.
async fn who(app: &App, headers: &HeaderMap) -> Option<Caller> {
    app.logins.caller(&session_token(headers)?, app.now()).await.ok().flatten()
}

/// The door that a failure leads to.
async fn door(app: &App, failure: &Failure, back: &str) -> Option<String> {
    let door = match (failure.problem().kind, failure.pending) {
        (_, Some(pending)) => door_of(pending),
        ("not-logged-in", _) if users::count(app.store()).await.ok() == Some(0) => "/setup",
        ("not-logged-in", _) => "/login",
        ("step-up", _) => "/step-up",
        _ => return None,
    };
    Some(if back == "/" { door.to_owned() } else { format!("{door}?next={}", encoded(back)) })
}

/// Where what must be done first is done.
fn door_of(pending: Pending) -> &'static str {
    match pending {
        Pending::Locked => "/login/unlock",
        Pending::SecondFactor => "/login/second-factor",
        Pending::Enrolment => "/login/enrol",
        Pending::PasswordChange => "/login/password",
    }
}

async fn page_of(app: &App, failure: &Failure, headers: &HeaderMap, response: Response) -> Response {
    let caller = who(app, headers).await;
    let problem = failure.problem();
    let view = views::failure::Failure {
        status: problem.status,
        detail: problem.detail.clone(),
        retry: problem.retry_after.map(Duration::from_secs),
        request: response.extensions().get().map_or_else(String::new, |id: &RequestId| id.as_str().to_owned()),
    };
    let shell = shell(app, caller.as_ref(), "").await.unwrap_or_else(|_| app.shell());
    let page = views::failure::page(&shell, &view);
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, page_body(page)).into_response();
    if let Some(seconds) = problem.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

/// The page from which something was sent, when it is one of ours.
fn came_from(headers: &HeaderMap) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let from = headers.get(header::REFERER)?.to_str().ok()?;
    let path = from.strip_prefix("https://")?.strip_prefix(host)?;
    Some(local(path).to_owned())
}

/// The page to which a form belongs that was sent here: the browser does not tell, as no address is told to anybody.
fn above(sent_to: &str) -> String {
    let pages: Vec<Route> = table().into_iter().filter(|route| route.method == Method::GET).collect();
    let is_page = |path: &str| pages.iter().any(|page| is_of(page.path, path));
    let mut place = local(sent_to.split('?').next().unwrap_or_default());
    while !place.is_empty() && !is_page(place) {
        place = place.rsplit_once('/').map_or("", |(above, _)| above);
    }
    if place.is_empty() { "/".to_owned() } else { place.to_owned() }
}

/// Whether a path is one of a route with `{names}`.
fn is_of(route: &str, path: &str) -> bool {
    let mut given = path.split('/');
    let fits = |part: &str, text: &str| part == text || (part.starts_with('{') && !text.is_empty());
    route.split('/').all(|part| given.next().is_some_and(|text| fits(part, text))) && given.next().is_none()
}

/// An address of ours to go to; whatever leads elsewhere is `/`.
fn local(path: &str) -> &str {
    let right = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 2000
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if right { path } else { "/" }
}

fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

/// An address with these words behind it; those without a value are left out.
fn with_query(path: &str, words: &[(&str, &str)]) -> String {
    let given: Vec<String> = words
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    if given.is_empty() { path.to_owned() } else { format!("{path}?{}", given.join("&")) }
}

/// An answer that sends the browser on; what was sent is not sent again.
fn to(path: &str) -> Response {
    let place = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(header::LOCATION, place)]).into_response()
}

fn page_body(page: Markup) -> axum::response::Html<String> {
    axum::response::Html(page.into_string())
}

/// A page.
fn drawn(page: Markup) -> Response {
    page_body(page).into_response()
}

/// A page with what was wrong on it.
fn again(page: Markup) -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, page_body(page)).into_response()
}

/// The pages of this caller's navigation, the name, and the rest of the frame.
async fn shell(app: &App, caller: Option<&Caller>, path: &str) -> Result<Shell, StoreError> {
    let frame = Shell { path: path.to_owned(), ..app.shell() };
    let Some(caller) = caller.filter(|caller| caller.pending.is_none()) else { return Ok(frame) };
    let titles = roles::titles_of(app.store(), &caller.user.id).await?;
    let nav =
        Place::ALL.into_iter().filter(|place| may_see(caller, *place)).map(|place| Tab { place, waiting: 0 });
    Ok(Shell {
        user: Some(Viewer { name: caller.user.full_name.clone(), roles: titles }),
        nav: nav.collect(),
        zone: caller.user.zone.as_deref().and_then(|zone| jiff::tz::TimeZone::get(zone).ok()),
        ..frame
    })
}

fn may_see(caller: &Caller, place: Place) -> bool {
    let permission = match place {
        Place::Overview | Place::Reports => Permission::ReportsRead,
        Place::Users => Permission::UsersRead,
        Place::Roles | Place::Access => Permission::RolesRead,
        Place::Blocks => Permission::BlocksRead,
        Place::Reviews => Permission::ReviewsRead,
        Place::Ledger => Permission::LedgerRead,
        Place::Settings => Permission::SettingsRead,
        Place::Sessions | Place::Tokens | Place::About => return true,
    };
    caller.rights.has(permission)
}

impl App {
    /// The frame of a page that nobody in particular looks at.
    fn shell(&self) -> Shell {
        Shell { system: self.system.clone(), version: self.version.to_owned(), ..Shell::default() }
    }
}

/// A form that is sent to `action` and goes on to `next`.
fn form(action: &str, next: &str) -> Form {
    let hidden = if next == "/" { Vec::new() } else { vec![("next".to_owned(), next.to_owned())] };
    Form { action: action.to_owned(), hidden, ..Form::default() }
}

/// The same form with what was wrong; what must not be shown on the form again is returned.
fn refused(mut form: Form, failure: Failure) -> Result<Form, Failure> {
    let problem = failure.problem();
    match problem.kind {
        "wrong-credential" | "unprocessable" | "conflict" => {}
        _ => return Err(failure),
    }
    let field = |name: &str| if name == "name" { "user_name".to_owned() } else { name.to_owned() };
    form.errors = problem.fields.iter().map(|wrong| (field(&wrong.name), wrong.why.clone())).collect();
    if form.errors.is_empty() {
        form.errors.push((String::new(), problem.detail.clone()));
    }
    Ok(form)
}
