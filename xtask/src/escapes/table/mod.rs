//! The table of deeds.

mod calls;
mod component;
mod files;
mod limits;
mod network;
mod processes;

use super::deed::Deed;

/// All deeds.
pub(super) fn all() -> Vec<Deed> {
    [
        files::DEEDS,
        processes::DEEDS,
        network::DEEDS,
        calls::DEEDS,
        limits::DEEDS,
        component::DEEDS,
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::all;

    #[test]
    fn each_deed_has_a_name_of_its_own() {
        let mut names = BTreeSet::new();
        for deed in all() {
            for actor in deed.actors {
                assert!(names.insert((actor, deed.name)), "{}", deed.name);
            }
        }
        assert!(names.len() >= 150, "{}", names.len());
    }
}
