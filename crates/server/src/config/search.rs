//! Where OpenSearch is, and what an index may be called.

use serde_json::{Value as Json, json};
use url::Url;

use super::net::{is_this_machine, web};
use super::value::{Cx, Raw, Value, Wrong};

/// The most bytes of the name of an index.
const NAME: usize = 255;

/// What stands for the stream and for the day. The longest that stand there are as long, or shorter by a few letters.
const PARTS: [(&str, &str); 2] = [("{stream}", "management-system"), ("{date}", "2026.11.23")];

/// The address of OpenSearch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchUrl(Url);

impl SearchUrl {
    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> String {
        let host = self.0.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').to_owned()
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(443)
    }

    /// What stands behind host and port.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Whether it is reached without TLS, which only one on this machine may be.
    pub fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

impl Value for SearchUrl {
    const FORM: &'static str = "a URL such as \"https://search.example:9200\"";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let url = web(raw, Self::FORM)?;
        if url.scheme() == "http" && !is_this_machine(&url) {
            let what = "begins with http://: whoever is on the way could read the ledger, and the password";
            return Err(vec![
                raw.wrong(what, "write https://; ca_file names the server's CA when it is your own"),
            ]);
        }
        if url.query().is_some() {
            return Err(vec![raw.wrong("has a query", format!("write {}", Self::FORM))]);
        }
        Ok(Self(url))
    }

    fn shown(&self) -> Json {
        json!(self.0.as_str())
    }
}

/// The name of an index, with parts that are filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexName(String);

impl IndexName {
    /// The name, with its parts in braces.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Value for IndexName {
    const FORM: &'static str =
        "a name of small letters, digits, -, _ and . such as \"palisade-{stream}-{date}\"";

    fn read(raw: &Raw, cx: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = String::read(raw, cx)?;
        let filled = PARTS.iter().fold(text.clone(), |text, (part, longest)| text.replace(part, longest));
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let begins = text.bytes().next().is_some_and(|byte| !b"-_.".contains(&byte));
        if !begins || !filled.bytes().all(fits) || filled.len() > NAME {
            let what = format!("is \"{}\", no name of an index", text.escape_debug());
            return Err(vec![raw.wrong(what, format!("write {}", Self::FORM))]);
        }
        Ok(Self(text))
    }

    fn shown(&self) -> Json {
        json!(self.0)
    }
}
