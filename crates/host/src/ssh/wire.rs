//! The encoding that SSH's protocols share: numbers are big-endian, texts have their length before them.

/// Puts a message together.
#[derive(Debug, Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn byte(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(super) fn number(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn long(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(super) fn text(self, value: &[u8]) -> Self {
        let mut message = self.number(u32::try_from(value.len()).unwrap_or(u32::MAX));
        message.0.extend_from_slice(value);
        message
    }

    /// The message with its length before it.
    pub(super) fn framed(self) -> Vec<u8> {
        Self::default().text(&self.0).0
    }
}

/// Takes a message apart; none when it is shorter than it should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    pub(super) fn long(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    pub(super) fn text(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::try_from(length).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_is_taken_apart() {
        let framed = Message::default().byte(7).number(9).long(1 << 40).text(b"a b").framed();
        let mut fields = Fields::new(&framed);
        let mut inner = Fields::new(fields.text().unwrap());
        assert_eq!(fields.byte(), None);
        assert_eq!((inner.byte(), inner.number(), inner.long()), (Some(7), Some(9), Some(1 << 40)));
        assert_eq!(inner.text(), Some(b"a b".as_slice()));
        assert_eq!(inner.byte(), None);
    }

    #[test]
    fn a_length_beyond_the_end_is_refused() {
        assert_eq!(Fields::new(b"\xff\xff\xff\xffab").text(), None);
        assert_eq!(Fields::new(b"\0\0").number(), None);
    }
}
