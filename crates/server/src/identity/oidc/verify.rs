//! Whether a token is to be believed, and what it says.

use std::collections::BTreeSet;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{CoreGenderClaim, CoreIdTokenVerifier, CoreJwsSigningAlgorithm};
use openidconnect::{
    AccessToken, ClaimsVerificationError, ClientId, IdTokenClaims, Nonce, UserInfoClaims, UserInfoError,
};

use super::claims::OtherClaims;
use super::provider::{Metadata, RelyingParty, Token};
use super::{HttpError, Identity, LOGIN_TIME, OidcError, OidcSettings, Pending, http, plain};

/// How far the provider's clock may be from ours.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The longest name of a person (OpenID Connect Core 1.0, section 2).
const MAX_SUBJECT: usize = 255;

/// Signatures that count. None, and none by a shared secret: who knows ours could sign as anybody.
const SIGNATURES: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type Claims = IdTokenClaims<OtherClaims, CoreGenderClaim>;

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// The library's checks: signature, issuer, audience, times, nonce.
    #[error(transparent)]
    Claims(#[from] ClaimsVerificationError),
    /// Ours.
    #[error("{0}")]
    Other(&'static str),
}

impl Refusal {
    /// Whether newer keys might change it.
    pub(super) fn is_about_keys(&self) -> bool {
        matches!(self, Self::Claims(ClaimsVerificationError::SignatureVerification(_)))
    }
}

/// The claims of a token that the provider signed for us, now, for this login.
pub(super) fn verify(
    settings: &OidcSettings,
    metadata: &Metadata,
    token: &Token,
    pending: &Pending,
    now: Timestamp,
) -> Result<Claims, Refusal> {
    let earliest = pending.expires.saturating_sub(LOGIN_TIME + SKEW).map_or(i64::MAX, Timestamp::as_second);
    let latest = now.saturating_add(SKEW).map_or(i64::MIN, Timestamp::as_second);
    let for_expiry = now.saturating_sub(SKEW).map_err(|_| Refusal::Other("the time is out of range"))?;
    let verifier = CoreIdTokenVerifier::new_public_client(
        ClientId::new(settings.client_id.clone()),
        metadata.issuer().clone(),
        metadata.jwks().clone(),
    )
    .set_allowed_algs(SIGNATURES)
    .set_time_fn(move || SystemTime::from(for_expiry).into())
    .set_issue_time_verifier_fn(move |issued| {
        if (earliest..=latest).contains(&issued.timestamp()) {
            Ok(())
        } else {
            Err("issued before the login began, or in the future".to_owned())
        }
    });
    let claims = token.claims(&verifier, &Nonce::new(pending.nonce.clone()))?;
    if !(1..=MAX_SUBJECT).contains(&claims.subject().len()) {
        return Err(Refusal::Other("its subject is empty, or longer than 255 characters"));
    }
    if claims.authorized_party().is_some_and(|party| **party != settings.client_id) {
        return Err(Refusal::Other("it was made for another client (azp)"));
    }
    let not_before = claims.additional_claims().not_before();
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit for 285 million years")]
    if not_before.is_some_and(|from| from > latest as f64) {
        return Err(Refusal::Other("it does not count yet (nbf)"));
    }
    if let Some(age) = settings.max_age {
        let at = claims
            .auth_time()
            .ok_or(Refusal::Other("it does not say when the person logged in (auth_time)"))?;
        let age = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let oldest = now.as_second().saturating_sub(age).saturating_sub(SKEW.as_secs());
        if !(oldest..=latest).contains(&at.timestamp()) {
            return Err(Refusal::Other("the person logged in at the provider too long ago (auth_time)"));
        }
    }
    Ok(claims.clone())
}

/// What verified claims say of the person. The provider is asked once more for what they leave out.
pub(super) async fn identity(
    settings: &OidcSettings,
    party: &RelyingParty,
    http: &http::Client,
    claims: Claims,
    access: AccessToken,
) -> Result<Identity, OidcError> {
    let mut name = claims.name().and_then(|names| names.get(None)).map(|name| plain(name));
    let username = match settings.username_claim.as_str() {
        "preferred_username" => claims.preferred_username().map(|name| name.to_string()),
        "email" => claims.email().map(|mail| mail.to_string()),
        "sub" => Some(claims.subject().to_string()),
        other => claims.additional_claims().text(other).map(str::to_owned),
    };
    let mut username = username.and_then(|name| whole(&name));
    let mut mail = claims.email().and_then(|mail| whole(mail));
    let mut is_mail_verified = claims.email_verified().unwrap_or(false);
    let mut groups = claims.additional_claims().groups(&settings.groups_claim);
    if (name.is_none() || mail.is_none() || groups.is_none())
        && let Ok(request) = party.user_info(access, Some(claims.subject().clone()))
    {
        let told: Result<UserInfoClaims<OtherClaims, CoreGenderClaim>, UserInfoError<HttpError>> =
            request.request_async(http).await;
        let told = told.map_err(|error| match error {
            UserInfoError::Request(error) => OidcError::Http(error),
            UserInfoError::ClaimsVerification(error) => OidcError::Token { why: plain(&error.to_string()) },
            _ => OidcError::Token { why: "what the provider tells of the person is not understood".to_owned() },
        })?;
        name = name.or_else(|| told.name().and_then(|names| names.get(None)).map(|name| plain(name)));
        if mail.is_none() {
            mail = told.email().and_then(|mail| whole(mail));
            is_mail_verified = told.email_verified().unwrap_or(false);
        }
        username = username.or_else(|| match settings.username_claim.as_str() {
            "preferred_username" => told.preferred_username().and_then(|name| whole(name)),
            "email" => told.email().and_then(|mail| whole(mail)),
            other => told.additional_claims().text(other).and_then(whole),
        });
        groups = groups.or_else(|| told.additional_claims().groups(&settings.groups_claim));
    }
    let groups = groups.unwrap_or_default();
    let methods: Vec<String> =
        claims.auth_method_refs().into_iter().flatten().take(20).map(|method| plain(method)).collect();
    let context = claims.auth_context_ref().map(|context| plain(context));
    let has_second_factor = methods.iter().any(|method| settings.second_factor_amr.contains(method))
        || context.as_ref().is_some_and(|context| settings.second_factor_acr.contains(context));
    let given: BTreeSet<String> = settings
        .roles
        .iter()
        .filter(|(group, _)| groups.contains(group))
        .map(|(_, role)| role.clone())
        .collect();
    Ok(Identity {
        issuer: claims.issuer().to_string(),
        subject: claims.subject().to_string(),
        username,
        name: name.filter(|name| !name.is_empty()),
        is_mail_verified: is_mail_verified && mail.is_some(),
        mail,
        roles: given,
        groups,
        auth_time: claims.auth_time().and_then(|at| Timestamp::from_second(at.timestamp()).ok()),
        has_second_factor,
        methods,
        context,
    })
}

/// A mail address or a name as it is, or not at all: cut off it would be somebody else's.
fn whole(mail: &str) -> Option<String> {
    (plain(mail) == mail && !mail.is_empty()).then(|| mail.to_owned())
}
