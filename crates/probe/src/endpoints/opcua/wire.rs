//! The binary encoding of OPC UA (OPC 10000-6, 5.2): what we write, and reading of what anybody may have written. Every
//! length is held against the bytes that are there, and nothing recurses deeper than a few steps.

/// Characters of a text that are kept.
const TEXT: usize = 500;

/// The deepest nesting of diagnostics that is read past.
const DEPTH: u8 = 8;

/// Reads values from the front of a message. None: the message is cut off or no such thing stands there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is left.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    /// Reads past a number of eight bytes: a time or a floating-point number.
    pub(super) fn skip_eight(&mut self) -> Option<()> {
        self.take(8).map(|_| ())
    }

    /// A length that may say "none" by being negative.
    fn length(&mut self) -> Option<Option<usize>> {
        let length = i32::from_le_bytes(self.take(4)?.try_into().ok()?);
        Some(usize::try_from(length).ok())
    }

    /// Bytes; none at all count as empty.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        match self.length()? {
            Some(length) => self.take(length),
            None => Some(&[]),
        }
    }

    /// A text; none at all counts as empty.
    pub(super) fn text(&mut self) -> Option<String> {
        let bytes = self.bytes()?;
        // A character takes at most four bytes; the cut may fall into one, which is replaced.
        let bytes = bytes.get(..TEXT * 4).unwrap_or(bytes);
        Some(String::from_utf8_lossy(bytes).chars().take(TEXT).collect())
    }

    /// Each element of a list, of which at most `cap` are kept. Every element must take bytes.
    pub(super) fn list<T>(
        &mut self,
        cap: usize,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut kept = Vec::new();
        for _ in 0..self.length()?.unwrap_or(0) {
            let before = self.rest.len();
            let read = element(self)?;
            if self.rest.len() == before {
                return None;
            }
            if kept.len() < cap {
                kept.push(read);
            }
        }
        Some(kept)
    }

    /// Each element of a list of at most `cap`: of a longer one it is not known what the rest says.
    pub(super) fn whole_list<T>(
        &mut self,
        cap: usize,
        element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut ahead = *self;
        ahead.length()?.is_none_or(|length| length <= cap).then_some(())?;
        self.list(cap, element)
    }

    /// The name of a node: its number when it is one of the standard's own, and its bytes as they stand.
    pub(super) fn node(&mut self) -> Option<(Option<u32>, &'a [u8])> {
        let start = self.rest;
        let kind = self.u8()?;
        let number = match kind & 0x3f {
            0 => Some(u32::from(self.u8()?)),
            1 => {
                let space = self.u8()?;
                let number = u32::from(self.u16()?);
                (space == 0).then_some(number)
            }
            2 => {
                let space = self.u16()?;
                let number = self.u32()?;
                (space == 0).then_some(number)
            }
            3 | 5 => {
                self.u16()?;
                self.bytes()?;
                None
            }
            4 => {
                self.take(18)?;
                None
            }
            _ => return None,
        };
        if kind & 0x80 != 0 {
            self.bytes()?;
        }
        if kind & 0x40 != 0 {
            self.u32()?;
        }
        let length = start.len() - self.rest.len();
        Some((number, start.get(..length)?))
    }

    /// A text in some language; the text alone.
    pub(super) fn localized(&mut self) -> Option<String> {
        let mask = self.u8()?;
        if mask & 1 != 0 {
            self.bytes()?;
        }
        if mask & 2 != 0 { self.text() } else { Some(String::new()) }
    }

    /// Reads past what a server may say about an error.
    pub(super) fn skip_diagnostics(&mut self, depth: u8) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        let mask = self.u8()?;
        for bit in [1, 2, 4, 8] {
            if mask & bit != 0 {
                self.u32()?;
            }
        }
        if mask & 0x10 != 0 {
            self.bytes()?;
        }
        if mask & 0x20 != 0 {
            self.u32()?;
        }
        if mask & 0x40 != 0 {
            self.skip_diagnostics(depth + 1)?;
        }
        Some(())
    }

    /// Reads past an extension.
    pub(super) fn skip_extension(&mut self) -> Option<()> {
        self.node()?;
        match self.u8()? {
            0 => Some(()),
            1 | 2 => self.bytes().map(|_| ()),
            _ => None,
        }
    }
}

/// Writes values at the end of a message.
#[derive(Clone, Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(super) fn bytes_so_far(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend(bytes);
        self
    }

    pub(super) fn u8(self, value: u8) -> Self {
        self.raw(&[value])
    }

    pub(super) fn u32(self, value: u32) -> Self {
        self.raw(&value.to_le_bytes())
    }

    pub(super) fn zero_eight(self) -> Self {
        self.raw(&[0; 8])
    }

    pub(super) fn f64(self, value: f64) -> Self {
        self.raw(&value.to_le_bytes())
    }

    /// Bytes behind their length.
    pub(super) fn bytes(self, bytes: &[u8]) -> Self {
        // Ours are far shorter than a length can say.
        self.u32(u32::try_from(bytes.len()).unwrap_or(u32::MAX)).raw(bytes)
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// No text, no bytes, no list.
    pub(super) fn none(self) -> Self {
        self.raw(&(-1_i32).to_le_bytes())
    }

    /// A node of the standard's own.
    pub(super) fn node(self, number: u16) -> Self {
        self.raw(&[1, 0]).raw(&number.to_le_bytes())
    }
}
