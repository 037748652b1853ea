//! Keys of ledgers and of witnesses, as their pages show them.

use ledger::{Algorithm, VerifierKey};
use serde_json::{Value as Json, json};

use super::net::web;
use super::value::{Cx, Raw, Shape, Value, Wrong, one_line};

/// The key of a stream of a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey(VerifierKey);

impl LogKey {
    /// The key.
    pub fn key(&self) -> &VerifierKey {
        &self.0
    }
}

impl Value for LogKey {
    const FORM: &'static str =
        "the key of a stream such as \"NAME+ID+KEY\", as the page Ledger of its server shows it";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        key(raw, text, Algorithm::Log).map(Self)
    }

    fn shown(&self) -> Json {
        json!(self.0.to_string())
    }
}

/// A witness: its key, and where it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAddress {
    key: VerifierKey,
    prefix: String,
}

impl WitnessAddress {
    /// The key of its cosignatures.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Its address, without a slash at the end: what comes before `/add-checkpoint`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl Value for WitnessAddress {
    const FORM: &'static str = "the key of a witness, a space and its address such as \"NAME+ID+KEY https://HOST/PATH\", \
        as the page Ledger of its server shows them";

    fn read(raw: &Raw, _: &Cx<'_>) -> Result<Self, Vec<Wrong>> {
        let text = raw.text().ok_or_else(|| raw.other_than(Self::FORM))?;
        one_line(raw, text)?;
        let Some((first, second)) = text.trim().split_once(' ') else {
            return Err(vec![raw.wrong("has a member without a space", format!("write {}", Self::FORM))]);
        };
        let key = key(raw, first, Algorithm::Witness)?;
        let place = Raw { shape: Shape::Text(second.trim().to_owned()), span: raw.span.clone() };
        let url = web(&place, Self::FORM)?;
        if url.scheme() != "https" || url.query().is_some() {
            let what =
                format!("asks the witness {} at an address that is not https, or has a query", key.name());
            return Err(vec![
                raw.wrong(what, "write https://HOST/PATH; ca_file names its CA when it is your own"),
            ]);
        }
        Ok(Self { key, prefix: url.as_str().trim_end_matches('/').to_owned() })
    }

    fn shown(&self) -> Json {
        json!(format!("{} {}", self.key, self.prefix))
    }
}

fn key(raw: &Raw, text: &str, wanted: Algorithm) -> Result<VerifierKey, Vec<Wrong>> {
    let help = "copy it whole from the page Ledger of its server";
    let key = VerifierKey::read(text).map_err(|error| {
        vec![raw.wrong(format!("has \"{}\", which is no key: {error}", text.escape_debug()), help)]
    })?;
    match (key.algorithm() == wanted, wanted) {
        (true, _) => Ok(key),
        (false, Algorithm::Log) => {
            let what = format!("has the key of the witness {}, not of a ledger", key.name());
            Err(vec![raw.wrong(what, "take the key of the stream; that page shows both")])
        }
        (false, Algorithm::Witness) => {
            let what = format!("has the key of the ledger {}, not of a witness", key.name());
            Err(vec![raw.wrong(what, "take the key of the witness; that page shows both")])
        }
    }
}
