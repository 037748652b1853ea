//! Loads a ledger and prints what it took, for `cargo xtask bench ledger`: `ledger_load URL DIRECTORY ENTRIES ARCHIVE`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::Instant;

use ledger::{Archive, Log, Policy, verify};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, directory, entries, archive] = arguments.as_slice() else {
        return Err("four arguments: URL DIRECTORY ENTRIES ARCHIVE".into());
    };
    let figures =
        server::bench::ledger(url, Path::new(directory), entries.parse()?, Path::new(archive)).await?;
    let begun = Instant::now();
    let mut read = Archive::open(BufReader::new(File::open(archive)?))?;
    let policy = Policy::of(figures.key.clone());
    let verified = verify(&mut read.log("management-system"), &policy, &Log::default())?;
    let verifying = begun.elapsed().as_secs_f64();
    let faults: Vec<&str> = verified.faults.iter().map(|fault| fault.said.as_str()).collect();
    // What is measured is written to the end of the standard output, a figure a line.
    println!("faults {}", faults.len());
    println!("entries {}", verified.entries);
    println!("fastest {:.0}", figures.fastest);
    println!("sustained {:.0}", figures.sustained);
    println!("verify {verifying:.3}");
    for (name, sorted) in [("proof", &figures.proofs), ("search", &figures.searches)] {
        println!("{name}-median {:.2}", sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN));
        println!("{name}-longest {:.2}", sorted.last().copied().unwrap_or(f64::NAN));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("; ").into()) }
}
