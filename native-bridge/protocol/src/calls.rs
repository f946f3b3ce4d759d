//! The open calls in either direction, and the meaning of messages for them.
//!
//! `T` is the data that this side keeps for each of its own calls until its
//! answer.

use std::collections::{BTreeMap, HashMap};

use super::{
    MAX_STRAY_ANSWERS, Violation,
    codec::Payload,
    message::{Call, Failure, Message},
};

/// The open calls of one connection.
#[derive(Debug)]
pub struct Calls<T> {
    next: u64,
    own: BTreeMap<u64, T>,
    theirs: HashMap<u64, usize>,
    their_bytes: usize,
    most: usize,
    most_bytes: usize,
    strays: u32,
}

/// The meaning of a message.
#[derive(Debug)]
pub enum Event<T> {
    /// A call of this side has ended.
    Answered {
        /// The data kept for it.
        kept: T,
        /// Its outcome.
        outcome: Result<Payload, Failure>,
    },
    /// The other side asks something; [`Calls::finish`] when it is answered.
    Asked(Call),
    /// The other side asks more than it may at a time. To be answered with a
    /// failure of the kind `exhausted`; it does not count as open.
    Refused {
        /// Its call.
        id: u64,
        /// The reason.
        text: String,
    },
    /// The other side no longer waits for this call, which is open.
    Cancelled {
        /// Its call.
        id: u64,
    },
    /// The other side says something.
    Notified {
        /// The function.
        method: String,
        /// The instance concerned.
        instance: Option<u64>,
        /// With the parameters.
        payload: Payload,
    },
    /// To be ignored.
    Nothing,
}

impl<T> Calls<T> {
    /// No open calls. The other side may have at most `most` open at a time,
    /// and `most_bytes` bytes in them.
    pub fn new(most: usize, most_bytes: usize) -> Self {
        Self {
            next: 1,
            own: BTreeMap::new(),
            theirs: HashMap::new(),
            their_bytes: 0,
            most,
            most_bytes,
            strays: 0,
        }
    }

    /// Opens a call of this side and gives it its number.
    pub fn ask(&mut self, keep: T) -> u64 {
        let id = self.next;
        self.next += 1;
        self.own.insert(id, keep);
        id
    }

    /// Changes the data kept for a call of this side; false if the call is
    /// over.
    pub fn change(&mut self, id: u64, change: impl FnOnce(&mut T)) -> bool {
        self.own.get_mut(&id).map(change).is_some()
    }

    /// Returns the data kept for a call of this side; none if the call is over.
    pub fn kept(&self, id: u64) -> Option<&T> {
        self.own.get(&id)
    }

    /// Forgets a call of this side that was never sent.
    pub fn forget(&mut self, id: u64) {
        self.own.remove(&id);
    }

    /// Returns the data kept for this side's open calls, oldest first.
    pub fn open(&self) -> impl Iterator<Item = &T> {
        self.own.values()
    }

    /// The same, to change it.
    pub fn open_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.own.values_mut()
    }

    /// Ends all calls of this side.
    pub fn end(&mut self) -> impl Iterator<Item = T> + use<T> {
        std::mem::take(&mut self.own).into_values()
    }

    /// Returns the number of open calls of the other side.
    pub fn asked(&self) -> usize {
        self.theirs.len()
    }

    /// Returns true if a call of the other side is open.
    pub fn is_asked(&self, id: u64) -> bool {
        self.theirs.contains_key(&id)
    }

    /// Closes a call of the other side, which is being answered. False if it
    /// was closed already: there must be no second answer.
    pub fn finish(&mut self, id: u64) -> bool {
        match self.theirs.remove(&id) {
            Some(size) => {
                self.their_bytes -= size;
                true
            }
            None => false,
        }
    }

    /// Takes a message into account.
    ///
    /// # Errors
    ///
    /// A message that breaks the protocol.
    pub fn accept(&mut self, message: Message) -> Result<Event<T>, Violation> {
        Ok(match message {
            Message::Call(call) => return self.asked_for(call),
            Message::Reply { id, payload } => return self.answered(id, Ok(payload)),
            Message::Error { id, error } => return self.answered(id, Err(error)),
            Message::Cancel { id } if self.theirs.contains_key(&id) => Event::Cancelled { id },
            Message::Cancel { .. } | Message::Unknown => Event::Nothing,
            Message::Notify {
                method,
                instance,
                payload,
            } => Event::Notified {
                method,
                instance,
                payload,
            },
        })
    }

    fn asked_for(&mut self, call: Call) -> Result<Event<T>, Violation> {
        let (id, size) = (call.id, call.payload.size());
        if self.theirs.contains_key(&id) {
            return Err(Violation::IdInUse(id));
        }
        if self.theirs.len() >= self.most {
            return Ok(Event::Refused {
                id,
                text: format!(
                    "{} calls are open already; wait for answers before asking more",
                    self.most
                ),
            });
        }
        if self.their_bytes.saturating_add(size) > self.most_bytes {
            return Ok(Event::Refused {
                id,
                text: format!(
                    "the open calls have more than {} bytes in them; wait for answers before \
                     asking more",
                    self.most_bytes
                ),
            });
        }
        self.their_bytes += size;
        self.theirs.insert(id, size);
        Ok(Event::Asked(call))
    }

    fn answered(
        &mut self,
        id: u64,
        outcome: Result<Payload, Failure>,
    ) -> Result<Event<T>, Violation> {
        if let Some(kept) = self.own.remove(&id) {
            return Ok(Event::Answered { kept, outcome });
        }
        self.strays += 1;
        if self.strays > MAX_STRAY_ANSWERS {
            return Err(Violation::StrayAnswers);
        }
        Ok(Event::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};

    use super::{Calls, Event};
    use crate::{Violation, codec::Codec, frame, message::Message, testing::Random};

    fn read(text: &str) -> Message {
        Message::read(Codec::Json, Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn each_call_is_answered_once() {
        let mut calls = Calls::new(4, 1 << 20);
        let first = calls.ask("first");
        let second = calls.ask("second");
        assert_eq!((first, second), (1, 2));
        let event = calls.accept(read(r#"{"type":"reply","id":2,"result":[1,2]}"#));
        let Ok(Event::Answered {
            kept: "second",
            outcome: Ok(payload),
        }) = event
        else {
            panic!("{event:?}")
        };
        assert_eq!(payload.result::<Vec<u8>>().unwrap(), [1, 2]);
        let again = calls.accept(read(r#"{"type":"reply","id":2,"result":null}"#));
        assert!(matches!(again, Ok(Event::Nothing)));
        assert_eq!(calls.end().collect::<Vec<_>>(), ["first"]);
    }

    #[test]
    fn the_other_side_is_bounded() {
        let mut calls = Calls::<()>::new(2, 200);
        let call = |id| format!(r#"{{"type":"call","id":{id},"method":"m","params":{{}}}}"#);
        for id in [10, 11] {
            let event = calls.accept(read(&call(id))).unwrap();
            assert!(matches!(event, Event::Asked(_)));
        }
        let event = calls.accept(read(&call(12))).unwrap();
        assert!(matches!(event, Event::Refused { id: 12, .. }));
        assert_eq!(
            calls.accept(read(&call(11))).unwrap_err(),
            Violation::IdInUse(11)
        );
        assert!(calls.finish(11));
        assert!(!calls.finish(11));
        let long = format!(
            r#"{{"type":"call","id":13,"method":"m","params":{{"a":"{}"}}}}"#,
            "a".repeat(200)
        );
        let event = calls.accept(read(&long)).unwrap();
        assert!(matches!(event, Event::Refused { id: 13, .. }));
        assert_eq!(calls.asked(), 1);
    }

    #[test]
    fn only_open_calls_are_cancelled() {
        let mut calls = Calls::<()>::new(2, 1 << 20);
        let cancel = r#"{"type":"cancel","id":5}"#;
        assert!(matches!(
            calls.accept(read(cancel)).unwrap(),
            Event::Nothing
        ));
        calls
            .accept(read(r#"{"type":"call","id":5,"method":"m"}"#))
            .unwrap();
        assert!(matches!(
            calls.accept(read(cancel)).unwrap(),
            Event::Cancelled { id: 5 }
        ));
    }

    #[test]
    fn answers_to_nothing_end_in_a_violation() {
        let mut calls = Calls::<()>::new(2, 1 << 20);
        let stray = r#"{"type":"reply","id":9,"result":null}"#;
        for _ in 0..1000 {
            assert!(matches!(calls.accept(read(stray)), Ok(Event::Nothing)));
        }
        assert_eq!(
            calls.accept(read(stray)).unwrap_err(),
            Violation::StrayAnswers
        );
    }

    #[test]
    fn what_is_unknown_is_ignored_and_what_is_missing_is_not() {
        assert_eq!(read(r#"{"type":"hum","id":1}"#), Message::Unknown);
        assert!(matches!(
            read(r#"{"type":"cancel","id":1,"why":{"deep":[[]]}}"#),
            Message::Cancel { id: 1 }
        ));
        let Message::Error { error, .. } =
            read(r#"{"type":"error","id":1,"error":{"kind":"new","text":"t"}}"#)
        else {
            panic!()
        };
        assert_eq!(error.kind, crate::message::FailureKind::Unknown);
        for text in [
            r#"{"type":"call","id":1}"#,
            r#"{"type":"call","method":"m"}"#,
            r#"{"type":"reply","result":1}"#,
            r#"{"type":"error","id":1}"#,
            r#"{"type":"reply","id":-1,"result":1}"#,
            r#"{"id":1}"#,
            "[]",
            "not json",
        ] {
            assert!(
                Message::read(Codec::Json, Bytes::copy_from_slice(text.as_bytes())).is_err(),
                "{text}"
            );
        }
    }

    /// Any bytes: the tables keep their bounds and nothing panics.
    #[test]
    fn survives_any_stream() {
        let parts = [
            r#"{"type":"call","id":1,"method":"storage.get","instance":1,"params":{"key":"k"}}"#,
            r#"{"type":"reply","id":1,"result":null}"#,
            r#"{"type":"error","id":2,"error":{"kind":"refused","text":""}}"#,
            r#"{"type":"cancel","id":1}"#,
            r#"{"type":"notify","method":"log.write","params":{}}"#,
        ];
        let mut random = Random::new();
        for _ in 0..300 {
            let mut stream = Vec::new();
            for _ in 0..random.below(12) {
                let part = parts[random.below(parts.len())].as_bytes();
                let mut part = part.to_vec();
                if random.below(3) == 0 {
                    let place = random.below(part.len());
                    part[place] = random.bytes(1)[0];
                }
                frame::put(&mut stream, 4096, |buffer| {
                    buffer.extend_from_slice(&part);
                    Ok::<_, frame::TooLong>(())
                })
                .unwrap();
            }
            if !stream.is_empty() && random.below(3) == 0 {
                let place = random.below(stream.len());
                stream[place] = random.bytes(1)[0];
            }
            for codec in Codec::ALL {
                let mut stream = BytesMut::from(&*stream);
                let mut calls = Calls::new(3, 1000);
                calls.ask(());
                while let Ok(Some(content)) = frame::take(&mut stream, 4096) {
                    let Ok(message) = Message::read(codec, content) else {
                        break;
                    };
                    if calls.accept(message).is_err() {
                        break;
                    }
                    assert!(calls.asked() <= 3);
                }
            }
        }
    }
}
