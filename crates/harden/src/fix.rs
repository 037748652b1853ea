//! What a fix is: a pure function from facts and parameters to changes, and what a person should know before it.

use std::collections::BTreeMap;
use std::fmt;

use model::facts::Facts;
use model::{Source, Timestamp};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::Change;

/// Makes failing rules pass. Rules name it: `fix: {sshd-option: {PasswordAuthentication: "no"}}`.
pub struct Fix {
    /// What rules and people call it: kebab-case.
    pub id: &'static str,
    /// What it does, as a sentence.
    pub title: &'static str,
    /// The files and running state that it changes.
    pub changes: &'static str,
    /// How disruptive it is.
    pub disruption: Disruption,
    /// What may stop working.
    pub may_break: &'static str,
    /// Whether it is only done when named with `--opt-in`.
    pub opt_in: bool,
    /// Whether it can cut off whoever works over the network; it reverts by itself unless confirmed.
    pub can_cut_off: bool,
    /// Whether these arguments are such as the fix takes; the message says what is wrong.
    pub accepts: fn(&Value) -> Result<(), String>,
    /// Gives the changes for all findings that name the fix.
    pub plan: fn(&Ask<'_>, &mut Draft),
}

/// How disruptive a fix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Disruption {
    /// Nothing that runs notices.
    None,
    /// A service reads its configuration again.
    Reload,
    /// A service or container stops and starts.
    Restart,
    /// It takes effect at the next boot.
    Reboot,
}

impl fmt::Display for Disruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "none",
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Reboot => "reboot",
        })
    }
}

/// What a fix is asked.
pub struct Ask<'a> {
    /// What is known of the target.
    pub facts: &'a Facts,
    /// Where the facts were read, by path without `facts.`.
    pub sources: &'a BTreeMap<String, Source>,
    /// What else matters.
    pub site: &'a Site,
    /// The findings that name the fix, in the order of rule and subject.
    pub uses: &'a [Use],
}

/// What is known besides facts.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// What the profile declares, by name.
    pub declared: BTreeMap<String, Value>,
    /// Who works.
    pub operator: Operator,
    /// The time for ages and names; the Unix epoch in tests that need none.
    pub now: Timestamp,
}

/// Who works, and how they came in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Operator {
    /// The account that logged in: before `sudo`, `su`.
    pub name: String,
    /// The address they came from over SSH; none at a console.
    pub ssh_from: Option<String>,
}

/// One failing finding that names the fix.
#[derive(Clone, Debug, PartialEq)]
pub struct Use {
    /// The rule.
    pub rule: String,
    /// What fails: the host's name, a container's, a file's path.
    pub subject: String,
    /// The arguments that the rule gives, with parameters filled in.
    pub args: Value,
}

impl Use {
    /// The arguments as the fix's own type. They have been checked by [`Fix::accepts`].
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, String> {
        T::deserialize(&self.args).map_err(|error| error.to_string())
    }
}

/// [`Fix::accepts`] of a fix whose arguments are a `T`.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn accepts<T: DeserializeOwned>(args: &Value) -> Result<(), String> {
    T::deserialize(args).map(|_| ()).map_err(|error| error.to_string())
}

/// No arguments: `fix: {docker-socket: {}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoArgs {}

/// What a fix answers.
#[derive(Debug, Default)]
pub struct Draft {
    /// What it would change.
    pub changes: Vec<Change>,
    /// Findings that it does not mend, by rule and subject, and why not, with what a person can do instead.
    pub refused: Vec<(String, String, String)>,
    /// What the person should know besides: printed with the fix.
    pub notes: Vec<String>,
}

impl Draft {
    /// Adds a change.
    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// Leaves a finding as it is.
    pub fn refuse(&mut self, one: &Use, reason: impl Into<String>) {
        self.refused.push((one.rule.clone(), one.subject.clone(), reason.into()));
    }

    /// Adds something the person should know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Ask<'_> {
    /// Goes through the uses with their arguments; one whose arguments do not fit is refused.
    pub fn each<T: DeserializeOwned>(&self, draft: &mut Draft, mut mend: impl FnMut(&Use, T, &mut Draft)) {
        for one in self.uses {
            match one.args::<T>() {
                Ok(args) => mend(one, args, draft),
                Err(error) => draft.refuse(one, format!("the rule gives the fix wrong arguments: {error}")),
            }
        }
    }

    /// The file and line where a fact was read, with the line's text: `ssh.server.options.usepam`.
    pub fn line_of(&self, path: &str) -> Option<(&str, usize, &str)> {
        let source = self.sources.get(path)?;
        let (file, line) = source.at.rsplit_once(':')?;
        Some((file, line.parse().ok()?, source.excerpt.as_deref()?))
    }

    /// A list of texts that the profile declares; none when it declares no such thing.
    pub fn declared_list(&self, name: &str) -> Option<Vec<String>> {
        let items = self.site.declared.get(name)?.as_array()?;
        Some(items.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
    }
}
