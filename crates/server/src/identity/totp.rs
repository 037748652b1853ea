//! Codes of an authenticator app (RFC 6238), each taken once.
//!
//! SHA-1, six digits, thirty seconds: the one form that every app takes, and many take nothing else whatever the address says.

use jiff::Timestamp;
use qrcode::{EcLevel, QrCode};
use ring::hmac;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretSlice, SecretString};

use super::gate::Attempt;
use crate::random::{self, RandomError};

/// Seconds that a code is valid.
const STEP: i64 = 30;
const DIGITS: usize = 6;
/// Steps either side that are taken: clocks of telephones and servers differ, and people type slowly (RFC 6238, section 5.2).
const SKEW: i64 = 1;
/// Bytes of a secret: 160 bits, as RFC 4226 recommends (section 4, R6).
const SECRET: usize = 20;

/// What somebody needs once to set an authenticator app up. The secret is sealed by the caller.
#[derive(Debug)]
pub(crate) struct Enrolment {
    /// The shared secret.
    pub(crate) secret: SecretSlice<u8>,
    /// What the app reads from the picture: `otpauth://totp/...`.
    pub(crate) uri: SecretString,
    /// The address as a picture: one `svg` element without style, script or identifier, black on white whatever the theme.
    pub(crate) svg: SecretString,
    /// The secret for typing, in groups of four.
    pub(crate) typed: SecretString,
}

/// Why an app cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// No secret.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The address does not fit.
    #[error("the name of the site and of the user are too long for a picture; shorten the site's name")]
    TooLong(#[source] qrcode::types::QrError),
}

/// A new secret for a user of the site `issuer`, with the ways to get it into an app.
///
/// # Errors
/// When the system's generator does not answer, or the names are too long for a picture.
pub(crate) fn enrol(issuer: &str, account: &str) -> Result<Enrolment, EnrolError> {
    let bytes: Zeroizing<[u8; SECRET]> = random::bytes()?;
    enrolment(bytes.as_slice(), issuer, account)
}

/// The same ways again for a secret that waits to be confirmed by its first code.
///
/// # Errors
/// When the names are too long for a picture.
pub(crate) fn enrolment(secret: &[u8], issuer: &str, account: &str) -> Result<Enrolment, EnrolError> {
    let text = Zeroizing::new(base32(secret));
    let (issuer, account) = (percent(issuer), percent(account));
    let uri = Zeroizing::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}&period={STEP}",
        text.as_str()
    ));
    let svg = picture(&uri).map_err(EnrolError::TooLong)?;
    let mut typed = String::with_capacity(text.len() + text.len() / 4);
    for (at, character) in text.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            typed.push(' ');
        }
        typed.push(character);
    }
    Ok(Enrolment {
        secret: secret.to_vec().into(),
        uri: uri.as_str().into(),
        svg: svg.into(),
        typed: typed.into(),
    })
}

/// The step whose code was given, when it is one of now or one step before or after; none when it is another or was taken before.
///
/// `last_step` is the newest step that this user's secret opened with: that one and all before it are refused, so that a code which
/// somebody looked at over a shoulder is worth nothing. The caller keeps the step with a statement that fails when another request
/// was faster (`last_step < step`).
#[must_use = "the step must be kept, or the code opens again"]
pub(crate) fn verify(
    _attempt: &Attempt,
    secret: &SecretSlice<u8>,
    given: &SecretString,
    now: Timestamp,
    last_step: Option<i64>,
) -> Option<i64> {
    let given = read(given.expose_secret())?;
    let step = now.as_second().div_euclid(STEP);
    // All steps are computed and compared as numbers, so that the time does not tell how near a guess was.
    (step - SKEW..=step + SKEW).fold(None, |found, step| {
        let right = code(secret.expose_secret(), step) == Some(given);
        if right && last_step.is_none_or(|last| last < step) { found.or(Some(step)) } else { found }
    })
}

/// Six digits, with spaces anywhere; apps show them in two groups.
pub(crate) fn read(given: &str) -> Option<u32> {
    // Long enough for any way of writing six digits, short enough to be looked at.
    if given.len() > 64 {
        return None;
    }
    let mut number = 0u32;
    let mut digits = 0;
    for character in given.chars().filter(|character| !character.is_whitespace()) {
        number = number.checked_mul(10)?.checked_add(character.to_digit(10)?)?;
        digits += 1;
    }
    (digits == DIGITS).then_some(number)
}

/// The code that an app shows at this time.
#[cfg(test)]
pub(crate) fn code_at(secret: &SecretSlice<u8>, now: Timestamp) -> String {
    let step = now.as_second().div_euclid(STEP);
    format!("{:06}", code(secret.expose_secret(), step).unwrap())
}

fn code(secret: &[u8], step: i64) -> Option<u32> {
    truncated(secret, step).map(|number| number % 1_000_000)
}

/// The 31 bits of which a code shows the last decimal digits (RFC 4226, section 5.3). None for times before 1970.
fn truncated(secret: &[u8], step: i64) -> Option<u32> {
    let counter = u64::try_from(step).ok()?.to_be_bytes();
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter);
    let offset = usize::from(tag.as_ref().last()? & 0x0f);
    let bytes = tag.as_ref().get(offset..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes) & 0x7fff_ffff)
}

/// RFC 4648, without padding: apps refuse it.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block.iter_mut().skip(3).zip(chunk).for_each(|(to, from)| *to = *from);
        let bits = u64::from_be_bytes(block);
        for at in 0..(chunk.len() * 8).div_ceil(5) {
            let value = (bits >> (35 - at * 5)) & 31;
            text.extend(
                usize::try_from(value).ok().and_then(|value| ALPHABET.get(value)).map(|byte| char::from(*byte)),
            );
        }
    }
    text
}

/// Everything but RFC 3986's unreserved characters as `%XX`: names hold spaces, colons and worse.
fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

/// Modules of white around the code that readers need (ISO/IEC 18004).
const QUIET: usize = 4;

fn picture(text: &str) -> Result<String, qrcode::types::QrError> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M)?;
    let (width, modules) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (row, line) in modules.chunks(width).enumerate() {
        let mut column = 0;
        for run in line.chunk_by(|left, right| left == right) {
            if run.first() == Some(&qrcode::Color::Dark) {
                let (left, top, length) = (column + QUIET, row + QUIET, run.len());
                path.push_str(&format!("M{left} {top}h{length}v1h-{length}z"));
            }
            column += run.len();
        }
    }
    // Attributes of presentation are no inline style: a strict policy lets them be.
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"qr\" role=\"img\" aria-label=\"QR code for an authenticator app\" \
         viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path fill=\"#000\" d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests;
