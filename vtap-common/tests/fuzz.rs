//! Replays the fuzz target's seeds, and the inputs that it once failed on.

#[path = "../fuzz/src/examine.rs"]
mod examine;

use std::{fs, path::Path};

fn replay(folder: &str) -> usize {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(folder);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let inputs = entries.map(|entry| entry.unwrap().path());
    inputs.map(|path| examine::check(&fs::read(path).unwrap())).count()
}

#[test]
fn seeds_hold() {
    assert!(replay("seeds/examine") > 0, "there are no seeds");
}

#[test]
fn regressions_hold() {
    replay("regressions/examine");
}
