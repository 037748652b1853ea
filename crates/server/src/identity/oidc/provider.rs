//! What is known of a provider (discovery and keys, kept for a while), and the library's types as we use them.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreErrorResponseType,
    CoreGenderClaim, CoreGrantType, CoreJsonWebKey, CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm, CoreJwsSigningAlgorithm, CoreResponseMode, CoreResponseType,
    CoreRevocableToken, CoreRevocationErrorResponse, CoreSubjectIdentifierType, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AdditionalProviderMetadata, Client, DiscoveryError, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, IdToken, IdTokenFields, IssuerUrl, ProviderMetadata, StandardErrorResponse,
    StandardTokenResponse,
};
use serde::{Deserialize, Serialize};

use super::OidcError;
use super::claims::OtherClaims;
use super::http;

/// How long metadata and keys count.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(1);

/// Keys are asked for again no sooner, whatever tokens come.
const MIN_AGE: SignedDuration = SignedDuration::from_mins(1);

/// Members of the metadata that the library does not know.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct OtherMetadata {
    /// Whether answers name the provider (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for OtherMetadata {}

pub(super) type Metadata = ProviderMetadata<
    OtherMetadata,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

pub(super) type Token =
    IdToken<OtherClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;

type TokenFields = IdTokenFields<
    OtherClaims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;

pub(super) type RelyingParty = Client<
    OtherClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    StandardTokenResponse<TokenFields, CoreTokenType>,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Metadata and keys, and when they were fetched.
#[derive(Debug)]
pub(super) struct Known {
    issuer: IssuerUrl,
    latest: Mutex<Option<(Timestamp, Metadata)>>,
}

impl Known {
    /// Nothing yet.
    pub(super) fn new(issuer: IssuerUrl) -> Self {
        Self { issuer, latest: Mutex::new(None) }
    }

    /// Metadata and keys, asked for when there are none that count any more.
    pub(super) async fn metadata(&self, http: &http::Client, now: Timestamp) -> Result<Metadata, OidcError> {
        match self.kept(now, MAX_AGE) {
            Some(metadata) => Ok(metadata),
            None => self.fetch(http, now).await,
        }
    }

    /// The same with newer keys: for a token that none of the known ones signed. Nothing when they are new already.
    pub(super) async fn newer(
        &self,
        http: &http::Client,
        now: Timestamp,
    ) -> Result<Option<Metadata>, OidcError> {
        match self.kept(now, MIN_AGE) {
            Some(_) => Ok(None),
            None => self.fetch(http, now).await.map(Some),
        }
    }

    fn kept(&self, now: Timestamp, age: SignedDuration) -> Option<Metadata> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (fetched, metadata) = latest.as_ref()?;
        // A clock that was set back makes them old, not young for ever.
        let is_young = (SignedDuration::ZERO..age).contains(&now.duration_since(*fetched));
        is_young.then(|| metadata.clone())
    }

    async fn fetch(&self, http: &http::Client, now: Timestamp) -> Result<Metadata, OidcError> {
        let wrong =
            |why: String| OidcError::Metadata { issuer: self.issuer.to_string(), why: super::plain(&why) };
        let found = Metadata::discover_async(self.issuer.clone(), http).await;
        let metadata = found.map_err(|error| match error {
            DiscoveryError::Request(error) => OidcError::Http(error),
            DiscoveryError::Parse(error) => wrong(error.to_string()),
            DiscoveryError::Response(status, ..) => wrong(format!("status {status}, or no JSON")),
            DiscoveryError::Validation(why) | DiscoveryError::Other(why) => wrong(why),
            DiscoveryError::UrlParse(error) => wrong(error.to_string()),
            _ => wrong("not understood".to_owned()),
        })?;
        // The others are asked by us, who ask nothing but https; this one a browser is sent to.
        if metadata.authorization_endpoint().url().scheme() != "https" {
            return Err(wrong("its authorization_endpoint is not https".to_owned()));
        }
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, metadata.clone()));
        Ok(metadata)
    }
}
