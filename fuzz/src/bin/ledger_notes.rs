//! What is signed of the ledger, as text: checkpoints, proofs, keys, policies, requests to witnesses, paths. What is read is written
//! the same, and nobody's key signed any of it.
#![no_main]

use ledger::{
    Checkpoint, Path, Policy, Proof, Request, SigningKey, VerifierKey, judge, read_cosignatures, read_size, record_hash,
};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(stranger) = SigningKey::of_log("example.com/log", &[7; 32]) else { return };
    let stranger = stranger.verifier();
    if let Ok(checkpoint) = Checkpoint::read(bytes) {
        assert_eq!(checkpoint.text(), bytes, "written otherwise than read");
        assert!(checkpoint.signed_by(stranger).is_err(), "signed by a key that signed nothing");
        drop(read_cosignatures(&checkpoint, bytes, &[stranger.clone()]));
    }
    if let Ok(proof) = Proof::read(bytes) {
        let again = Proof::read(&proof.text()).expect("what it wrote itself");
        assert_eq!(again, proof);
        assert!(proof.check(record_hash(b"entry"), stranger).is_err(), "proven by a key that signed nothing");
    }
    if let Ok(request) = Request::read(bytes) {
        assert_eq!(request.text(), bytes, "written otherwise than read");
        assert!(judge(&request, &[stranger.clone()], None).is_err(), "cosigned what nobody signed");
    }
    if let Some(size) = read_size(bytes) {
        assert_eq!(format!("{size}\n").as_bytes(), bytes, "two texts of one size");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(key) = VerifierKey::read(text) {
        assert_eq!(VerifierKey::read(&key.to_string()).ok(), Some(key));
    }
    if let Some(path) = Path::read(text) {
        assert_eq!(path.to_string(), text, "two paths of one part");
    }
    drop(Policy::read(text));
});
