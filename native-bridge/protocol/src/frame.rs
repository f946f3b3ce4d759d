//! Frames: a 4-byte big-endian length, then that many bytes.
//!
//! A length is checked before any memory is reserved for it. Memory grows with
//! the received bytes, not with the announced length.

use bytes::{Buf as _, Bytes, BytesMut};

use super::Violation;

/// The bytes of a frame's length.
pub const HEADER: usize = 4;

/// Takes the first whole frame out of `buffer`, which holds what arrived so
/// far; none if it is not whole yet.
///
/// # Errors
///
/// A frame that is empty or longer than `limit`. The stream is of no use then.
pub fn take(buffer: &mut BytesMut, limit: usize) -> Result<Option<Bytes>, Violation> {
    let Some(header) = buffer.first_chunk::<HEADER>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    if length == 0 {
        return Err(Violation::EmptyFrame);
    }
    if length > limit {
        return Err(Violation::FrameTooLong { length, limit });
    }
    if buffer.len() - HEADER < length {
        return Ok(None);
    }
    buffer.advance(HEADER);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Writes a frame whose content `fill` appends.
///
/// # Errors
///
/// Those of `fill`, and [`TooLong`] for more than `limit` bytes. The buffer is
/// then as it was.
pub fn put<E: From<TooLong>>(
    buffer: &mut Vec<u8>,
    limit: usize,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = buffer.len();
    buffer.extend_from_slice(&[0; HEADER]);
    let filled = fill(buffer).and_then(|()| {
        let length = buffer.len() - start - HEADER;
        match u32::try_from(length) {
            Ok(header) if length <= limit => Ok(header),
            _ => Err(TooLong { length, limit }.into()),
        }
    });
    match filled {
        Ok(header) => {
            if let Some(place) = buffer.get_mut(start..start + HEADER) {
                place.copy_from_slice(&header.to_be_bytes());
            }
            Ok(())
        }
        Err(error) => {
            buffer.truncate(start);
            Err(error)
        }
    }
}

/// The message is longer than the other side accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {length} bytes, more than the {limit} that the other side takes")]
pub struct TooLong {
    /// Its length in bytes.
    pub length: usize,
    /// The longest the other side takes.
    pub limit: usize,
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{TooLong, put, take};
    use crate::{Violation, testing::Random};

    fn framed(contents: &[Vec<u8>]) -> BytesMut {
        let mut stream = Vec::new();
        for content in contents {
            put(&mut stream, 1 << 20, |buffer| {
                buffer.extend_from_slice(content);
                Ok::<_, TooLong>(())
            })
            .unwrap();
        }
        BytesMut::from(&*stream)
    }

    #[test]
    fn finds_every_frame_however_the_stream_is_cut() {
        let mut random = Random::new();
        for _ in 0..200 {
            let contents: Vec<Vec<u8>> = (0..random.below(8))
                .map(|_| {
                    let length = 1 + random.below(300);
                    random.bytes(length)
                })
                .collect();
            let stream = framed(&contents);
            let mut buffer = BytesMut::new();
            let mut found = Vec::new();
            let mut rest = &stream[..];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(1 + random.below(rest.len()));
                rest = later;
                buffer.extend_from_slice(now);
                while let Some(frame) = take(&mut buffer, 300).unwrap() {
                    found.push(frame.to_vec());
                }
            }
            assert_eq!(found, contents);
            assert!(buffer.is_empty());
        }
    }

    #[test]
    fn any_bytes_are_frames_or_a_violation() {
        let mut random = Random::new();
        for _ in 0..2000 {
            let length = random.below(64);
            let bytes = random.bytes(length);
            let mut buffer = BytesMut::from(&bytes[..]);
            while let Ok(Some(frame)) = take(&mut buffer, 40) {
                assert!((1..=40).contains(&frame.len()));
            }
        }
    }

    #[test]
    fn a_length_is_refused_before_its_bytes_are_there() {
        let mut buffer = BytesMut::from(&[0xff, 0xff, 0xff, 0xff][..]);
        assert_eq!(
            take(&mut buffer, 100),
            Err(Violation::FrameTooLong {
                length: 0xffff_ffff,
                limit: 100
            })
        );
        let mut buffer = BytesMut::from(&[0, 0, 0, 0][..]);
        assert_eq!(take(&mut buffer, 100), Err(Violation::EmptyFrame));
    }

    #[test]
    fn what_is_too_long_is_not_written() {
        let mut buffer = b"before".to_vec();
        let error = put(&mut buffer, 3, |buffer| {
            buffer.extend_from_slice(b"four");
            Ok::<_, TooLong>(())
        });
        assert_eq!(
            error,
            Err(TooLong {
                length: 4,
                limit: 3
            })
        );
        assert_eq!(&buffer[..], b"before");
    }
}
