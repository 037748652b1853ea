//! The Management System's own certificate authority and its certificates.
//!
//! Files under `pki/` of the state directory (folder 0700, files 0600):
//! `authority.key` holds the authority's key and certificate, `server.key` the server's key and chain, each pair in one file, so
//! that no crash can leave a key beside the certificate of another. `ca.pem` is a copy for handing out. What can be made anew
//! without anybody noticing (the server's certificate, the copy) is made anew when it is damaged; what clients were told to trust
//! (the authority) never is: then the start fails and says what to do. Only an authority that has run out is replaced, since
//! nothing trusts it any more.

pub(crate) mod authority;
mod disk;
pub(crate) mod given;
mod names;
mod tls;

#[cfg(test)]
mod tests;

pub(crate) use names::{Names, own_addresses};

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rustls::ServerConfig;

use authority::{Authority, Leaf};
use disk::Folder;
use given::Given;
use tls::Served;

/// The authority's key and certificate.
const AUTHORITY: &str = "authority.key";
/// The server's key and chain.
const SERVER: &str = "server.key";
/// The authority's certificate alone.
const CA: &str = "ca.pem";

/// The certificates that the server shows, and where they come from.
#[derive(Debug)]
pub(crate) struct Pki {
    source: Mutex<Source>,
    names: Names,
    served: Arc<Served>,
}

#[derive(Debug)]
enum Source {
    Own(Box<Own>),
    Given(Given),
}

#[derive(Debug)]
struct Own {
    folder: Folder,
    authority: Authority,
    leaf: Leaf,
    list: Option<(Timestamp, Vec<u8>)>,
}

/// What [`Pki::refresh`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refreshed {
    /// Nothing was due.
    Unchanged,
    /// The server shows a new certificate, good until then.
    Renewed {
        /// When the new certificate ends.
        until: Timestamp,
    },
    /// The authority had run out; clients must be told to trust the new one.
    NewAuthority {
        /// SHA-256 of the new authority's certificate.
        fingerprint: String,
    },
}

/// Why the server has no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// The operating system said no.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// A file or folder that others can read or put in place.
    #[error("{} {why}: {remedy}", path.display())]
    Unsafe {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A file that does not hold what it should.
    #[error("{} cannot be used: {why}; {remedy}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A name that is none.
    #[error("`{0}` is not a host name or an address: write names such as plant.example or 192.0.2.7")]
    Name(String),
    /// A certificate could not be made.
    #[error("cannot make {what}")]
    Make {
        /// Which certificate.
        what: &'static str,
        /// Why not.
        #[source]
        source: rcgen::Error,
    },
    /// A certificate was made that clients would refuse.
    #[error(
        "the certificate that was made for {name} would be refused by clients: this is a flaw of palisade, please report it"
    )]
    Refused {
        /// For which name.
        name: String,
        /// What a client says.
        #[source]
        source: rustls::Error,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// TLS could not be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

impl Pki {
    /// The authority and certificate in `dir`, made when they are not there yet, renewed when due.
    pub(crate) fn open_or_create(dir: &Path, names: Names, now: Timestamp) -> Result<Self, PkiError> {
        let folder = Folder::open_or_create(dir)?;
        let authority = open_authority(&folder, &names, now)?;
        let leaf = open_leaf(&folder, &authority, &names, now)?;
        let served = Arc::new(Served::new(leaf.certified()?));
        let own = Own { folder, authority, leaf, list: None };
        Ok(Self { source: Mutex::new(Source::Own(Box::new(own))), names, served })
    }

    /// The certificate chain and key of two files that the operator keeps.
    pub(crate) fn from_files(chain: &Path, key: &Path, names: Names, now: Timestamp) -> Result<Self, PkiError> {
        let (given, certified) = Given::open(chain, key, &names, now)?;
        let served = Arc::new(Served::new(certified));
        Ok(Self { source: Mutex::new(Source::Given(given)), names, served })
    }

    /// What the listener is to be told: TLS 1.3 and 1.2, forward-secret authenticated suites, this certificate.
    ///
    /// The certificate is looked up at each handshake, so one configuration outlives renewals.
    pub(crate) fn server_config(&self) -> Result<Arc<ServerConfig>, PkiError> {
        tls::server_config(Arc::clone(&self.served)).map(Arc::new).map_err(PkiError::Tls)
    }

    /// Renews the certificate when it is due, or takes up files that the operator changed. To be called once a minute.
    ///
    /// # Errors
    /// The certificate in use stays in use; the next call tries again (changed files only when they change again).
    pub(crate) fn refresh(&self, now: Timestamp) -> Result<Refreshed, PkiError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *source {
            Source::Given(given) => {
                let Some(certified) = given.reload(&self.names, now)? else { return Ok(Refreshed::Unchanged) };
                self.served.show(certified);
                Ok(Refreshed::Renewed { until: given.until() })
            }
            Source::Own(own) => self.renew(own, now),
        }
    }

    fn renew(&self, own: &mut Own, now: Timestamp) -> Result<Refreshed, PkiError> {
        let replaced = own.authority.has_run_out(now);
        if replaced {
            own.authority = replace_authority(&own.folder, &self.names, now)?;
            own.list = None;
        } else if !own.leaf.is_due(&own.authority, now) {
            return Ok(Refreshed::Unchanged);
        }
        own.leaf = issue(&own.folder, &own.authority, &self.names, now)?;
        self.served.show(own.leaf.certified()?);
        Ok(if replaced {
            Refreshed::NewAuthority { fingerprint: own.authority.fingerprint() }
        } else {
            Refreshed::Renewed { until: own.leaf.until() }
        })
    }

    /// The authority's certificate for clients to trust; none when the operator brought the certificate.
    pub(crate) fn ca_pem(&self) -> Option<String> {
        match &*self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Own(own) => Some(own.authority.pem().to_owned()),
            Source::Given(_) => None,
        }
    }

    /// The authority's list of revoked certificates (DER), for `/ca.crl`; made once a day, empty until something is revoked.
    pub(crate) fn revocation_list(&self, now: Timestamp) -> Result<Option<Vec<u8>>, PkiError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let Source::Own(own) = &mut *source else { return Ok(None) };
        if let Some((made, list)) = &own.list
            && now >= *made
            && now < *made + jiff::SignedDuration::from_hours(24)
        {
            return Ok(Some(list.clone()));
        }
        let list = own.authority.revocation_list(now)?;
        own.list = Some((now, list.clone()));
        Ok(Some(list))
    }

    /// SHA-256 of the authority's certificate, or of the operator's, as `AB:CD:..`: what a person compares.
    pub(crate) fn fingerprint(&self) -> String {
        match &*self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Own(own) => own.authority.fingerprint(),
            Source::Given(given) => given.fingerprint(),
        }
    }

    /// When the certificate in use ends.
    pub(crate) fn until(&self) -> Timestamp {
        match &*self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Own(own) => own.leaf.until(),
            Source::Given(given) => given.until(),
        }
    }

    /// Names of the server for which the authority may not vouch: the server got them after the authority was made.
    pub(crate) fn uncovered(&self) -> Vec<String> {
        match &*self.source.lock().unwrap_or_else(PoisonError::into_inner) {
            Source::Own(own) => own.authority.split(&self.names).1,
            Source::Given(_) => Vec::new(),
        }
    }
}

fn open_authority(folder: &Folder, names: &Names, now: Timestamp) -> Result<Authority, PkiError> {
    // In this order: whoever makes both at this moment writes the copy last.
    let copy = folder.read(CA);
    let stored = folder.read(AUTHORITY)?;
    let authority = match stored {
        Some(text) => {
            let authority = Authority::read(&text).map_err(|why| PkiError::Unusable {
                path: folder.path_of(AUTHORITY),
                why,
                remedy: format!(
                    "bring the file back from a backup, or move {} aside to have a new authority made, which every client must be \
                     told to trust anew",
                    folder.path().display()
                ),
            })?;
            if authority.has_run_out(now) {
                return replace_authority(folder, names, now);
            }
            authority
        }
        None if matches!(copy, Ok(Some(_))) => {
            return Err(PkiError::Unusable {
                path: folder.path_of(AUTHORITY),
                why: format!("it is missing, while {CA} of the authority that clients trust is there"),
                remedy: format!(
                    "bring the file back from a backup, or remove {} to have a new authority made",
                    folder.path_of(CA).display()
                ),
            });
        }
        None => {
            let (made, text) = Authority::create(names, now)?;
            if folder.put_new(AUTHORITY, &text)? {
                made
            } else {
                // Another process was faster; its authority is the one.
                return open_authority(folder, names, now);
            }
        }
    };
    if !matches!(&copy, Ok(Some(text)) if secrecy::ExposeSecret::expose_secret(text) == authority.pem()) {
        folder.put(CA, &authority.pem().to_owned().into())?;
    }
    Ok(authority)
}

fn replace_authority(folder: &Folder, names: &Names, now: Timestamp) -> Result<Authority, PkiError> {
    let (authority, text) = Authority::create(names, now)?;
    folder.put(AUTHORITY, &text)?;
    folder.put(CA, &authority.pem().to_owned().into())?;
    Ok(authority)
}

/// The stored certificate when a client would accept it for every name and it is not due; else a new one.
fn open_leaf(folder: &Folder, authority: &Authority, names: &Names, now: Timestamp) -> Result<Leaf, PkiError> {
    if let Some(text) = folder.read(SERVER)?
        && let Some(leaf) = Leaf::read(&text)
        && !leaf.is_due(authority, now)
        && leaf.is_for(&authority.split(names).0)
        && (leaf.check(authority, names, now).is_ok() || authority.is_not_yet_valid(now))
    {
        return Ok(leaf);
    }
    issue(folder, authority, names, now)
}

fn issue(folder: &Folder, authority: &Authority, names: &Names, now: Timestamp) -> Result<Leaf, PkiError> {
    let (leaf, text) = authority.issue(names, now)?;
    if !authority.is_not_yet_valid(now) {
        leaf.check(authority, names, now)?;
    }
    folder.put(SERVER, &text)?;
    Ok(leaf)
}
