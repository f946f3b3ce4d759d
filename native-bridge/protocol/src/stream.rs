//! A webhook's response in parts: their order and size. The plugin may send
//! [`WINDOW`] bytes and then waits for credit for the bytes that were read, so
//! no more than this is ever held.

use bytes::{Bytes, BytesMut};
use mortise_contract::{bytes as blob, types::Header};
use serde::{Deserialize, Serialize};

use super::{Violation, methods::Method};

/// The notification with which such an answer begins.
pub const HEAD: &str = "webhook.head";
/// The notification of a piece of its body.
pub const CHUNK: &str = "webhook.chunk";
/// The notification that allows more of it.
pub const CREDIT: Method = Method::new("webhook.credit");

/// The number of bytes that a plugin may send without further credit.
pub const WINDOW: usize = 256 << 10;
/// The longest piece, in bytes.
pub const LONGEST_CHUNK: usize = 64 << 10;

/// Of [`HEAD`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The call that is answered.
    pub call: u64,
    /// The answer's status.
    pub status: u16,
    /// Its headers.
    pub headers: Vec<Header>,
}

/// Of [`CHUNK`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The call that is answered.
    pub call: u64,
    /// The next bytes of its body.
    #[serde(with = "blob")]
    pub body: Vec<u8>,
}

/// Of [`CREDIT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// The call that is answered.
    pub call: u64,
    /// The number of further bytes that it may send.
    pub bytes: u64,
}

/// An answer as far as it has arrived.
#[derive(Debug, Default)]
pub struct Incoming {
    head: Option<Head>,
    begun: bool,
    body: BytesMut,
    /// Bytes that were sent and not credited yet; those in `body` among them.
    uncredited: usize,
}

impl Incoming {
    /// Takes the head.
    ///
    /// # Errors
    ///
    /// [`Violation::Stream`] for a second one.
    pub fn head(&mut self, head: Head) -> Result<(), Violation> {
        if self.begun {
            return Err(Violation::Stream("a second `webhook.head` for one call"));
        }
        self.begun = true;
        self.head = Some(head);
        Ok(())
    }

    /// Takes a piece of the body.
    ///
    /// # Errors
    ///
    /// [`Violation::Stream`] for one that must not come now or is too long.
    pub fn chunk(&mut self, piece: &[u8]) -> Result<(), Violation> {
        let wrong = |what| Err(Violation::Stream(what));
        if !self.begun {
            return wrong("a `webhook.chunk` before the `webhook.head`");
        }
        if !(1..=LONGEST_CHUNK).contains(&piece.len()) {
            return wrong("a `webhook.chunk` that has not 1 to 65536 bytes");
        }
        if self.uncredited + piece.len() > WINDOW {
            return wrong("more of a streamed answer than it was given credit for");
        }
        self.uncredited += piece.len();
        self.body.extend_from_slice(piece);
        Ok(())
    }

    /// Returns true if the response has begun to arrive in parts.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// The head, once.
    pub fn take_head(&mut self) -> Option<Head> {
        self.head.take()
    }

    /// All of the body that has arrived and was not taken yet; none if there
    /// is nothing.
    pub fn take(&mut self) -> Option<Bytes> {
        (!self.body.is_empty()).then(|| self.body.split().freeze())
    }

    /// Returns the number of bytes read since the previous call: the plugin's
    /// next credit.
    pub fn credit(&mut self) -> usize {
        let taken = self.uncredited - self.body.len();
        self.uncredited -= taken;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::{Head, Incoming, LONGEST_CHUNK, WINDOW};
    use crate::{Violation, testing::Random};

    fn head() -> Head {
        Head {
            call: 1,
            status: 200,
            headers: Vec::new(),
        }
    }

    #[test]
    fn only_what_is_in_order_is_taken() {
        let mut answer = Incoming::default();
        assert!(matches!(answer.chunk(b"x"), Err(Violation::Stream(_))));
        answer.head(head()).unwrap();
        assert!(matches!(answer.head(head()), Err(Violation::Stream(_))));
        assert!(answer.chunk(b"").is_err());
        assert!(answer.chunk(&vec![0; LONGEST_CHUNK + 1]).is_err());
        answer.chunk(b"one ").unwrap();
        answer.chunk(b"two").unwrap();
        assert_eq!(answer.take_head(), Some(head()));
        assert_eq!(answer.take_head(), None);
        assert_eq!(answer.take().unwrap(), "one two");
        assert_eq!(answer.take(), None);
        assert_eq!((answer.credit(), answer.credit()), (7, 0));
    }

    /// For every sequence: never more than the window is held, and the read
    /// bytes equal the sent ones.
    #[test]
    fn holds_no_more_than_its_window() {
        let mut random = Random::new();
        for _ in 0..100 {
            let mut answer = Incoming::default();
            answer.head(head()).unwrap();
            let (mut allowed, mut sent, mut received) = (WINDOW, Vec::new(), Vec::new());
            for _ in 0..40 {
                let length = 1 + random.below(LONGEST_CHUNK);
                let piece = vec![random.bytes(1)[0]; length];
                let fits = length <= allowed;
                assert_eq!(answer.chunk(&piece).is_ok(), fits);
                if fits {
                    allowed -= length;
                    sent.extend(piece);
                }
                if random.below(2) == 0 {
                    let taken = answer.take().unwrap_or_default();
                    assert!(taken.len() <= WINDOW);
                    received.extend_from_slice(&taken);
                }
                if random.below(2) == 0 {
                    allowed += answer.credit();
                }
            }
            received.extend_from_slice(&answer.take().unwrap_or_default());
            assert!(received == sent);
        }
    }
}
