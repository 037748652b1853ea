//! `palisade ledger`: the log of a Management System, verified without believing the server that keeps it.

mod entries;
mod result;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ledger::{
    Archive, Checked, Checkpoint, Policy, Proof, ProofError, VerifierKey, check_one, check_together,
    verify_archive,
};

use crate::args::ledger::{Ledger, Trust, Verify, VerifyProof};
use crate::input;
use crate::output::{Ending, deliver, say, talk};
use source::Online;

/// A policy, a checkpoint, a proof or an entry is far smaller.
const TEXT_LIMIT: u64 = 1 << 20;

/// Verifies, lists or exports.
pub(crate) fn run(args: &Ledger) -> Result<Ending> {
    match args {
        Ledger::Verify(args) => verify(args),
        Ledger::VerifyProof(args) => verify_proof(args),
        Ledger::List(args) => entries::list(args),
        Ledger::Export(args) => entries::export(args),
    }
}

fn verify(args: &Verify) -> Result<Ending> {
    let policy = policy(&args.trust)?;
    let known = match &args.known {
        Some(file) => checkpoints(file).context(
            "what was seen before cannot be read; the first time there is nothing, so leave --known out",
        )?,
        None => Vec::new(),
    };
    let logs = if args.source.starts_with("https://") {
        online(args, &policy, &known)?
    } else {
        let path = Path::new(&args.source);
        #[expect(
            clippy::disallowed_methods,
            reason = "the user named this file as input; it is not the target"
        )]
        let file = std::fs::File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
        let name = || format!("{} cannot be looked at", path.display());
        let mut archive = match Archive::open(file) {
            Ok(archive) => archive,
            // What was an archive is none any more: that is what was asked.
            Err(error) if error.is_change() => {
                result::tell_change(&format!("{}: {error}", path.display()), args.format)?;
                return Ok(Ending::Findings);
            }
            Err(error) => return Err(error).with_context(name),
        };
        verify_archive(&mut archive, &policy, &known).with_context(name)?
    };
    result::tell(&logs, args.known.is_some(), args.format)?;
    let is_good = logs.iter().all(|log| log.verified.is_good());
    if let (true, Some(file)) = (is_good, &args.save_known) {
        deliver(&kept(&logs), Some(file))?;
    }
    Ok(if is_good { Ending::Clean } else { Ending::Findings })
}

fn online(args: &Verify, policy: &Policy, known: &[Checkpoint]) -> Result<Vec<Checked>> {
    let mut remote = source::remote(&args.source, &args.access)?;
    let mut logs = Vec::new();
    for (name, first_kept) in source::streams(&mut remote)? {
        let mut online = Online::new(&mut remote, &name);
        logs.push(check_one(&name, first_kept, &mut online, policy, known)?);
    }
    check_together(&mut logs, policy, known);
    Ok(logs)
}

/// Whom to believe.
fn policy(trust: &Trust) -> Result<Policy> {
    if let Some(file) = &trust.policy {
        let text = input::read(file, TEXT_LIMIT)?;
        return Policy::read(&text).with_context(|| format!("{} is no policy", file.display()));
    }
    let mut seen = BTreeSet::new();
    let keys = trust.key.iter().filter(|text| seen.insert(text.trim()));
    let keys = keys.map(|text| {
        // A key has plus signs in it: what has none is where it is kept.
        let kept = if text.contains('+') { None } else { Some(input::read(Path::new(text), TEXT_LIMIT)?) };
        let text = kept.as_ref().unwrap_or(text);
        let key = VerifierKey::read(text.trim()).with_context(|| format!("`{text}` is no key of a ledger"))?;
        if key.algorithm() != ledger::Algorithm::Log {
            bail!("`{text}` is a witness's key, not a ledger's");
        }
        Ok(key)
    });
    Ok(Policy::of_all(keys.collect::<Result<_>>()?))
}

/// The checkpoints of a file, one after the other as `--save-known` keeps them.
fn checkpoints(file: &Path) -> Result<Vec<Checkpoint>> {
    let text = input::read(file, TEXT_LIMIT)?;
    let mut parts = text.trim_end().split("\n\n");
    let mut all = Vec::new();
    while let Some(body) = parts.next() {
        let signatures = parts.next().unwrap_or_default().trim_end();
        let checkpoint =
            Checkpoint::read(format!("{}\n\n{signatures}\n", body.trim_start_matches('\n')).as_bytes())
                .with_context(|| format!("{} holds something that is no checkpoint", file.display()))?;
        all.push(checkpoint);
    }
    Ok(all)
}

/// The checkpoints that were verified, for the next time.
fn kept(logs: &[Checked]) -> String {
    let texts = logs.iter().filter_map(|log| log.checkpoint.as_deref());
    let texts: Vec<String> = texts.map(|text| String::from_utf8_lossy(text).into_owned()).collect();
    texts.join("\n")
}

fn verify_proof(args: &VerifyProof) -> Result<Ending> {
    let policy = policy(&args.trust)?;
    let proof = input::read(&args.proof, TEXT_LIMIT)?;
    let entry = input::read(&args.entry, TEXT_LIMIT)?;
    // Editors end files with a line's end; entries have none.
    let entry = entry.strip_suffix('\n').unwrap_or(&entry);
    let proof = match Proof::read(proof.as_bytes()) {
        Ok(proof) => proof,
        Err(ProofError::Form) => bail!("{} is no proof of an entry", args.proof.display()),
        Err(error) => {
            talk(&format!("not verified: {error}"));
            return Ok(Ending::Findings);
        }
    };
    let verified = ledger::verify_proof(&proof, entry.as_bytes(), &policy);
    say(&result::of_proof(proof.index, entry.as_bytes(), &verified))?;
    Ok(if verified.is_good() { Ending::Clean } else { Ending::Findings })
}

#[cfg(test)]
mod tests {
    use ledger::{Head, SigningKey, record_hash};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the test's own file")]
    fn checkpoints_are_kept_and_read_again() {
        let checkpoint = |name: &str| {
            let key = SigningKey::of_log(name, &[7; 32]).unwrap();
            Checkpoint::sign(Head { size: 3, root: record_hash(name.as_bytes()) }, &key).unwrap()
        };
        let (one, two) = (checkpoint("example.org/one"), checkpoint("example.org/two"));
        let log = |checkpoint: &Checkpoint| Checked {
            name: String::new(),
            first_kept: 0,
            checkpoint: Some(checkpoint.text()),
            verified: ledger::Verified::default(),
        };
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known");
        for (logs, count) in [(vec![log(&one), log(&two)], 2), (vec![log(&one)], 1)] {
            std::fs::write(&file, kept(&logs)).unwrap();
            let read = checkpoints(&file).unwrap();
            assert_eq!(read.len(), count);
            assert_eq!(read[0], one);
        }
        std::fs::write(&file, "nothing").unwrap();
        assert!(checkpoints(&file).is_err());
    }
}
