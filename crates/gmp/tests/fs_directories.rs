//! Directories: made, listed, removed, as by std.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt, MetadataExt};

use gmp::fs::{self, DirBuilder};

#[gmp::test(unsafe)]
fn made_listed_removed() {
    let root = std::env::temp_dir().join(format!("gmp-dirs-{}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    assert_eq!(fs::create_dir(root.join("a/b")).unwrap_err().kind(), ErrorKind::NotFound);
    fs::create_dir_all(root.join("a/b")).unwrap();
    DirBuilder::new().mode(0o700).create(root.join("private")).unwrap();
    assert_eq!(fs::metadata(root.join("private")).unwrap().mode() & 0o777, 0o700);
    let again = DirBuilder::new().create(root.join("private")).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    DirBuilder::new().recursive(true).create(root.join("private")).unwrap();
    fs::write(root.join("file"), "12345").unwrap();

    let entries: Vec<_> = fs::read_dir(&root).unwrap().map(Result::unwrap).collect();
    let names: BTreeSet<_> = entries.iter().map(|e| e.file_name().into_string().unwrap()).collect();
    assert_eq!(names, ["a", "file", "private"].map(String::from).into());
    for entry in &entries {
        assert_eq!(entry.path(), root.join(entry.file_name()));
        assert_eq!(entry.ino(), fs::metadata(entry.path()).unwrap().ino());
        assert_eq!(entry.file_type().unwrap().is_dir(), entry.file_name() != "file");
        assert_eq!(entry.metadata().unwrap().is_file(), entry.file_name() == "file");
    }

    assert!(fs::remove_dir(root.join("a")).is_err(), "it is not empty");
    fs::remove_dir(root.join("a/b")).unwrap();
    fs::remove_dir_all(&root).unwrap();
    assert_eq!(fs::read_dir(&root).unwrap_err().kind(), ErrorKind::NotFound);
}

#[gmp::test(unsafe)]
fn many_goroutines_in_one_tree() {
    let root = std::env::temp_dir().join(format!("gmp-tree-{}", std::process::id()));
    let all: Vec<_> = (0..100)
        .map(|i| {
            let root = root.clone();
            gmp::go(move || {
                let dir = root.join(format!("{}", i % 10));
                fs::create_dir_all(&dir).unwrap();
                fs::write(dir.join(format!("{i}")), format!("{i}")).unwrap();
            })
        })
        .collect();
    all.into_iter().for_each(|g| g.join().unwrap());
    let mut sum = 0;
    for dir in fs::read_dir(&root).unwrap() {
        for file in fs::read_dir(dir.unwrap().path()).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            sum += text.parse::<u32>().unwrap();
        }
    }
    assert_eq!(sum, (0..100).sum());
    fs::remove_dir_all(&root).unwrap();
}
