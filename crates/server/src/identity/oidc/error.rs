//! Why there is no login by a provider, and what to do about it.

use super::HttpError;
use crate::outbound::OutboundError;

/// Why there is no login.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OidcError {
    /// The provider did not answer, or is not believed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The CA file.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A setting is wrong.
    #[error("OpenID Connect: {setting} {why}")]
    Setting {
        /// Which.
        setting: &'static str,
        /// What is wrong with it, and what to write.
        why: &'static str,
    },
    /// What the provider says of itself is not to be used.
    #[error("what the OpenID provider {issuer} says of itself is wrong ({why}): check `issuer`, to the letter")]
    Metadata {
        /// The provider.
        issuer: String,
        /// What is wrong.
        why: String,
    },
    /// Too much is going on.
    #[error("too many logins wait for the OpenID provider: try again in a minute")]
    Busy,
    /// The person took too long.
    #[error("the login took longer than 10 minutes: begin again")]
    Late,
    /// The answer belongs to no login that this browser began.
    #[error("the answer does not belong to the login that was begun in this browser: begin again")]
    State,
    /// The answer is another provider's.
    #[error(
        "the answer comes from another provider than the one that was asked: begin again, and tell who runs the system"
    )]
    MixedUp,
    /// What came back is no answer.
    #[error("the answer of the OpenID provider has no code: begin again")]
    NoCode,
    /// The provider does not let the person in.
    #[error("the OpenID provider does not log you in ({why})")]
    Denied {
        /// Its word for it.
        why: String,
    },
    /// The code does not open anything, or not for us.
    #[error(
        "the OpenID provider does not take the code ({why}): begin again; if that does not help, check client and secret"
    )]
    Exchange {
        /// Its word for it.
        why: String,
    },
    /// The token is not to be believed.
    #[error("the token of the OpenID provider is refused: {why}")]
    Token {
        /// What is wrong with it.
        why: String,
    },
    /// The system has no random numbers.
    #[error("OpenID Connect: the system gives no random numbers")]
    Random(#[source] getrandom::Error),
}
