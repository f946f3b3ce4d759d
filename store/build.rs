//! Has the crate built again when a migration is added, which cargo does not see.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
