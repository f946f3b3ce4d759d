//! Numbers that are as good as random, and the same in each run.

/// A generator of numbers (xorshift).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        // Neighbouring seeds must not begin alike, and zero has no successor.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    /// A number of these, the last one too.
    pub(super) fn between(&mut self, first: u64, last: u64) -> u64 {
        first + self.next() % (last - first + 1)
    }

    /// A generator of its own, for another task.
    pub(super) fn another(&mut self) -> Self {
        Self::new(self.next())
    }

    /// One of these.
    pub(super) fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        let last = all.len().checked_sub(1)?;
        let at = self.between(0, u64::try_from(last).unwrap_or(0));
        all.get(usize::try_from(at).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Dice;

    #[test]
    fn every_number_comes() {
        let mut dice = Dice::new(0);
        let numbers: BTreeSet<_> = (0..200).map(|_| dice.between(3, 7)).collect();
        assert_eq!(numbers, (3..=7).collect());
        assert_eq!(Dice::new(1).of::<u8>(&[]), None);
    }
}
