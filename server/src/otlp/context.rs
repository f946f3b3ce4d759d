//! The place of a span in its trace, as W3C Trace Context writes it.

/// A span's place in its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// False if the trace's beginner records nothing of it.
    pub(super) sampled: bool,
}

impl Context {
    /// The first span of a trace, or one below another.
    pub(super) fn new(parent: Option<Self>) -> Self {
        let mut new = parent.unwrap_or(Self {
            trace: random(),
            span: [0; 8],
            sampled: true,
        });
        new.span = random();
        new
    }

    /// Reads a header. One that is malformed is as good as none.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may add parts.
        let plain = version == "00" && parts.next().is_none();
        let later = version.len() == 2 && version != "00" && version != "ff";
        let small = |text: &str| !text.bytes().any(|byte| byte.is_ascii_uppercase());
        if !(plain || later) || !small(header) {
            return None;
        }
        let mut context = Self {
            trace: [0; 16],
            span: [0; 8],
            sampled: false,
        };
        let mut bits = [0];
        hex::decode_to_slice(trace, &mut context.trace).ok()?;
        hex::decode_to_slice(span, &mut context.span).ok()?;
        hex::decode_to_slice(flags, &mut bits).ok()?;
        context.sampled = bits[0] & 1 == 1;
        (context.trace != [0; 16] && context.span != [0; 8]).then_some(context)
    }

    /// The header for requests of the span.
    pub(super) fn header(&self) -> String {
        let (trace, span) = (hex::encode(self.trace), hex::encode(self.span));
        format!("00-{trace}-{span}-{:02x}", u8::from(self.sampled))
    }
}

fn random<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [1; LENGTH];
    // Without randomness, spans cannot be told apart; nothing else depends on them.
    let _ = getrandom::fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::Context;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn headers_are_read_and_written() {
        let context = Context::parse(HEADER).unwrap();
        assert!(context.sampled);
        assert_eq!(context.header(), HEADER);
        let below = Context::new(Some(context));
        assert_eq!((below.trace, below.sampled), (context.trace, true));
        assert_ne!(below.span, context.span);
        assert_ne!(Context::new(None).trace, Context::new(None).trace);
        let later = HEADER.replacen("00", "01", 1) + "-more";
        assert_eq!(Context::parse(&later), Some(context));
        let unsampled = Context::parse(&HEADER.replace("-01", "-00")).unwrap();
        assert!(!unsampled.sampled && unsampled.header().ends_with("-00"));
    }

    #[test]
    fn malformed_headers_count_as_none() {
        for header in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e47zz-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(header), None, "{header}");
        }
    }
}
