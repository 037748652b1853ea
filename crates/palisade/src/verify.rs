//! `palisade verify`: a signed record, checked without the server that signed it.

use anyhow::Result;

use crate::args::Verify;
use crate::input;
use crate::output::{Ending, say, talk};

/// A record of a hundred thousand users is smaller.
const RECORD_LIMIT: u64 = 256 << 20;

/// A public key is a hundred bytes.
const KEY_LIMIT: u64 = 64 << 10;

/// Prints what was signed when it stands as it was signed.
pub(crate) fn run(args: &Verify) -> Result<Ending> {
    let record = input::read(&args.record, RECORD_LIMIT)?;
    let key = input::read(&args.key, KEY_LIMIT)?;
    match server::verify_review(&record, &key) {
        Ok(record) => {
            say(&serde_json::to_string_pretty(&record)?)?;
            talk("verified: this record stands as it was signed with this key");
            Ok(Ending::Clean)
        }
        Err(error) => {
            talk(&format!("not verified: {error}"));
            Ok(Ending::Findings)
        }
    }
}
