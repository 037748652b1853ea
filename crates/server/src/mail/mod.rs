//! Mail over TLS: invitations and credential resets.
//!
//! Nothing is said in plain text beyond the wish for TLS, and no server is believed without a certificate. A message is
//! sent over a connection of its own; how many wait is for the caller to bound.

mod letters;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use secrecy::{ExposeSecret, SecretString};

pub(crate) use letters::{Letter, Line, Link, Site};

use crate::causes::with_causes;
use crate::outbound::{self, OutboundError, Peer};

/// A whole conversation with the mail server takes no longer, unless settings say otherwise.
pub(crate) const TIME_LIMIT: Duration = Duration::from_secs(30);

/// What a mail server may send in one conversation, TLS included: certificates and a dozen short answers.
const BUDGET: u64 = 256 * 1024;

/// What is told of a server's refusal.
const MAX_ANSWER: usize = 200;

/// Bounds of what is sent.
const MAX_SUBJECT: usize = 200;
const MAX_BODY: usize = 256 * 1024;

/// When TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MailTls {
    /// After `STARTTLS` (port 587); a server without it is refused.
    StartTls,
    /// At once (port 465).
    Implicit,
}

/// How mail is sent.
#[derive(Clone, Debug)]
pub(crate) struct MailSettings {
    /// Name of the server, as its certificate has it.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// When TLS begins.
    pub(crate) tls: MailTls,
    /// With which name to log in; nobody's where the server takes mail from this machine without.
    pub(crate) username: Option<String>,
    /// Its password.
    pub(crate) password: Option<SecretString>,
    /// The sender, such as `Palisade <palisade@plant.example>`.
    pub(crate) from: String,
    /// Authorities to trust besides this machine's own.
    pub(crate) ca_file: Option<PathBuf>,
    /// How long a conversation may take: [`TIME_LIMIT`].
    pub(crate) time_limit: Duration,
}

/// One message.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The address it goes to.
    pub(crate) to: String,
    /// One line.
    pub(crate) subject: String,
    /// What it says.
    pub(crate) text: String,
    /// The same for readers that show pages.
    pub(crate) html: Option<String>,
}

/// Why mail was not sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MailError {
    /// The server was not reached, or not believed.
    #[error(transparent)]
    Outbound(#[from] OutboundError),
    /// A name without a password, or the other way round.
    #[error("mail: a user name and a password belong together: give both, or neither")]
    HalfCredentials,
    /// Not an address.
    #[error("mail: {field} {value:?} is not a mail address: write it as name@host")]
    Address {
        /// Which one.
        field: &'static str,
        /// What was given.
        value: String,
    },
    /// A line holds what could become another header, or change how it reads.
    #[error("mail: {field} holds a line break or another invisible character: take it out")]
    Control {
        /// Which one.
        field: &'static str,
    },
    /// More than is sent.
    #[error("mail: {field} is longer than {limit} bytes: shorten it")]
    TooLong {
        /// Which one.
        field: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A link that is not one of ours.
    #[error(
        "mail: the link does not begin with https://: see the public address of this server in its settings"
    )]
    Link,
    /// The message could not be put together.
    #[error("mail: the message cannot be put together")]
    Build(#[source] lettre::error::Error),
    /// The system has no random numbers.
    #[error("mail: the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// No encryption is offered, or somebody between took the offer out.
    #[error(
        "{server} offers no STARTTLS: nothing was sent; switch it on there, or set `tls` to implicit where the port speaks TLS"
    )]
    NoStartTls {
        /// The server.
        server: String,
    },
    /// Text came before TLS began that TLS should have protected.
    #[error("{server} said more than was asked before TLS began: somebody may stand between; nothing was sent")]
    Injected {
        /// The server.
        server: String,
    },
    /// Not what a mail server answers.
    #[error("{server} does not answer as a mail server does: see that the port is the one for mail")]
    Protocol {
        /// The server.
        server: String,
    },
    /// A name and password are given, but the server does not ask for any that we can give.
    #[error(
        "{server} takes no password login (PLAIN or LOGIN): see its settings, or leave user name and password out"
    )]
    NoLogin {
        /// The server.
        server: String,
    },
    /// Name or password are wrong.
    #[error("{server} refuses the user name or password ({answer}): check both")]
    Credentials {
        /// The server.
        server: String,
        /// What it says.
        answer: String,
    },
    /// The server does not want this message.
    #[error(
        "{server} refuses the message ({answer}): see whether it may send for this sender to this recipient"
    )]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        answer: String,
    },
    /// The server does not want it now.
    #[error("{server} asks to try again later ({answer})")]
    Later {
        /// The server.
        server: String,
        /// What it says.
        answer: String,
    },
    /// The connection broke.
    #[error("the conversation with {server} broke off: {what}")]
    Broken {
        /// The server.
        server: String,
        /// How.
        what: String,
    },
}

/// Sends mail over one server.
#[derive(Debug)]
pub(crate) struct Mailer {
    peer: Peer,
    tls: MailTls,
    login: Option<(String, SecretString)>,
    from: Mailbox,
    limit: Duration,
}

impl Mailer {
    /// A mailer by these settings. Reads the CA file; connects to nobody.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub(crate) fn new(settings: MailSettings) -> Result<Self, MailError> {
        let login = match (settings.username, settings.password) {
            (Some(username), Some(password)) => Some((username, password)),
            (None, None) => None,
            _ => return Err(MailError::HalfCredentials),
        };
        let from = mailbox("the sender", &settings.from)?;
        let trust = outbound::trust(settings.ca_file.as_deref())?;
        let peer = Peer::new(&settings.host, settings.port, trust)?;
        Ok(Self { peer, tls: settings.tls, login, from, limit: settings.time_limit })
    }

    /// Sends a message and returns when the server has taken it. Not tried again: see [`MailError::is_passing`].
    ///
    /// # Errors
    /// When it cannot be put together or the server does not take it.
    pub(crate) async fn send(&self, message: &Message, now: Timestamp) -> Result<(), MailError> {
        let message = self.built(message, now)?;
        self.peer
            .within(self.limit, async {
                let mut connection = self.open().await?;
                let sent = connection.send(message.envelope(), &message.formatted()).await;
                sent.map_err(|error| self.refusal(&error))?;
                self.close(connection).await;
                Ok(())
            })
            .await
    }

    /// Connects and logs in without sending anything.
    ///
    /// # Errors
    /// What sending would fail for.
    #[cfg_attr(not(test), expect(dead_code, reason = "the outbox tells what fails"))]
    pub(crate) async fn check(&self) -> Result<(), MailError> {
        self.peer
            .within(self.limit, async {
                let connection = self.open().await?;
                self.close(connection).await;
                Ok(())
            })
            .await
    }

    async fn open(&self) -> Result<AsyncSmtpConnection, MailError> {
        let (wire, name) = wire::open(&self.peer, self.tls, BUDGET).await?;
        let opened = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &name).await;
        let mut connection = opened.map_err(|error| self.refusal(&error))?;
        if let Some((username, password)) = &self.login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            if !mechanisms.iter().any(|known| connection.server_info().supports_auth_mechanism(*known)) {
                return Err(MailError::NoLogin { server: self.server() });
            }
            let credentials = Credentials::new(username.clone(), password.expose_secret().to_owned());
            connection.auth(&mechanisms, &credentials).await.map_err(|error| match self.refusal(&error) {
                MailError::Refused { server, answer } => MailError::Credentials { server, answer },
                other => other,
            })?;
        }
        Ok(connection)
    }

    async fn close(&self, mut connection: AsyncSmtpConnection) {
        if let Err(error) = connection.quit().await {
            // What was to be sent is taken already.
            tracing::debug!(server = self.server(), error = %with_causes(&error), "the mail server does not take leave");
        }
    }

    fn built(&self, message: &Message, now: Timestamp) -> Result<lettre::Message, MailError> {
        let to = mailbox("the recipient", &message.to)?;
        letters::one_line("the subject", &message.subject, MAX_SUBJECT)?;
        for (field, body) in [("the text", Some(&message.text)), ("the page", message.html.as_ref())] {
            if body.is_some_and(|body| body.len() > MAX_BODY) {
                return Err(MailError::TooLong { field, limit: MAX_BODY });
            }
        }
        let mut id = [0_u8; 16];
        getrandom::fill(&mut id).map_err(MailError::Random)?;
        let id = format!("<{:032x}@{}>", u128::from_be_bytes(id), self.from.email.domain());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let builder = lettre::Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(message.subject.as_str())
            .date(SystemTime::from(now))
            .message_id(Some(id))
            // No answer from absent people's machines (RFC 3834).
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()));
        match &message.html {
            None => builder.header(ContentType::TEXT_PLAIN).body(message.text.clone()),
            Some(html) => {
                builder.multipart(MultiPart::alternative_plain_html(message.text.clone(), html.clone()))
            }
        }
        .map_err(MailError::Build)
    }

    fn server(&self) -> String {
        format!("{}:{}", self.peer.host, self.peer.port)
    }

    fn refusal(&self, error: &lettre::transport::smtp::Error) -> MailError {
        let server = self.server();
        let answer: String =
            error.to_string().chars().filter(|letter| !letter.is_control()).take(MAX_ANSWER).collect();
        if error.is_permanent() {
            MailError::Refused { server, answer }
        } else if error.is_transient() {
            MailError::Later { server, answer }
        } else if error.is_response() {
            MailError::Protocol { server }
        } else {
            MailError::Broken { server, what: answer }
        }
    }
}

impl MailError {
    /// Whether the same message may be taken another time, without anybody mending anything.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Later { .. }
            | Self::Broken { .. }
            | Self::Outbound(OutboundError::Connect { .. } | OutboundError::Slow { .. }) => true,
            // A server that starts or stops hangs up while TLS begins; one without TLS answers something else.
            Self::Outbound(OutboundError::Tls { source, .. }) => matches!(
                source.kind(),
                ErrorKind::UnexpectedEof
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
            ),
            _ => false,
        }
    }
}

fn mailbox(field: &'static str, text: &str) -> Result<Mailbox, MailError> {
    letters::one_line(field, text, MAX_SUBJECT)?;
    text.parse().map_err(|_| MailError::Address { field, value: text.to_owned() })
}

/// Whether text is a mail address that messages can be sent to.
#[cfg_attr(not(test), expect(dead_code, reason = "addresses are checked where they are typed"))]
pub(crate) fn is_address(text: &str) -> bool {
    letters::one_line("the address", text, MAX_SUBJECT).is_ok() && text.parse::<lettre::Address>().is_ok()
}
