//! What is written to people: what happened, who did it, the link, and what to do if it was not you.

use std::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};

use super::{MailError, Message};

/// A name in a letter; longer ones would be room for a letter of their own.
const MAX_LINE: usize = 120;

/// A link with its token.
const MAX_LINK: usize = 1000;

/// Text of one line without invisible characters: a name, nothing that could become a header or another paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line(String);

impl Line {
    /// Takes `text` for the `field` that an error shall name.
    ///
    /// # Errors
    /// When it is too long, or holds a line break, another control or an invisible character.
    pub(crate) fn new(field: &'static str, text: &str) -> Result<Self, MailError> {
        one_line(field, text, MAX_LINE)?;
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A link to this server that opens something once: a secret until it was used.
#[derive(Clone, Debug)]
pub(crate) struct Link(SecretString);

impl Link {
    /// Takes an address that begins with `https://`.
    ///
    /// # Errors
    /// When it is another one, or no single word.
    pub(crate) fn new(address: &SecretString) -> Result<Self, MailError> {
        let text = address.expose_secret();
        one_line("the link", text, MAX_LINK)?;
        if !text.starts_with("https://") || text.contains(char::is_whitespace) {
            return Err(MailError::Link);
        }
        Ok(Self(address.clone()))
    }
}

/// Which Management System writes.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// What it is called.
    pub(crate) name: Line,
    /// Where it is, such as `https://palisade.plant.example`.
    pub(crate) address: Line,
}

/// Something to tell a person.
#[derive(Clone, Debug)]
pub(crate) enum Letter {
    /// Somebody made an account for them.
    Invitation {
        /// The administrator.
        by: Line,
        /// Where they choose a password.
        link: Link,
        /// Until when the link works.
        until: Timestamp,
    },
    /// Somebody asked for a new password.
    Reset {
        /// The administrator; nobody's name when it was asked for on the login page.
        by: Option<Line>,
        /// From which address it was asked.
        from: Option<IpAddr>,
        /// Where they choose a password.
        link: Link,
        /// Until when the link works.
        until: Timestamp,
    },
    /// The password is another one now.
    PasswordChanged {
        /// The administrator; nobody's name when they did it themselves.
        by: Option<Line>,
        /// From which address.
        from: Option<IpAddr>,
        /// When.
        at: Timestamp,
    },
    /// There is another way to log in.
    FactorAdded {
        /// What it is, such as `authenticator app` or `passkey "desk"`.
        factor: Line,
        /// From which address.
        from: Option<IpAddr>,
        /// When.
        at: Timestamp,
    },
    /// The ledger has taken most of its room.
    LedgerFilling {
        /// How much of how much, and until when it lasts.
        room: Line,
    },
}

impl Letter {
    /// The letter to the person called `name` at the mail address `to`.
    pub(crate) fn message(&self, site: &Site, name: &Line, to: &str) -> Message {
        let mut text = format!("Hello {name},\n\n");
        let subject = match self {
            Self::Invitation { by, link, until } => {
                paragraph(
                    &mut text,
                    format_args!(
                        "{by} made an account for you on {}, the Management System at {}.",
                        site.name, site.address
                    ),
                );
                paragraph(&mut text, format_args!("Choose your password here:"));
                opens_once(&mut text, link, *until);
                paragraph(
                    &mut text,
                    format_args!(
                        "If you do not know {by} or did not expect this, leave the link alone and tell the people who run \
                         the system: without it the account stays closed."
                    ),
                );
                format!("Your account on {}", site.name)
            }
            Self::Reset { by, from, link, until } => {
                let who = by.as_ref().map_or_else(|| "Somebody".to_owned(), ToString::to_string);
                paragraph(
                    &mut text,
                    format_args!(
                        "{who} asked for a new password for your account on {} ({}){}.",
                        site.name,
                        site.address,
                        whence(*from)
                    ),
                );
                paragraph(&mut text, format_args!("Choose it here:"));
                opens_once(&mut text, link, *until);
                paragraph(
                    &mut text,
                    format_args!(
                        "If it was not you who wanted this, do nothing: your password stays as it is. If it happens again, \
                         tell the people who run the system."
                    ),
                );
                format!("A new password for {}", site.name)
            }
            Self::PasswordChanged { by, from, at } => {
                let who = by.as_ref().map_or_else(|| "You".to_owned(), ToString::to_string);
                paragraph(
                    &mut text,
                    format_args!(
                        "{who} changed the password of your account on {} ({}) on {}{}.",
                        site.name,
                        site.address,
                        time(*at),
                        whence(*from)
                    ),
                );
                not_you(&mut text, site);
                format!("Your password on {} was changed", site.name)
            }
            Self::FactorAdded { factor, from, at } => {
                paragraph(
                    &mut text,
                    format_args!(
                        "Your account on {} ({}) can now also be opened with: {factor}. It was added on {}{}.",
                        site.name,
                        site.address,
                        time(*at),
                        whence(*from)
                    ),
                );
                not_you(&mut text, site);
                format!("A new way to log in to {}", site.name)
            }
            Self::LedgerFilling { room } => {
                paragraph(
                    &mut text,
                    format_args!("The ledger of {} ({}) takes {room}.", site.name, site.address),
                );
                paragraph(
                    &mut text,
                    format_args!(
                        "When it is full nobody can log in or change anything, since nothing of it could be noted. Make room on \
                         the file system of the database, raise audit_logs.capacity, or have entries kept for less time."
                    ),
                );
                format!("The ledger of {} is filling up", site.name)
            }
        };
        text.push_str("Nobody reads answers to this message.\n");
        Message { to: to.to_owned(), subject, text, html: None }
    }
}

fn opens_once(text: &mut String, link: &Link, until: Timestamp) {
    paragraph(text, format_args!("  {}", link.0.expose_secret()));
    paragraph(text, format_args!("The link works once, until {}.", time(until)));
}

fn not_you(text: &mut String, site: &Site) {
    paragraph(
        text,
        format_args!(
            "If it was not you, somebody else may have your account: ask the people who run the system to lock it, and then \
             choose a new password. Open {} by typing it, never through a link in a message that you did not ask for.",
            site.address
        ),
    );
}

fn paragraph(text: &mut String, line: fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push_str("\n\n");
}

fn time(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn whence(from: Option<IpAddr>) -> String {
    from.map_or_else(String::new, |address| format!(", from the address {address}"))
}

/// Refuses what could become another header, another paragraph, or read otherwise than it stands.
pub(super) fn one_line(field: &'static str, text: &str, limit: usize) -> Result<(), MailError> {
    if text.len() > limit {
        return Err(MailError::TooLong { field, limit });
    }
    let is_hidden = |letter: char| {
        letter.is_control()
            || matches!(letter,
                // Line and paragraph separators; characters of no width; turns of the writing direction; tags.
                '\u{2028}' | '\u{2029}' | '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}')
    };
    if text.chars().any(is_hidden) { Err(MailError::Control { field }) } else { Ok(()) }
}
