//! Logins that an OpenID Connect provider vouches for: authorization code with PKCE.

mod claims;
mod error;
pub(crate) mod http;
mod provider;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreClientAuthMethod, CoreResponseType};
use openidconnect::url::Url;
use openidconnect::{
    AccessToken, AuthType, AuthenticationContextClass, AuthenticationFlow, AuthorizationCode, ClientId,
    ClientSecret, CsrfToken, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RequestTokenError, Scope, TokenResponse as _,
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use crate::outbound;
pub(crate) use error::OidcError;
pub(crate) use http::HttpError;
use provider::{Known, Metadata, RelyingParty, Token};

/// Each request to the provider ends after this time, unless settings say otherwise. A login makes four at most.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(10);

/// How long a person may take at the provider.
pub(crate) const LOGIN_TIME: SignedDuration = SignedDuration::from_mins(10);

/// Conversations with the provider at once; more are told to come back.
const MAX_CONVERSATIONS: usize = 32;

/// What the browser brings back: a code is a few hundred bytes.
const MAX_PARAMETER: usize = 4 * 1024;

/// What is told of a provider's own words.
const MAX_WORDS: usize = 200;

/// How a provider is asked.
#[derive(Clone, Debug)]
pub(crate) struct OidcSettings {
    /// Its name for itself, an https address.
    pub(crate) issuer: String,
    /// Our name there.
    pub(crate) client_id: String,
    /// Our password there, where the client is a confidential one.
    pub(crate) client_secret: Option<SecretString>,
    /// Where the browser comes back to, an https address of ours.
    pub(crate) redirect_url: String,
    /// Scopes besides `openid`, such as `profile`, `email`, `groups`.
    pub(crate) scopes: Vec<String>,
    /// Authorities to trust besides this machine's own.
    pub(crate) ca_file: Option<PathBuf>,
    /// The claim with the name that the person logs in with, such as `preferred_username`.
    pub(crate) username_claim: String,
    /// The claim with the groups; `a.b` is also the member `b` of the claim `a`.
    pub(crate) groups_claim: String,
    /// Which group gives which role.
    pub(crate) roles: Vec<(String, String)>,
    /// Values of `amr` of which each counts as a second factor, such as `mfa`. Empty: none does.
    pub(crate) second_factor_amr: Vec<String>,
    /// Values of `acr` of which each counts as a second factor; they are asked for. Empty: none does.
    pub(crate) second_factor_acr: Vec<String>,
    /// How long ago the person may have logged in at the provider.
    pub(crate) max_age: Option<Duration>,
    /// How long each request may take: [`TIME_LIMIT`].
    pub(crate) time_limit: Duration,
}

/// Whom the provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The provider.
    pub(crate) issuer: String,
    /// The person there, for ever. With the issuer the only key to find an account by.
    pub(crate) subject: String,
    /// What the person logs in with there, where it is told. Others may have the same tomorrow.
    pub(crate) username: Option<String>,
    /// The person's name, where it is told.
    pub(crate) name: Option<String>,
    /// The mail address, where it is told.
    pub(crate) mail: Option<String>,
    /// Whether the provider vouches for the mail address.
    pub(crate) is_mail_verified: bool,
    /// Groups.
    pub(crate) groups: BTreeSet<String>,
    /// What they give.
    pub(crate) roles: BTreeSet<String>,
    /// When the person logged in at the provider, where it is told.
    pub(crate) auth_time: Option<Timestamp>,
    /// Whether what the provider says of the login counts as a second factor by the settings.
    pub(crate) has_second_factor: bool,
    /// How the person logged in, in the provider's words (`amr`).
    pub(crate) methods: Vec<String>,
    /// How good that is, in the provider's words (`acr`).
    pub(crate) context: Option<String>,
}

/// A login that was begun. A secret: keep it sealed with the browser's session, and take it out once.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Pending {
    issuer: String,
    state: String,
    nonce: String,
    verifier: String,
    expires: Timestamp,
}

impl Pending {
    /// Until when the person may come back.
    pub(crate) fn expires(&self) -> Timestamp {
        self.expires
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("issuer", &self.issuer)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// What the browser brings back from the provider.
#[derive(Clone, Default, Deserialize)]
pub(crate) struct Callback {
    /// Opens the provider's answer once.
    #[serde(default, deserialize_with = "secret")]
    pub(crate) code: Option<SecretString>,
    /// Ours, as it was sent.
    #[serde(default, deserialize_with = "secret")]
    pub(crate) state: Option<SecretString>,
    /// Who answers (RFC 9207).
    pub(crate) iss: Option<String>,
    /// Why there is no code.
    pub(crate) error: Option<String>,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(SecretString::from))
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callback").field("iss", &self.iss).field("error", &self.error).finish_non_exhaustive()
    }
}

/// A provider that can be asked for logins.
#[derive(Debug)]
pub(crate) struct Provider {
    settings: OidcSettings,
    issuer: IssuerUrl,
    redirect: RedirectUrl,
    http: http::Client,
    known: Known,
    places: Semaphore,
}

impl Provider {
    /// A provider by these settings. Reads the CA file; connects to nobody.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn new(settings: OidcSettings) -> Result<Self, OidcError> {
        let wrong = |setting, why| OidcError::Setting { setting, why };
        let is_https = |text: &str| Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if !is_https(&settings.issuer) {
            return Err(wrong("issuer", "is not an https address: write it as the provider does"));
        }
        if !is_https(&settings.redirect_url) {
            return Err(wrong(
                "redirect_url",
                "is not an https address: write the one registered with the provider",
            ));
        }
        if settings.client_id.is_empty() {
            return Err(wrong("client_id", "is empty: register this server with the provider"));
        }
        let issuer = IssuerUrl::new(settings.issuer.clone())
            .map_err(|_| wrong("issuer", "is not an address: write it as the provider does"))?;
        let redirect = RedirectUrl::new(settings.redirect_url.clone()).map_err(|_| {
            wrong("redirect_url", "is not an address: write the one registered with the provider")
        })?;
        let trust = outbound::trust(settings.ca_file.as_deref())?;
        let http = http::Client::new(trust, settings.time_limit);
        let known = Known::new(issuer.clone());
        Ok(Self { settings, issuer, redirect, http, known, places: Semaphore::new(MAX_CONVERSATIONS) })
    }

    /// Begins a login: where to send the browser, and what to keep until it comes back.
    ///
    /// # Errors
    /// When the provider cannot be asked about itself.
    pub(crate) async fn start(&self, now: Timestamp) -> Result<(Url, Pending), OidcError> {
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let metadata = self.known.metadata(&self.http, now).await?;
        let (state, nonce, verifier) = (random()?, random()?, random()?);
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier.clone()));
        let party = self.relying_party(metadata);
        let (sent_state, sent_nonce) = (CsrfToken::new(state.clone()), Nonce::new(nonce.clone()));
        let mut request = party
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                move || sent_state,
                move || sent_nonce,
            )
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(challenge);
        for acr in &self.settings.second_factor_acr {
            request = request.add_auth_context_value(AuthenticationContextClass::new(acr.clone()));
        }
        if let Some(age) = self.settings.max_age {
            request = request.set_max_age(age);
        }
        let (url, ..) = request.url();
        let expires = now.checked_add(LOGIN_TIME).unwrap_or(Timestamp::MAX);
        Ok((url, Pending { issuer: self.settings.issuer.clone(), state, nonce, verifier, expires }))
    }

    /// Ends a login. `pending` must have been taken out of where it was kept: it counts once.
    ///
    /// # Errors
    /// When the answer is not one to this login, or the provider does not vouch for anybody.
    pub(crate) async fn finish(
        &self,
        pending: Pending,
        callback: &Callback,
        now: Timestamp,
    ) -> Result<Identity, OidcError> {
        if now >= pending.expires {
            return Err(OidcError::Late);
        }
        if pending.issuer != self.settings.issuer {
            return Err(OidcError::MixedUp);
        }
        let state = callback.state.as_ref().map(ExposeSecret::expose_secret).ok_or(OidcError::State)?;
        if state.len() > MAX_PARAMETER || Sha256::digest(state) != Sha256::digest(&pending.state) {
            return Err(OidcError::State);
        }
        if callback.iss.as_ref().is_some_and(|iss| *iss != self.settings.issuer) {
            return Err(OidcError::MixedUp);
        }
        let _place = self.places.try_acquire().map_err(|_| OidcError::Busy)?;
        let metadata = self.known.metadata(&self.http, now).await?;
        if callback.iss.is_none()
            && metadata.additional_metadata().authorization_response_iss_parameter_supported
        {
            return Err(OidcError::MixedUp);
        }
        if let Some(error) = &callback.error {
            return Err(OidcError::Denied { why: plain(error) });
        }
        let code = callback.code.as_ref().map(ExposeSecret::expose_secret).ok_or(OidcError::NoCode)?;
        if code.is_empty() || code.len() > MAX_PARAMETER {
            return Err(OidcError::NoCode);
        }
        let party = self.relying_party(metadata.clone());
        let (token, access) = self.exchange(&party, code, &pending).await?;
        let mut verified = verify::verify(&self.settings, &metadata, &token, &pending, now);
        if verified.as_ref().is_err_and(verify::Refusal::is_about_keys)
            && let Some(metadata) = self.known.newer(&self.http, now).await?
        {
            verified = verify::verify(&self.settings, &metadata, &token, &pending, now);
        }
        let claims = verified.map_err(|refusal| OidcError::Token { why: plain(&refusal.to_string()) })?;
        verify::identity(&self.settings, &party, &self.http, claims, access).await
    }

    async fn exchange(
        &self,
        party: &RelyingParty,
        code: &str,
        pending: &Pending,
    ) -> Result<(Token, AccessToken), OidcError> {
        let no_endpoint = |_| OidcError::Metadata {
            issuer: self.settings.issuer.clone(),
            why: "it names no token_endpoint".to_owned(),
        };
        let request = party
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(no_endpoint)?
            .set_pkce_verifier(PkceCodeVerifier::new(pending.verifier.clone()));
        let response = request.request_async(&self.http).await.map_err(|error| match error {
            RequestTokenError::Request(error) => OidcError::Http(error),
            RequestTokenError::ServerResponse(error) => {
                OidcError::Exchange { why: plain(error.error().as_ref()) }
            }
            // The answer may hold tokens: nothing of it is told.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                OidcError::Exchange { why: "its answer is not understood".to_owned() }
            }
        })?;
        let no_token = || OidcError::Token { why: "there is none in the answer".to_owned() };
        Ok((response.id_token().ok_or_else(no_token)?.clone(), response.access_token().clone()))
    }

    fn relying_party(&self, metadata: Metadata) -> RelyingParty {
        let takes_basic = metadata
            .token_endpoint_auth_methods_supported()
            .is_none_or(|methods| methods.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let secret = self.settings.client_secret.as_ref();
        let secret = secret.map(|secret| ClientSecret::new(secret.expose_secret().to_owned()));
        let id = ClientId::new(self.settings.client_id.clone());
        RelyingParty::from_provider_metadata(metadata, id, secret)
            .set_redirect_uri(self.redirect.clone())
            .set_auth_type(if takes_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    /// Asks the provider about itself, as every login does.
    ///
    /// # Errors
    /// What every login would fail for.
    pub(crate) async fn check(&self, now: Timestamp) -> Result<(), OidcError> {
        self.known.metadata(&self.http, now).await.map(drop)
    }

    /// The provider's name for itself.
    pub(crate) fn issuer(&self) -> &str {
        self.issuer.as_str()
    }
}

/// Who a token names, judged as one of the provider whose description and keys these are: for fuzz targets.
///
/// # Errors
/// Why it is refused.
#[cfg(feature = "fuzzing")]
pub(crate) fn judged(metadata: &str, keys: &str, token: &str, now: Timestamp) -> Result<String, String> {
    let told = |error: serde_json::Error| error.to_string();
    let metadata: Metadata = serde_json::from_str(metadata).map_err(told)?;
    let metadata = metadata.set_jwks(serde_json::from_str(keys).map_err(told)?);
    let token: Token = serde_json::from_value(token.into()).map_err(told)?;
    let settings = OidcSettings {
        issuer: metadata.issuer().to_string(),
        client_id: "palisade".to_owned(),
        client_secret: None,
        redirect_url: String::new(),
        scopes: Vec::new(),
        ca_file: None,
        username_claim: "preferred_username".to_owned(),
        groups_claim: "realm_access.roles".to_owned(),
        roles: Vec::new(),
        second_factor_amr: Vec::new(),
        second_factor_acr: Vec::new(),
        max_age: Some(Duration::from_secs(600)),
        time_limit: TIME_LIMIT,
    };
    let pending = Pending {
        issuer: settings.issuer.clone(),
        state: "s".to_owned(),
        nonce: "n".to_owned(),
        verifier: "v".to_owned(),
        expires: now + LOGIN_TIME,
    };
    let claims =
        verify::verify(&settings, &metadata, &token, &pending, now).map_err(|refusal| refusal.to_string())?;
    let groups = claims.additional_claims().groups(&settings.groups_claim).unwrap_or_default();
    assert!(groups.len() <= 1000, "more groups than are taken");
    Ok(claims.subject().to_string())
}

fn random() -> Result<String, OidcError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(OidcError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// Words of others, as they may stand in a message.
fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(MAX_WORDS).collect()
}
