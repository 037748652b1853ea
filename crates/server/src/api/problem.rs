//! What went wrong, as one type for all handlers: two messages, one for the caller and one for the log, and one table of
//! status codes. Answers are `application/problem+json` (RFC 9457); pages are made of the same.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::causes::with_causes;
use crate::identity::gate::{Blocked, GateError};
use crate::identity::login::{LoginError, Pending};
use crate::identity::oidc::OidcError;
use crate::identity::passkeys::PasskeyError;
use crate::identity::password::{HashError, Refusal};
use crate::identity::roles::RoleError;
use crate::identity::second_factors::FactorError;
use crate::identity::tokens::TokenError;
use crate::identity::users::UserError;
use crate::ledger::LedgerError;
use crate::posture::audits::NotNow;
use crate::posture::reports::ReportError;
use crate::random::RandomError;
use crate::store::StoreError;

/// What a caller is told.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// What kind of problem it is, for programs: a word.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    /// The same in a few words, for people.
    pub(crate) title: &'static str,
    /// The status code.
    pub(crate) status: u16,
    /// What happened, and what to do.
    pub(crate) detail: String,
    /// Which fields of the request are wrong, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fields: Vec<Field>,
    /// Seconds to wait before it is worth asking again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
}

/// A field of a request that will not do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Field {
    /// Its name.
    pub(crate) name: String,
    /// Why, in words that whoever filled it in can act on.
    pub(crate) why: String,
}

/// A request that was not answered as asked.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    problem: Box<Problem>,
    /// What the log is told beside; the caller never sees it.
    log: Option<String>,
    /// What stands before the rights of this caller.
    pub(crate) pending: Option<Pending>,
    /// Until when nothing is let in.
    pub(crate) blocked_until: Option<Timestamp>,
}

/// Every kind of problem: its word, its title, its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The request cannot be understood.
    BadRequest,
    /// Who asks is not known.
    NotLoggedIn,
    /// A credential was wrong.
    WrongCredential,
    /// Something must be done first: a second factor, a new password.
    Pending,
    /// A credential must be shown again for this.
    StepUp,
    /// It is not permitted.
    NotPermitted,
    /// There is nothing here.
    NotFound,
    /// There was something here.
    Gone,
    /// There is something here, for other methods.
    Method,
    /// It is for another server.
    Misdirected,
    /// The body is longer than any that is taken.
    TooLarge,
    /// It does not fit what there is.
    Conflict,
    /// Somebody else changed it.
    Stale,
    /// Fields will not do.
    Unprocessable,
    /// Too many attempts.
    TooMany,
    /// It was done a moment ago.
    TooSoon,
    /// The server is at fault.
    Internal,
    /// The server is busy.
    Busy,
    /// Another server that is needed does not answer.
    Unreachable,
    /// What must be noted cannot be.
    Unrecorded,
}

impl Kind {
    /// Its word, for programs.
    pub(crate) fn word(self) -> &'static str {
        self.parts().1
    }

    /// Its status.
    #[cfg(test)]
    pub(crate) fn status(self) -> StatusCode {
        self.parts().0
    }

    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::BadRequest => (StatusCode::BAD_REQUEST, "bad-request", "Not understood"),
            Self::NotLoggedIn => (StatusCode::UNAUTHORIZED, "not-logged-in", "Not logged in"),
            Self::WrongCredential => (StatusCode::UNAUTHORIZED, "wrong-credential", "That was not right"),
            Self::Pending => (StatusCode::FORBIDDEN, "pending", "One more step first"),
            Self::StepUp => (StatusCode::FORBIDDEN, "step-up", "Show your credential again"),
            Self::NotPermitted => (StatusCode::FORBIDDEN, "not-permitted", "Not permitted"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Nothing here"),
            Self::Gone => (StatusCode::GONE, "gone", "Not here any more"),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Not this way"),
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "Not this server"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too long"),
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "It does not fit what there is"),
            Self::Stale => (StatusCode::PRECONDITION_FAILED, "stale", "Somebody else changed it"),
            Self::Unprocessable => {
                (StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "Some fields will not do")
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many-attempts", "Too many attempts"),
            Self::TooSoon => (StatusCode::TOO_MANY_REQUESTS, "too-soon", "Too soon"),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Our fault"),
            Self::Busy => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::Unreachable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unreachable", "Another server does not answer")
            }
            Self::Unrecorded => (StatusCode::SERVICE_UNAVAILABLE, "unrecorded", "Cannot be noted"),
        }
    }
}

impl Failure {
    /// A problem whose detail the caller may read.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (status, word, title) = kind.parts();
        let problem = Problem {
            kind: word,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            fields: Vec::new(),
            retry_after: None,
        };
        Self { problem: Box::new(problem), log: None, pending: None, blocked_until: None }
    }

    /// Names the fields that are wrong.
    pub(crate) fn with_fields(mut self, fields: Vec<Field>) -> Self {
        self.problem.fields = fields;
        self
    }

    /// Says what stands before the caller's rights.
    pub(crate) fn with_pending(mut self, pending: Pending) -> Self {
        self.pending = Some(pending);
        self
    }

    /// What the caller is told.
    pub(crate) fn problem(&self) -> &Problem {
        &self.problem
    }

    fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        let detail =
            "this did not work for a reason on the server's side; its log says more under the request's id";
        Self::logged(Kind::Internal, detail, error)
    }

    /// A problem of which the log is told the cause, and the caller is not.
    fn logged(kind: Kind, detail: &str, error: &(dyn std::error::Error + 'static)) -> Self {
        Self { log: Some(with_causes(error)), ..Self::new(kind, detail) }
    }

    /// Too early: it is worth asking again after so many seconds.
    pub(crate) fn too_soon(detail: impl Into<String>, seconds: u64) -> Self {
        Self::new(Kind::TooSoon, detail).retry_after(seconds)
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.problem.retry_after = Some(seconds);
        self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if let Some(log) = &self.log {
            tracing::error!(error = %log, "a request failed");
        }
        let status = StatusCode::from_u16(self.problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self.problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = self.problem.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // Pages are made of it by a layer around them.
        response.extensions_mut().insert(self);
        response
    }
}

impl From<GateError> for Failure {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Blocked(blocked) => Self::blocked(&blocked),
            GateError::Store(error) => error.into(),
            GateError::Random(error) => error.into(),
        }
    }
}

impl Failure {
    fn blocked(blocked: &Blocked) -> Self {
        let whom = if blocked.whole_address { "this address" } else { "this user from this address" };
        let until = blocked.until.strftime("%Y-%m-%d %H:%M:%S UTC");
        let detail = format!(
            "{whom} failed too often; come again after {until}, or ask an administrator to lift the block"
        );
        Self {
            blocked_until: Some(blocked.until),
            ..Self::new(Kind::TooMany, detail).retry_after(blocked.seconds)
        }
    }
}

impl From<LoginError> for Failure {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Wrong => {
                Self::new(Kind::WrongCredential, "that was not right; see that nothing was mistyped")
            }
            LoginError::Gate(error) => error.into(),
            LoginError::Refused(refusal) => refusal.into(),
            LoginError::Hash(error) => error.into(),
            LoginError::User(error) => error.into(),
            LoginError::Factor(error) => error.into(),
            LoginError::Random(error) => error.into(),
            LoginError::Store(error) => error.into(),
            LoginError::Directory(_) => {
                // The same for users of this server: it must not tell who is one.
                let detail = "either that was not right, or the directory that knows you does not answer; try again in a while, \
                    and tell who runs the system if it goes on";
                Self::logged(Kind::Unreachable, detail, &error)
            }
            LoginError::Provider(error) => error.into(),
            LoginError::NoMail => Self::new(Kind::Conflict, error.to_string()),
            LoginError::NoRole => {
                let detail = "you are known there, but may not log in here; ask an administrator for a role";
                Self::new(Kind::NotPermitted, detail)
            }
            LoginError::Seal(_) | LoginError::Enrol(_) => Self::internal(&error),
        }
    }
}

impl From<FactorError> for Failure {
    fn from(error: FactorError) -> Self {
        let text = error.to_string();
        match error {
            FactorError::Off | FactorError::Taken | FactorError::Last | FactorError::None => {
                Self::new(Kind::Conflict, text)
            }
            FactorError::Unknown => Self::new(Kind::NotFound, text),
            FactorError::Passkey(error) => Self::new(of_passkey(&error), text),
            FactorError::Random(error) => error.into(),
            FactorError::Store(error) => error.into(),
        }
    }
}

fn of_passkey(error: &PasskeyError) -> Kind {
    match error {
        PasskeyError::Answer => Kind::Unprocessable,
        PasskeyError::Address { .. }
        | PasskeyError::TooMany
        | PasskeyError::None
        | PasskeyError::Expired
        | PasskeyError::State
        | PasskeyError::Stored => Kind::Conflict,
        PasskeyError::Origin
        | PasskeyError::Challenge
        | PasskeyError::NotVerified
        | PasskeyError::NotTheirs
        | PasskeyError::Copied { .. }
        | PasskeyError::Refused(_) => Kind::WrongCredential,
    }
}

impl From<OidcError> for Failure {
    fn from(error: OidcError) -> Self {
        match error {
            OidcError::Busy => Self::new(Kind::Busy, error.to_string()).retry_after(60),
            OidcError::Late | OidcError::State | OidcError::MixedUp | OidcError::NoCode => {
                Self::new(Kind::BadRequest, error.to_string())
            }
            OidcError::Denied { .. } => Self::new(Kind::NotPermitted, error.to_string()),
            OidcError::Exchange { .. } | OidcError::Token { .. } => {
                let detail = "the login provider's answer is refused; begin again, and tell who runs the system if it goes on";
                Self::logged(Kind::NotPermitted, detail, &error)
            }
            OidcError::Http(_)
            | OidcError::Outbound(_)
            | OidcError::Metadata { .. }
            | OidcError::Setting { .. } => {
                let detail = "the login provider does not answer as it should; try again in a while, and tell who runs the \
                    system if it goes on";
                Self::logged(Kind::Unreachable, detail, &error)
            }
            OidcError::Random(_) => Self::internal(&error),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let fields = refusal
            .reasons
            .iter()
            .map(|reason| Field { name: "password".to_owned(), why: reason.to_string() })
            .collect();
        Self::new(Kind::Unprocessable, refusal.to_string()).with_fields(fields)
    }
}

impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => {
                Self::new(Kind::Busy, "too many logins at once; try again in a few seconds").retry_after(5)
            }
            error => Self::internal(&error),
        }
    }
}

impl From<UserError> for Failure {
    fn from(error: UserError) -> Self {
        let text = error.to_string();
        match error {
            UserError::Unknown => Self::new(Kind::NotFound, text),
            UserError::Taken(_) => Self::new(Kind::Conflict, text),
            UserError::Stale => Self::new(Kind::Stale, text),
            UserError::Form { field, why } => {
                let fields = vec![Field { name: field.to_owned(), why }];
                Self::new(Kind::Unprocessable, text).with_fields(fields)
            }
            UserError::Role(error) => error.into(),
            UserError::Random(error) => error.into(),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<RoleError> for Failure {
    fn from(error: RoleError) -> Self {
        let text = error.to_string();
        match error {
            RoleError::Unknown(_) => Self::new(Kind::NotFound, text),
            RoleError::BuiltIn(_)
            | RoleError::Exists(_)
            | RoleError::Held { .. }
            | RoleError::LastAdministrator => Self::new(Kind::Conflict, text),
            RoleError::Stale => Self::new(Kind::Stale, text),
            RoleError::Form(_) => Self::new(Kind::Unprocessable, text),
            RoleError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Form(text) => Self::new(Kind::Unprocessable, text),
            TokenError::Random(error) => error.into(),
            TokenError::Store(error) => error.into(),
        }
    }
}

impl From<NotNow> for Failure {
    fn from(error: NotNow) -> Self {
        let text = error.to_string();
        match error {
            NotNow::Running(_) | NotNow::Nobody => Self::new(Kind::Conflict, text),
            NotNow::TooSoon(seconds) => Self::too_soon(text, seconds),
        }
    }
}

impl From<ReportError> for Failure {
    fn from(error: ReportError) -> Self {
        match error {
            ReportError::Unknown => Self::new(Kind::NotFound, error.to_string()),
            ReportError::Random(error) => error.into(),
            ReportError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<RandomError> for Failure {
    fn from(error: RandomError) -> Self {
        Self::internal(&error)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        StoreError::from(error).into()
    }
}
