use std::fs::{self, OpenOptions};

use super::*;

fn open(path: &Path, is_new: bool) -> io::Result<File> {
    File::own(OpenOptions::new().write(true).create(true).truncate(false).open(path)?, path, is_new)
}

fn write_all_of(file: &mut File, bytes: &[u8]) -> io::Result<()> {
    write_all(file, bytes, &Cancel::new()?)
}

/// A directory and a path in it.
fn place() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    (dir, path)
}

#[test]
fn an_old_file_is_emptied_by_the_first_write() {
    let (_dir, path) = place();
    fs::write(&path, "a long old text").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    drop(open(&path, false).unwrap());
    assert_eq!(fs::read(&path).unwrap(), b"a long old text");
    let mut file = open(&path, false).unwrap();
    write_all_of(&mut file, b"new").unwrap();
    write_all_of(&mut file, b"er").unwrap();
    file.finish(&[], &Cancel::new().unwrap()).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"newer");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn only_a_new_file_without_a_write_goes() {
    let (_dir, path) = place();
    drop(open(&path, true).unwrap());
    assert!(!path.exists());
    let mut file = open(&path, true).unwrap();
    write_all_of(&mut file, b"x").unwrap();
    drop(file);
    assert!(path.exists());
    drop(open(&path, false).unwrap());
    assert!(path.exists());
}

#[test]
fn a_part_of_a_packet_is_taken_back() {
    let (_dir, path) = place();
    let mut file = open(&path, true).unwrap();
    write_all_of(&mut file, b"packet, pa").unwrap();
    file.take_back(4).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"packet");
    file.take_back(0).unwrap();
    write_all_of(&mut file, b"!").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"packet!");
    // In the midst of a file, nothing can be.
    let mut inner = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    inner.seek(SeekFrom::Start(3)).unwrap();
    let mut shared = File::shared(inner);
    write_all_of(&mut shared, b"..").unwrap();
    shared.take_back(2).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"pac..t!");
    write_all_of(&mut shared, b"t! and").unwrap();
    shared.take_back(4).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"pac..t!");
}

#[test]
fn the_ending_stands_behind_every_block() {
    let (_dir, path) = place();
    let cancel = Cancel::new().unwrap();
    let mut file = open(&path, true).unwrap();
    for (block, whole) in [
        (&b"first"[..], "first|END"),
        (b" second", "first second|END"),
        // Shorter than the ending that it goes over.
        (b"3", "first second3|END"),
        (b"", "first second3|END"),
        (b"4567", "first second34567|END"),
    ] {
        file.write_block(block, b"|END", &cancel).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), whole);
    }
    file.finish(b"|END", &cancel).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "first second34567|END");
}

type Disturb = fn(&Path) -> io::Result<()>;

#[test]
fn what_others_do_to_it_is_noticed() {
    let (dir, path) = place();
    let disturb: [(Disturb, bool); 4] = [
        (|path| OpenOptions::new().append(true).open(path)?.write_all(b"x"), true),
        (|path| OpenOptions::new().write(true).open(path)?.set_len(2), true),
        (|path| fs::remove_file(path), true),
        (|path| fs::rename(path, path.with_extension("moved")), false),
    ];
    for (disturb, is_lost) in disturb {
        for blocks in [false, true] {
            let mut file = open(&path, true).unwrap();
            let cancel = Cancel::new().unwrap();
            let put = |file: &mut File| {
                if blocks {
                    file.write_block(b"packet", b"END", &cancel)
                } else {
                    write_all_of(file, b"packet")
                }
            };
            put(&mut file).unwrap();
            disturb(&path).unwrap();
            assert_eq!(put(&mut file).is_err(), is_lost);
            assert_eq!(file.finish(&[], &cancel).is_err(), is_lost);
            assert_eq!(file.is_lost(), is_lost);
            let _ = fs::remove_file(&path);
        }
    }
    // A file that was moved is all there.
    assert_eq!(fs::read(dir.path().join("file.moved")).unwrap(), b"packetpacketEND");
}

#[test]
fn a_shared_file_may_grow_but_not_shrink() {
    let (_dir, path) = place();
    fs::write(&path, "").unwrap();
    for (append, is_lost) in [(false, true), (true, false)] {
        let mut options = OpenOptions::new();
        options.write(true).append(append);
        let mut file = File::shared(options.open(&path).unwrap());
        write_all_of(&mut file, b"packet").unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"x").unwrap();
        write_all_of(&mut file, b"packet").unwrap();
        OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
        assert_eq!(write_all_of(&mut file, b"packet").is_err(), is_lost);
        assert_eq!(file.is_lost(), is_lost);
    }
}

#[test]
fn nobody_else_writes_it_meanwhile() {
    let (_dir, path) = place();
    let first = open(&path, true).unwrap();
    assert!(open(&path, false).is_err_and(|error| error.to_string().contains("locked")));
    drop(first);
    assert!(open(&path, true).is_ok());
}
