//! What is fuzzed: bytes as a plugin could send them go in, and what must hold
//! whatever they are is asserted. The fuzzer includes this file, and so does a
//! test of `mortise-protocol` that replays the corpus.

use bytes::BytesMut;
use mortise_contract::types;
use serde::{Serialize, de::DeserializeOwned};

use mortise_protocol::{
    LEAST_MAX_FRAME,
    calls::{Calls, Event},
    codec::{Codec, Payload},
    frame,
    handshake::{Handshake, Terms},
    imports::Import,
    message::{Message, Outgoing},
    methods,
    stream::{self, Incoming},
};

/// Calls that the plugin may have open, and bytes in them.
const MOST: (usize, usize) = (4, 2000);

/// A whole connection: the first byte says how the stream is cut into reads,
/// the rest is the stream. A handshake, then messages in the codec that was
/// agreed on; answers to the host's own calls 1 to 3 are taken as such, the
/// third of which is a webhook's that may be streamed.
pub(super) fn connection(input: &[u8]) {
    let Some((cut, stream)) = input.split_first() else {
        return;
    };
    let cut = usize::from(*cut).max(1);
    let terms = Terms {
        contracts: vec!["0.1.0".to_owned()],
        codecs: Codec::ALL.to_vec(),
        features: vec!["webhook-stream".to_owned()],
        max_frame: LEAST_MAX_FRAME,
        max_calls: MOST.0,
        cancel_grace_ms: 5000,
        host: "fuzz".to_owned(),
    };
    let mut agreed = None;
    let mut calls = Calls::new(MOST.0, MOST.1);
    for _ in 0..3 {
        calls.ask(());
    }
    let mut answer = Incoming::default();
    let mut buffer = BytesMut::new();
    for piece in stream.chunks(cut) {
        buffer.extend_from_slice(piece);
        loop {
            let content = match frame::take(&mut buffer, LEAST_MAX_FRAME) {
                Ok(Some(content)) => content,
                Ok(None) => break,
                Err(_) => return,
            };
            assert!((1..=LEAST_MAX_FRAME).contains(&content.len()));
            let Some(codec) = agreed else {
                let Ok(Handshake::Hello(hello)) = Handshake::read(&content) else {
                    return;
                };
                let Ok((welcome, agreement)) = terms.answer(&hello) else {
                    return;
                };
                assert!(hello.codecs.contains(&welcome.codec));
                assert!(agreement.send_limit >= LEAST_MAX_FRAME);
                agreed = Some(agreement.codec);
                continue;
            };
            let Ok(message) = Message::read(codec, content) else {
                return;
            };
            let Ok(event) = calls.accept(message) else {
                return;
            };
            assert!(calls.asked() <= MOST.0);
            if !happened(&mut calls, &mut answer, event) {
                return;
            }
        }
    }
}

/// Takes an event as a host does; false where the host ends the connection.
fn happened(calls: &mut Calls<()>, answer: &mut Incoming, event: Event<()>) -> bool {
    match event {
        Event::Asked(call) => {
            let read = Import::read(&call.method, &call.payload);
            // Some are answered, so that others stay open.
            if read.is_ok() && call.id % 2 == 0 {
                assert!(calls.finish(call.id));
                assert!(!calls.finish(call.id));
            }
        }
        Event::Answered {
            outcome: Ok(payload),
            ..
        } => results(&payload),
        Event::Cancelled { id } => assert!(calls.finish(id)),
        Event::Notified {
            method, payload, ..
        } => match method.as_str() {
            stream::HEAD => {
                let Ok(head) = payload.params::<stream::Head>() else {
                    return false;
                };
                return calls.kept(head.call).is_none() || answer.head(head).is_ok();
            }
            stream::CHUNK => {
                let Ok(chunk) = payload.params::<stream::Chunk>() else {
                    return false;
                };
                if calls.kept(chunk.call).is_some() && answer.chunk(&chunk.body).is_err() {
                    return false;
                }
                if chunk.body.len() % 3 == 0 {
                    let taken = answer.take().map_or(0, |bytes| bytes.len());
                    assert!(taken <= stream::WINDOW && answer.credit() >= taken);
                }
            }
            _ => drop(Import::read(&method, &payload)),
        },
        Event::Answered { .. } | Event::Refused { .. } | Event::Nothing => {}
    }
    true
}

/// Reads a reply as everything that a host expects.
fn results(payload: &Payload) {
    drop(payload.result::<methods::Created>());
    drop(payload.result::<types::Manifest>());
    drop(payload.result::<types::Verdict>());
    drop(payload.result::<Option<types::WebhookResponse>>());
    drop(payload.result::<Option<String>>());
    drop(payload.result::<()>());
}

/// One frame's content in both codecs: each value is written in both and must
/// be the same when read again.
pub(super) fn values(input: &[u8]) {
    for codec in Codec::ALL {
        let content = bytes::Bytes::copy_from_slice(input);
        let Ok(message) = Message::read(codec, content) else {
            continue;
        };
        let Message::Reply { payload, .. } = &message else {
            continue;
        };
        same::<types::Manifest>(payload);
        same::<types::Verdict>(payload);
        same::<types::WebhookRequest>(payload);
        same::<types::WebhookResponse>(payload);
        same::<types::Draft>(payload);
        same::<Vec<types::Message>>(payload);
        same::<types::Schedule>(payload);
        same::<types::Outgoing>(payload);
        same::<methods::Created>(payload);
    }
}

fn same<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(payload: &Payload) {
    let Ok(value) = payload.result::<T>() else {
        return;
    };
    for codec in Codec::ALL {
        let mut buffer = Vec::new();
        let reply = Outgoing::Reply {
            id: 1,
            result: &value,
        };
        codec.put(&mut buffer, 1 << 30, &reply).unwrap();
        let mut buffer = BytesMut::from(&*buffer);
        let content = frame::take(&mut buffer, 1 << 30).unwrap().unwrap();
        assert!(buffer.is_empty());
        let Ok(Message::Reply { id: 1, payload }) = Message::read(codec, content) else {
            unreachable!("what was written is no reply");
        };
        assert_eq!(payload.result::<T>().unwrap(), value);
    }
}
