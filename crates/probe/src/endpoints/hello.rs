//! The first message of a TLS handshake: what we say. Pure functions over bytes.

/// SSL 3.0 on the wire.
pub(crate) const SSL3_0: u16 = 0x0300;
/// TLS 1.0 on the wire.
pub(crate) const TLS1_0: u16 = 0x0301;
/// TLS 1.1 on the wire.
pub(crate) const TLS1_1: u16 = 0x0302;
/// TLS 1.2 on the wire.
pub(crate) const TLS1_2: u16 = 0x0303;
/// TLS 1.3 on the wire.
pub(crate) const TLS1_3: u16 = 0x0304;

/// "I fell back to an older version" (RFC 7507).
const FALLBACK: u16 = 0x5600;
/// "I know secure renegotiation" as a cipher suite, for SSL 3.0, which has no extensions (RFC 5746).
const RENEGOTIATION: u16 = 0x00ff;

/// Signature algorithms, the withdrawn ones, those of brainpool curves (RFC 8734) and ML-DSA too: a server without any we
/// name says no to everything.
const SIGNATURES: [u16; 26] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501,
    0x0601, 0x081a, 0x081b, 0x081c, 0x0904, 0x0905, 0x0906, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0202,
];

/// Those of them that rest on SHA-1: with RSA, with a curve, with DSA.
const SHA1_SIGNATURES: [u16; 3] = [0x0201, 0x0203, 0x0202];

/// What a ClientHello offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hello<'a> {
    /// The only version it offers; with `any_version` the highest.
    pub(crate) version: u16,
    /// Offers every version down to TLS 1.0 too.
    pub(crate) any_version: bool,
    /// Cipher suites in order.
    pub(crate) suites: &'a [u16],
    /// Groups in order; none leaves the extension out.
    pub(crate) groups: &'a [u16],
    /// Host name to send along.
    pub(crate) name: Option<&'a str>,
    /// Offers DEFLATE.
    pub(crate) compress: bool,
    /// Says that it fell back to an older version.
    pub(crate) fallback: bool,
    /// Takes signatures made with SHA-1 only.
    pub(crate) sha1_only: bool,
    /// Sends a key share for x25519; without it a TLS 1.3 server asks for one, which costs it no arithmetic.
    pub(crate) share: bool,
}

impl Hello<'_> {
    /// The record as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(1024);
        body.extend(self.version.min(TLS1_2).to_be_bytes());
        // Nobody relies on these handshakes being fresh: they are broken off before keys exist.
        body.extend((0..32u8).map(|n| n.wrapping_mul(7).wrapping_add(0x5a)));
        let thirteen = self.version == TLS1_3;
        if thirteen {
            // Middleboxes expect a session id (RFC 8446, D.4).
            block8(&mut body, |body| body.extend(0x80..0xa0u8));
        } else {
            body.push(0);
        }
        block16(&mut body, |body| {
            for suite in self.suites {
                body.extend(suite.to_be_bytes());
            }
            if self.fallback {
                body.extend(FALLBACK.to_be_bytes());
            }
            if self.version == SSL3_0 {
                body.extend(RENEGOTIATION.to_be_bytes());
            }
        });
        block8(&mut body, |body| {
            if self.compress {
                body.push(1);
            }
            body.push(0);
        });
        if self.version > SSL3_0 {
            block16(&mut body, |body| self.extensions(body));
        }
        let mut record = vec![22];
        record.extend(self.version.min(TLS1_0).to_be_bytes());
        block16(&mut record, |record| {
            record.push(1);
            record.push(0);
            block16(record, |record| record.append(&mut body));
        });
        record
    }

    fn extensions(&self, out: &mut Vec<u8>) {
        if let Some(name) = self.name {
            extension(out, 0, |out| {
                block16(out, |out| {
                    out.push(0);
                    block16(out, |out| out.extend(name.as_bytes()));
                });
            });
        }
        // Extended master secret, session ticket, renegotiation info.
        extension(out, 23, |_| {});
        extension(out, 35, |_| {});
        extension(out, 0xff01, |out| out.push(0));
        if !self.groups.is_empty() {
            extension(out, 10, |out| {
                block16(out, |out| out.extend(self.groups.iter().flat_map(|group| group.to_be_bytes())));
            });
            extension(out, 11, |out| block8(out, |out| out.push(0)));
        }
        if self.version >= TLS1_2 {
            extension(out, 13, |out| {
                let schemes: &[u16] = if self.sha1_only { &SHA1_SIGNATURES } else { &SIGNATURES };
                block16(out, |out| out.extend(schemes.iter().flat_map(|scheme| scheme.to_be_bytes())));
            });
        }
        if self.version == TLS1_3 {
            extension(out, 43, |out| {
                block8(out, |out| {
                    let lowest = if self.any_version { TLS1_0 } else { TLS1_3 };
                    out.extend((lowest..=TLS1_3).rev().flat_map(u16::to_be_bytes));
                });
            });
            extension(out, 51, |out| {
                block16(out, |out| {
                    if self.share {
                        out.extend(0x001d_u16.to_be_bytes());
                        block16(out, |out| out.extend((1..=32u8).map(|n| n.wrapping_mul(5))));
                    }
                });
            });
        }
    }
}

fn extension(out: &mut Vec<u8>, kind: u16, content: impl FnOnce(&mut Vec<u8>)) {
    out.extend(kind.to_be_bytes());
    block16(out, content);
}

/// A block behind a length of two bytes. Ours are far shorter than that can say.
fn block16(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    out.extend(u16::try_from(inner.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.append(&mut inner);
}

/// A block behind a length of one byte.
fn block8(out: &mut Vec<u8>, content: impl FnOnce(&mut Vec<u8>)) {
    let mut inner = Vec::new();
    content(&mut inner);
    out.push(u8::try_from(inner.len()).unwrap_or(u8::MAX));
    out.append(&mut inner);
}

#[cfg(test)]
#[path = "hello/tests.rs"]
mod tests;
