//! The handful of OPC UA messages that a discovery needs (OPC 10000-4, 5.5 to 5.7; numbers: OPC 10000-6, A.3). Pure
//! functions over bytes.

use model::facts::endpoints::{OpcUaApplication, OpcUaEndpoint, OpcUaToken};

use super::wire::{Reader, Writer};

/// Endpoints, and servers, taken from one answer.
const LIST: usize = 100;
/// Ways to log in of one endpoint.
const TOKENS: usize = 100;
/// Addresses taken from one description.
const FEW: usize = 20;

/// Where the names of security policies begin.
const POLICY: &str = "http://opcfoundation.org/UA/SecurityPolicy#";
/// The policy of no security.
pub(super) const NO_SECURITY: &str = "http://opcfoundation.org/UA/SecurityPolicy#None";
/// What we call ourselves.
const APPLICATION: &str = "urn:palisade:audit";
/// How long a channel and a session may last, in milliseconds, should we vanish.
const LIFETIME: u32 = 10_000;

const FAULT: u32 = 397;
const OPEN_CHANNEL: (u16, u32) = (446, 449);
const CLOSE_CHANNEL: u16 = 452;
const FIND_SERVERS: (u16, u32) = (422, 425);
const GET_ENDPOINTS: (u16, u32) = (428, 431);
const CREATE_SESSION: (u16, u32) = (461, 464);
const ACTIVATE_SESSION: (u16, u32) = (467, 470);
const CLOSE_SESSION: u16 = 473;
const ANONYMOUS_TOKEN: u16 = 321;

/// An endpoint as a server describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// What of it is a fact.
    pub endpoint: OpcUaEndpoint,
    /// The server's certificate, DER; those of its issuers may follow.
    pub certificate: Vec<u8>,
    /// ApplicationUri of the server.
    pub application: String,
    /// ProductUri of the server.
    pub product: String,
    /// Addresses where the server says it can be found.
    pub urls: Vec<String>,
    /// The name of the policy for users without a name, where there is one.
    pub anonymous: Option<String>,
}

/// What a server answers to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A channel was opened.
    Channel {
        /// Its number.
        channel: u32,
        /// The number of its keys.
        token: u32,
    },
    /// Its endpoints.
    Endpoints(Vec<Described>),
    /// The servers it knows.
    Servers(Vec<OpcUaApplication>),
    /// A session was made; these bytes name it.
    Session(Vec<u8>),
    /// The session may be used.
    Activated,
    /// It refuses, with this status.
    Refused(u32),
}

/// Reads an answer; none when it is cut off or no answer to what we ask.
pub fn answer(bytes: &[u8]) -> Option<Answer> {
    let mut from = Reader::new(bytes);
    let kind = from.node()?.0?;
    from.skip_eight()?;
    from.u32()?;
    let status = from.u32()?;
    from.skip_diagnostics(0)?;
    from.list(0, |from| from.bytes().map(|_| ()))?;
    from.skip_extension()?;
    // The two top bits say whether it is an error.
    if status >> 30 != 0 || kind == FAULT {
        return Some(Answer::Refused(status));
    }
    match kind {
        kind if kind == OPEN_CHANNEL.1 => {
            from.u32()?;
            Some(Answer::Channel { channel: from.u32()?, token: from.u32()? })
        }
        kind if kind == GET_ENDPOINTS.1 => from.whole_list(LIST, endpoint).map(Answer::Endpoints),
        kind if kind == FIND_SERVERS.1 => {
            from.list(LIST, |from| application(from).map(|read| read.0)).map(Answer::Servers)
        }
        kind if kind == CREATE_SESSION.1 => {
            from.node()?;
            Some(Answer::Session(from.node()?.1.to_vec()))
        }
        kind if kind == ACTIVATE_SESSION.1 => Some(Answer::Activated),
        _ => None,
    }
}

/// An application, and its product.
fn application(from: &mut Reader<'_>) -> Option<(OpcUaApplication, String)> {
    let uri = from.text()?;
    let product = from.text()?;
    from.localized()?;
    let kind = match from.u32()? {
        0 => "server",
        1 => "client",
        2 => "client-and-server",
        3 => "discovery-server",
        _ => return None,
    };
    from.bytes()?;
    from.bytes()?;
    let urls = from.list(FEW, Reader::text)?;
    Some((OpcUaApplication { uri, kind: kind.to_owned(), urls, itself: false }, product))
}

fn endpoint(from: &mut Reader<'_>) -> Option<Described> {
    let url = from.text()?;
    let (application, product) = application(from)?;
    let certificate = from.bytes()?.to_vec();
    let mode = match from.u32()? {
        1 => "none",
        2 => "sign",
        3 => "sign-and-encrypt",
        _ => "invalid",
    };
    let security_policy = policy_name(&from.text()?);
    let tokens = from.whole_list(TOKENS, token)?;
    let transport = from.text()?;
    let level = from.u8()?;
    let anonymous = tokens.iter().find(|token| token.kind == 0).map(|token| token.name.clone());
    let endpoint = OpcUaEndpoint {
        name: format!("{security_policy} {mode} {url}"),
        tokens: tokens.iter().map(|token| token.fact(&security_policy, mode)).collect(),
        url,
        security_policy,
        mode: mode.to_owned(),
        level,
        transport: transport.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    Some(Described {
        endpoint,
        certificate,
        application: application.uri,
        product,
        urls: application.urls,
        anonymous,
    })
}

/// A way to log in, as it is written.
struct Token {
    name: String,
    kind: u32,
    policy: String,
}

fn token(from: &mut Reader<'_>) -> Option<Token> {
    let name = from.text()?;
    let kind = from.u32()?;
    from.bytes()?;
    from.bytes()?;
    let policy = from.text()?;
    Some(Token { name, kind, policy })
}

impl Token {
    fn fact(&self, endpoint_policy: &str, mode: &str) -> OpcUaToken {
        let kind = match self.kind {
            0 => "anonymous",
            1 => "user-name",
            2 => "certificate",
            3 => "issued",
            _ => "unknown",
        };
        let security_policy =
            if self.policy.is_empty() { endpoint_policy.to_owned() } else { policy_name(&self.policy) };
        let secret = matches!(kind, "user-name" | "issued" | "unknown");
        let in_clear = secret && security_policy == "None" && mode != "sign-and-encrypt";
        OpcUaToken { kind: kind.to_owned(), security_policy, in_clear }
    }
}

fn policy_name(uri: &str) -> String {
    uri.strip_prefix(POLICY).unwrap_or(uri).to_owned()
}

/// What stands before every request: which session, which number, and no wishes. The time is left out: servers that look
/// at it would need our clock to agree with theirs.
fn request(kind: u16, session: &[u8], handle: u32) -> Writer {
    Writer::default()
        .node(kind)
        .raw(session)
        .zero_eight()
        .u32(handle)
        .u32(0)
        .none()
        .u32(LIFETIME)
        .raw(&[0, 0, 0])
}

/// No session.
const NOBODY: [u8; 2] = [0, 0];

pub(super) fn open_channel(handle: u32) -> Vec<u8> {
    // Protocol version 0, a new channel, without security.
    request(OPEN_CHANNEL.0, &NOBODY, handle).u32(0).u32(0).u32(1).none().u32(LIFETIME).bytes_so_far()
}

pub(super) fn close_channel(handle: u32) -> Vec<u8> {
    request(CLOSE_CHANNEL, &NOBODY, handle).bytes_so_far()
}

pub(super) fn get_endpoints(handle: u32, url: &str) -> Vec<u8> {
    request(GET_ENDPOINTS.0, &NOBODY, handle).text(url).none().none().bytes_so_far()
}

pub(super) fn find_servers(handle: u32, url: &str) -> Vec<u8> {
    request(FIND_SERVERS.0, &NOBODY, handle).text(url).none().none().bytes_so_far()
}

pub(super) fn create_session(handle: u32, url: &str, nonce: &[u8]) -> Vec<u8> {
    request(CREATE_SESSION.0, &NOBODY, handle)
        // We are a client by this name, found nowhere.
        .text(APPLICATION)
        .text(APPLICATION)
        .u8(2)
        .text("Palisade")
        .u32(1)
        .none()
        .none()
        .none()
        .none()
        .text(url)
        .text("palisade audit")
        .bytes(nonce)
        .none()
        .f64(f64::from(LIFETIME))
        .u32(1 << 20)
        .bytes_so_far()
}

pub(super) fn activate_session(handle: u32, session: &[u8], anonymous: &str) -> Vec<u8> {
    let token = Writer::default().text(anonymous).bytes_so_far();
    request(ACTIVATE_SESSION.0, session, handle)
        .none()
        .none()
        .none()
        .none()
        .node(ANONYMOUS_TOKEN)
        .u8(1)
        .bytes(&token)
        .none()
        .none()
        .bytes_so_far()
}

pub(super) fn close_session(handle: u32, session: &[u8]) -> Vec<u8> {
    request(CLOSE_SESSION, session, handle).u8(1).bytes_so_far()
}

/// A status code's name, and whether it says that a user or a session without security is not let in. A server that misses
/// a certificate, of which we show none, may let anybody in who shows one.
pub(super) fn status(code: u32) -> (String, bool) {
    // The low half carries flags.
    let (name, refuses) = match code >> 16 {
        0x8002 => ("BadInternalError", false),
        0x8003 => ("BadOutOfMemory", false),
        0x800a => ("BadTimeout", false),
        0x800b => ("BadServiceUnsupported", false),
        0x800d => ("BadServerNotConnected", false),
        0x8010 => ("BadTooManyOperations", false),
        0x8012 => ("BadCertificateInvalid", false),
        0x8013 => ("BadSecurityChecksFailed", true),
        0x801a => ("BadCertificateUntrusted", true),
        0x801f => ("BadUserAccessDenied", true),
        0x8020 => ("BadIdentityTokenInvalid", true),
        0x8021 => ("BadIdentityTokenRejected", true),
        0x8022 => ("BadSecureChannelIdInvalid", false),
        0x8024 => ("BadNonceInvalid", false),
        0x8025 => ("BadSessionIdInvalid", false),
        0x804f => ("BadServerUriInvalid", false),
        0x8054 => ("BadSecurityModeRejected", true),
        0x8055 => ("BadSecurityPolicyRejected", true),
        0x8056 => ("BadTooManySessions", false),
        0x8058 => ("BadApplicationSignatureInvalid", false),
        0x8059 => ("BadNoValidCertificates", false),
        0x807d => ("BadTcpServerTooBusy", false),
        0x807e => ("BadTcpMessageTypeInvalid", false),
        0x8080 => ("BadTcpMessageTooLarge", false),
        0x8083 => ("BadTcpEndpointUrlInvalid", false),
        _ => return (format!("status {code:#010x}"), false),
    };
    (name.to_owned(), refuses)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
