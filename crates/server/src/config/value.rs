//! What is written for a parameter before its type is known, and the simple types.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::secret::SecretError;

/// The most members of a list or a mapping: far more than anybody writes by hand.
const MEMBERS: usize = 256;

/// The most bytes of a text: a notice of a page.
const TEXT: usize = 4096;

/// What stands in the file, the environment or on the command line.
#[derive(Clone, Debug)]
pub(super) struct Raw {
    pub(super) shape: Shape,
    /// Where it stands in the file.
    pub(super) span: Option<Range<usize>>,
}

/// Its shape.
#[derive(Clone, Debug)]
pub(super) enum Shape {
    /// Of the environment or the command line: it can be of any type.
    Word(String),
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
    /// A kind of TOML value that no parameter has.
    Other(&'static str),
}

impl Raw {
    pub(super) fn word(text: impl Into<String>) -> Self {
        Self { shape: Shape::Word(text.into()), span: None }
    }

    /// The text, when it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Word(text) | Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    /// How a message names what was written, without a value that could be a secret.
    pub(super) fn kind(&self) -> &'static str {
        match &self.shape {
            Shape::Word(_) | Shape::Text(_) => "a text",
            Shape::Integer(_) => "a number",
            Shape::Boolean(_) => "true or false",
            Shape::List(_) => "a list",
            Shape::Table(_) => "a table",
            Shape::Other(kind) => kind,
        }
    }

    /// What is wrong here.
    pub(super) fn wrong(&self, what: impl Into<String>, help: impl Into<String>) -> Wrong {
        Wrong { what: what.into(), help: help.into(), span: self.span.clone() }
    }

    /// It is not of the kind that was wanted.
    pub(super) fn other_than(&self, form: &str) -> Vec<Wrong> {
        vec![self.wrong(format!("is {}", self.kind()), format!("write {form}"))]
    }
}

/// What is wrong with a value; `what` continues a sentence that begins with the parameter's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) what: String,
    pub(super) help: String,
    pub(super) span: Option<Range<usize>>,
}

/// What a type needs to know beside the text.
pub(super) struct Cx<'a> {
    /// It stands in the file, where secrets may not stand.
    pub(super) in_file: bool,
    /// Reads a file with a secret.
    pub(super) secrets: &'a dyn Fn(&Path) -> Result<SecretString, SecretError>,
}

/// A type that a parameter can have.
pub(super) trait Value: Sized {
    /// What may be written, as a phrase that follows `write`.
    const FORM: &'static str;

    /// Whether several may be written, in brackets.
    const IS_LIST: bool = false;

    /// Reads it.
    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>>;

    /// What is shown of it: never a secret.
    fn shown(&self) -> Json;

    /// What it is when nothing is written and there is no default.
    fn absent() -> Option<Self> {
        None
    }

    /// The number that bounds are about.
    fn measure(&self) -> Option<u64> {
        None
    }

    /// How such a number is written.
    fn written(measure: u64) -> String {
        measure.to_string()
    }
}

impl<T: Value> Value for Option<T> {
    const FORM: &'static str = T::FORM;

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        T::read(raw, cx).map(Some)
    }

    fn shown(&self) -> Json {
        self.as_ref().map_or(Json::Null, T::shown)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn measure(&self) -> Option<u64> {
        self.as_ref().and_then(T::measure)
    }

    fn written(measure: u64) -> String {
        T::written(measure)
    }
}

impl<T: Value> Value for Vec<T> {
    const FORM: &'static str = T::FORM;
    const IS_LIST: bool = true;

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let split: Vec<Raw>;
        let members = match &raw.shape {
            Shape::List(members) => members,
            Shape::Word(text) => {
                split = text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(Raw::word).collect();
                &split
            }
            _ => {
                return Err(vec![raw.wrong(
                    format!("is {}, not a list", raw.kind()),
                    format!("write a list in brackets, each member {}", T::FORM),
                )]);
            }
        };
        if members.len() > MEMBERS {
            return Err(vec![raw.wrong(format!("has more than {MEMBERS} members"), "write fewer")]);
        }
        let mut list = Self::new();
        let mut wrong = Vec::new();
        for member in members {
            match T::read(member, cx) {
                Ok(member) => list.push(member),
                Err(more) => wrong.extend(more),
            }
        }
        if wrong.is_empty() { Ok(list) } else { Err(wrong) }
    }

    fn shown(&self) -> Json {
        self.iter().map(T::shown).collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl Value for bool {
    const FORM: &'static str = "true or false";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        match &raw.shape {
            Shape::Boolean(value) => Ok(*value),
            Shape::Word(word) if word == "true" => Ok(true),
            Shape::Word(word) if word == "false" => Ok(false),
            Shape::Text(text) if text == "true" || text == "false" => {
                Err(vec![raw.wrong("is a text in quotes", format!("write {text} without quotes"))])
            }
            _ => Err(vec![raw.wrong("is neither true nor false", "write true or false")]),
        }
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

/// A number of things, within the bounds of its parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(u32);

impl Count {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Value for Count {
    const FORM: &'static str = "a whole number";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let number = match &raw.shape {
            Shape::Integer(number) => u32::try_from(*number).ok(),
            Shape::Word(word) => {
                let plain = word.bytes().all(|byte| byte.is_ascii_digit());
                if !plain || word.is_empty() {
                    return Err(vec![raw.wrong("is not a whole number", "write digits only")]);
                }
                word.parse().ok()
            }
            Shape::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => {
                return Err(vec![raw.wrong("is a text in quotes", format!("write {text} without quotes"))]);
            }
            _ => return Err(raw.other_than(Self::FORM)),
        };
        number.map(Self).ok_or_else(|| vec![raw.wrong("is outside 0 to 4294967295", "write a whole number")])
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }

    fn measure(&self) -> Option<u64> {
        Some(self.0.into())
    }
}

impl Value for String {
    const FORM: &'static str = "a text in quotes";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        Ok(text.to_owned())
    }

    fn shown(&self) -> Json {
        json!(self)
    }
}

/// Refuses a text that is empty, too long, or of more than one line.
pub(super) fn one_line(raw: &Raw, text: &str) -> Result<(), Vec<Wrong>> {
    let what = match text {
        "" => "is empty",
        _ if text.len() > TEXT => "is longer than 4096 bytes",
        _ if text.chars().any(char::is_control) => "holds a line break or another control character",
        _ => return Ok(()),
    };
    Err(vec![raw.wrong(what, "write one line of text, or leave the parameter out")])
}

/// A text that people read, of several lines if need be. It may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice(String);

impl Notice {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for Notice {
    const FORM: &'static str = "a text in quotes, of several lines between \"\"\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?.trim();
        if text.len() > TEXT {
            return Err(vec![raw.wrong(format!("is longer than {TEXT} bytes"), "shorten it")]);
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(vec![raw.wrong("holds a control character", "write plain text")]);
        }
        Ok(Self(text.replace("\r\n", "\n")))
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }
}

impl Value for PathBuf {
    const FORM: &'static str = "an absolute path";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        if !text.starts_with('/') {
            let what = format!("is the relative path \"{text}\"");
            return Err(vec![
                raw.wrong(what, "write an absolute path: the server starts in no particular folder"),
            ]);
        }
        Ok(Self::from(text))
    }

    fn shown(&self) -> Json {
        json!(self.display().to_string())
    }
}

/// Which role the members of a group of the outside directory have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMap(BTreeMap<String, String>);

impl RoleMap {
    /// Groups, each with the name of its role; sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(group, role)| (group.as_str(), role.as_str()))
    }

    /// Whether no group has a role.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Value for RoleMap {
    const FORM: &'static str = "a table of groups and roles such as { \"ot-operators\" = \"operator\" }";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let Shape::Table(members) = &raw.shape else { return Err(raw.other_than(Self::FORM)) };
        if members.len() > MEMBERS {
            return Err(vec![raw.wrong(format!("has more than {MEMBERS} members"), "write fewer")]);
        }
        let mut map = BTreeMap::new();
        let mut wrong = Vec::new();
        for (group, role) in members {
            match String::read(role, cx).and_then(|role| one_line(raw, group).map(|()| role)) {
                Ok(role) => drop(map.insert(group.clone(), role)),
                Err(more) => wrong.extend(more),
            }
        }
        if wrong.is_empty() { Ok(Self(map)) } else { Err(wrong) }
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }

    fn absent() -> Option<Self> {
        Some(Self::default())
    }
}

/// An enum of which the file writes one of a few words.
macro_rules! choice {
    ($(#[doc = $about:literal])+ $Name:ident, $form:literal { $($(#[doc = $word_about:literal])+ $Variant:ident = $word:literal,)+ }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Name { $($(#[doc = $word_about])+ $Variant,)+ }

        impl $Name {
            /// The word that the file writes.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $word,)+ }
            }
        }

        impl Value for $Name {
            const FORM: &'static str = $form;

            fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
                match raw.text() {
                    $(Some($word) => Ok(Self::$Variant),)+
                    Some(other) => {
                        Err(vec![raw.wrong(format!("is \"{}\"", other.escape_debug()), concat!("write ", $form))])
                    }
                    None => Err(raw.other_than(Self::FORM)),
                }
            }

            fn shown(&self) -> Json {
                json!(self.as_str())
            }
        }
    };
}

choice! {
    /// In which header trusted proxies write who asked; the other one is never read.
    ForwardedHeader, "\"x-forwarded-for\" or \"forwarded\"" {
        /// `X-Forwarded-For`.
        XForwardedFor = "x-forwarded-for",
        /// `Forwarded` (RFC 7239).
        Forwarded = "forwarded",
    }
}

choice! {
    /// How lines of the log are written.
    LogFormat, "\"text\" or \"json\"" {
        /// For a person.
        Text = "text",
        /// For a program: one JSON object a line.
        Json = "json",
    }
}

choice! {
    /// What is written to the log.
    LogLevel, "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"" {
        /// What someone must act on.
        Error = "error",
        /// And what is degraded but going on.
        Warn = "warn",
        /// And changes of state that an operator cares about.
        Info = "info",
        /// And decisions.
        Debug = "debug",
        /// And data.
        Trace = "trace",
    }
}

choice! {
    /// How a connection to the mail server becomes encrypted. There is no way without.
    MailTls, "\"starttls\" or \"tls\"" {
        /// It begins plain and must be upgraded before anything is said: port 587.
        Starttls = "starttls",
        /// From the first byte: port 465.
        Tls = "tls",
    }
}
