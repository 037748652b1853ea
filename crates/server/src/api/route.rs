//! Routes as data: method, path, who may, what it takes and gives. The router, the description and the tests are made of
//! this one list.

use axum::extract::{DefaultBodyLimit, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::MethodRouter;
use axum::{Extension, Router};
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use secrecy::SecretString;

use super::idempotency;
use super::problem::{Failure, Kind};
use super::tags;
use crate::app::App;
use crate::causes::with_causes;
use crate::identity::login::{Caller, From as CalledFrom, Pending};
use crate::identity::roles::Permission;
use crate::ledger::{Asker, Happened, Said, during, of_answer};
use crate::serve::{ClientAddress, RequestId, TurnedAway};

/// The cookie that holds a session's token. The prefix has browsers refuse it without `Secure`, and from other hosts.
pub(crate) const COOKIE: &str = "__Host-palisade";

/// The most that a request may carry, unless its route says otherwise: forms are small.
pub(crate) const BODY_LIMIT: usize = 64 * 1024;

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Everybody.
    Nothing,
    /// Who has a session, whatever stands before its rights.
    Session,
    /// Who is logged in wholly.
    Login,
    /// Who is logged in and has this permission.
    Permission(Permission),
    /// The same, with a credential shown in the last minutes.
    Recent(Permission),
}

/// Makes the schema of a body.
type Shape = fn(&mut SchemaGenerator) -> Schema;

/// One route.
pub(crate) struct Route {
    /// Its method.
    pub(crate) method: Method,
    /// Its path, with `{names}`.
    pub(crate) path: &'static str,
    /// Who may use it.
    pub(crate) needs: Needs,
    /// What it does, in a sentence without a full stop.
    pub(crate) about: &'static str,
    /// The shape of its request.
    pub(crate) takes: Option<Shape>,
    /// Whether its request is plain text instead.
    pub(crate) is_text: bool,
    /// The status of its answer when all is well.
    pub(crate) status: StatusCode,
    /// The shape of its answer.
    pub(crate) gives: Option<Shape>,
    /// What may stand in its query.
    pub(crate) query: Option<Shape>,
    /// The content type of the file that it answers with instead.
    pub(crate) file: Option<&'static str>,
    serve: MethodRouter<App>,
}

impl Route {
    /// A route without bodies that answers 204.
    pub(crate) fn new(
        method: Method,
        path: &'static str,
        needs: Needs,
        about: &'static str,
        serve: MethodRouter<App>,
    ) -> Self {
        let status = StatusCode::NO_CONTENT;
        Self {
            method,
            path,
            needs,
            about,
            takes: None,
            is_text: false,
            status,
            gives: None,
            query: None,
            file: None,
            serve,
        }
    }

    /// Takes a body of this shape.
    pub(crate) fn takes<T: JsonSchema>(mut self) -> Self {
        self.takes = Some(|generator| generator.subschema_for::<T>());
        self
    }

    /// Takes plain text.
    pub(crate) fn takes_text(mut self) -> Self {
        self.is_text = true;
        self
    }

    /// Takes a query of this shape.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(|generator| generator.root_schema_for::<T>());
        self
    }

    /// Answers 200 with a body of this shape.
    pub(crate) fn gives<T: JsonSchema>(self) -> Self {
        self.answers::<T>(StatusCode::OK)
    }

    /// Answers 200 with a file.
    pub(crate) fn gives_file(self) -> Self {
        self.gives_file_of("application/octet-stream")
    }

    /// Answers 200 with a file of this content type.
    pub(crate) fn gives_file_of(mut self, content_type: &'static str) -> Self {
        (self.status, self.file) = (StatusCode::OK, Some(content_type));
        self
    }

    /// Answers with this status and a body of this shape.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: StatusCode) -> Self {
        self.gives = Some(|generator| generator.subschema_for::<T>());
        self.status = status;
        self
    }
}

/// The router of these routes; each asks first who calls.
pub(crate) fn router(app: &App, routes: Vec<Route>) -> Router {
    let mut router = Router::new();
    for route in routes {
        // Inside the door: what was answered once is told to nobody who may not ask any more.
        let served = if idempotency::takes_key(&route) {
            route.serve.route_layer(from_fn_with_state(app.clone(), idempotency::once))
        } else {
            route.serve
        };
        // Around the methods that there are: for another one nobody needs to be let in.
        let door = Door { app: app.clone(), needs: route.needs, path: route.path };
        router = router.route(route.path, served.route_layer(from_fn_with_state(door, admit)));
    }
    let other_method = || async {
        Failure::new(Kind::Method, "this address does not take that method; `Allow` says which it takes")
    };
    router
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(app.clone())
}

/// The same router, with a note of each request that was turned away before any route.
pub(crate) fn noting_who_is_turned_away(app: &App, router: Router) -> Router {
    router.layer(from_fn_with_state(app.clone(), note_turned_away))
}

async fn note_turned_away(State(app): State<App>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let (client, correlation) = asked_by(&request);
    let response = next.run(request).await;
    if let Some(TurnedAway { why, is_led }) = response.extensions().get().copied() {
        let kind = if is_led { Happened::AccessRefused } else { Happened::RequestRefused };
        // What the address was is whatever a stranger wrote, and so is a method that is not used here.
        let method = if is_led { method.as_str() } else { "any" };
        let said = Said::refused(kind).on("route", &format!("{method} any"), None);
        let said = said.with("status", response.status().as_str()).with("reason", why);
        let asker = Asker::new(client, correlation, app.clock.clone());
        if let Err(error) = during(asker, app.ledger.refuse(said)).await {
            tracing::error!(error = %with_causes(&error), "a refusal is not in the ledger");
        }
        app.ledger.wake();
    }
    response
}

/// The address that asks, and the identifier of the request.
fn asked_by(request: &Request) -> (Option<String>, Option<String>) {
    let client = request.extensions().get::<ClientAddress>().map(ToString::to_string);
    (client, request.extensions().get::<RequestId>().map(|id| id.as_str().to_owned()))
}

/// What stands before a route.
#[derive(Clone)]
struct Door {
    app: App,
    needs: Needs,
    path: &'static str,
}

/// Lets a request in, with its caller, or says why not. What happens is noted for that caller; what is refused, here.
async fn admit(State(door): State<Door>, request: Request, next: Next) -> Response {
    let (ledger, method) = (&door.app.ledger, request.method().clone());
    if !method.is_safe()
        && let Some(why) = ledger.refuses()
    {
        return Failure::new(Kind::Unrecorded, format!("nothing can be changed now: {why}")).into_response();
    }
    let known = request.headers().get(header::IF_NONE_MATCH).cloned();
    let (client, correlation) = asked_by(&request);
    let asker = Asker::new(client, correlation, door.app.clock.clone());
    let response = during(asker.clone(), serve(&door, &asker, request, next)).await;
    let refused = of_answer(&method, door.path, response.status(), response.extensions().get());
    if let Some(said) = refused.filter(|_| !asker.has_noted(true))
        && let Err(error) = during(asker.clone(), ledger.refuse(asker.tried(said))).await
    {
        tracing::error!(error = %with_causes(&error), "a refusal is not in the ledger");
    }
    #[cfg(test)]
    crate::ledger::tests::must_be_noted(&method, door.path, &response, &asker);
    if asker.has_noted(false) || asker.has_noted(true) {
        ledger.wake();
    }
    if method == Method::GET { tags::tagged(response, known.as_ref()).await } else { response }
}

async fn serve(door: &Door, asker: &Asker, mut request: Request, next: Next) -> Response {
    if !is_text(request.uri()) {
        return Failure::new(
            Kind::BadRequest,
            "the address holds what is no text: NUL, or bytes that are not UTF-8",
        )
        .into_response();
    }
    match caller(&door.app, door.needs, request.extensions().get().copied(), request.headers(), asker).await {
        Ok(caller) => {
            if let Some(caller) = caller {
                if let Needs::Permission(permission) | Needs::Recent(permission) = door.needs {
                    let app = &door.app;
                    app.uses.note(app.store(), &caller.user.id, permission, app.now()).await;
                }
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(failure) => failure.into_response(),
    }
}

/// Whether all of an address is text that can be kept: PostgreSQL knows no NUL, handlers no other encoding.
fn is_text(address: &Uri) -> bool {
    let path = String::from_utf8(decoded(address.path()));
    path.is_ok_and(|path| !path.contains('\0')) && !address.query().unwrap_or_default().contains("%00")
}

/// The bytes of a path; a percent sign that begins nothing stands for itself, as the router reads it.
fn decoded(path: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped =
            after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    bytes
}

async fn caller(
    app: &App,
    needs: Needs,
    client: Option<ClientAddress>,
    headers: &HeaderMap,
    asker: &Asker,
) -> Result<Option<Caller>, Failure> {
    if needs == Needs::Nothing {
        return Ok(None);
    }
    let caller = match bearer(headers) {
        Some(token) => Some(app.logins.token_caller(&called_from(client, headers)?, &token, app.now()).await?),
        None => match session_token(headers) {
            Some(token) => app.logins.caller(&token, app.now()).await?,
            None => None,
        },
    };
    let caller = caller.ok_or_else(|| Failure::new(Kind::NotLoggedIn, "log in first"))?;
    asker.is(&caller);
    may(&caller, needs, app)?;
    Ok(Some(caller))
}

/// Whether this caller may use a route that needs this.
fn may(caller: &Caller, needs: Needs, app: &App) -> Result<(), Failure> {
    if needs == Needs::Session {
        return Ok(());
    }
    if let Some(pending) = caller.pending {
        return Err(Failure::new(Kind::Pending, first(pending)).with_pending(pending));
    }
    let (Needs::Permission(permission) | Needs::Recent(permission)) = needs else { return Ok(()) };
    if !caller.rights.has(permission) {
        let detail = format!(
            "this needs the permission {}; ask an administrator for a role with it",
            permission.as_str()
        );
        return Err(Failure::new(Kind::NotPermitted, detail));
    }
    if let Needs::Recent(_) = needs { shown_lately(caller, app.now()) } else { Ok(()) }
}

/// Refuses who showed no second factor in the last minutes, and every API token.
pub(crate) fn shown_lately(caller: &Caller, now: Timestamp) -> Result<(), Failure> {
    if caller.session.as_ref().is_some_and(|session| session.is_privileged(now)) {
        return Ok(());
    }
    let detail = "this wants your second factor once more; it is good for some minutes then";
    Err(Failure::new(Kind::StepUp, detail))
}

/// What must be done first, in words.
pub(crate) fn first(pending: Pending) -> &'static str {
    match pending {
        Pending::Locked => "the session was unused for long; show your password again",
        Pending::SecondFactor => "show your second factor first",
        Pending::Enrolment => "set up a second factor first",
        Pending::PasswordChange => "choose a new password first; this one has reached its age",
    }
}

/// The address that the listener knows, as handlers take it.
pub(crate) type Client = Option<Extension<ClientAddress>>;

/// The address out of its extension.
pub(crate) fn address(client: Client) -> Option<ClientAddress> {
    client.map(|Extension(client)| client)
}

/// Who asks: the address that the listener knows, and what the browser calls itself.
pub(crate) fn called_from(
    client: Option<ClientAddress>,
    headers: &HeaderMap,
) -> Result<CalledFrom<'_>, Failure> {
    let client = client.ok_or_else(|| Failure::new(Kind::Internal, "the listener did not say who asks"))?;
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Ok(CalledFrom { client, agent })
}

fn bearer(headers: &HeaderMap) -> Option<SecretString> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned().into())
}

/// The session's token of the cookie.
pub(crate) fn session_token(headers: &HeaderMap) -> Option<SecretString> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .filter(|token| !token.is_empty() && token.len() <= 64)
        .map(|token| token.to_owned().into())
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let found = Extension::<Self>::from_request_parts(parts, state).await;
        found.map(|Extension(caller)| caller).map_err(|_| Failure::new(Kind::NotLoggedIn, "log in first"))
    }
}
