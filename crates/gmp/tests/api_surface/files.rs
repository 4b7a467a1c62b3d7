//! `fs`: std's functions and types.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use gmp::fs::{
    self, DirBuilder, DirEntry, File, FileType, Metadata, OpenOptions, Permissions, ReadDir,
};

struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> io::Result<Dir> {
        let path = std::env::temp_dir().join(format!("gmp-{name}-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Dir(path))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[gmp::test(unsafe)]
fn functions() -> io::Result<()> {
    let dir = Dir::new("functions")?;
    let at = |name: &str| dir.0.join(name);
    fs::write(at("a"), "text")?;
    assert_eq!(
        (fs::read(at("a"))?, fs::read_to_string(at("a"))?),
        (b"text".to_vec(), "text".to_owned())
    );
    let bytes: u64 = fs::copy(at("a"), at("b"))?;
    fs::rename(at("b"), at("c"))?;
    fs::hard_link(at("a"), at("d"))?;
    let metadata: Metadata = fs::metadata(at("a"))?;
    let kind: FileType = fs::symlink_metadata(at("a"))?.file_type();
    assert!(bytes == 4 && metadata.len() == 4 && kind.is_file() && fs::exists(at("c"))?);
    let permissions: Permissions = metadata.permissions();
    fs::set_permissions(at("a"), permissions)?;
    assert_eq!(fs::canonicalize(at("a"))?, fs::canonicalize(&dir.0)?.join("a"));
    fs::create_dir(at("sub"))?;
    fs::remove_dir(at("sub"))?;
    fs::remove_file(at("d"))?;
    DirBuilder::new().recursive(true).create(at("x/y"))?;
    let entries: ReadDir = fs::read_dir(&dir.0)?;
    let mut names: Vec<String> = entries
        .map(|entry| {
            let entry: DirEntry = entry?;
            assert!(entry.path().starts_with(&dir.0) && entry.metadata().is_ok());
            entry.file_type().map(|_| entry.file_name().to_string_lossy().into_owned())
        })
        .collect::<io::Result<_>>()?;
    names.sort();
    assert_eq!(names, ["a", "c", "x"]);
    assert!(fs::read_link(at("a")).is_err() && fs::read("/nowhere").is_err());
    Ok(())
}

fn generic(path: impl AsRef<Path>) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

#[gmp::test(unsafe)]
fn handles() -> io::Result<()> {
    let dir = Dir::new("handles")?;
    let path = dir.0.join("f");
    let mut file = File::create(&path)?;
    writeln!(file, "{}", 12)?;
    file.sync_all()?;
    file.sync_data()?;
    drop(file);
    assert_eq!(generic(&path)?, "12\n");
    assert!(File::create_new(&path).is_err());
    let mut options = OpenOptions::new();
    options.read(true).write(true).append(false).truncate(false).create(true).mode(0o600);
    let file = options.open(&path)?;
    (&file).seek(SeekFrom::End(0))?;
    (&file).write_all(b"34")?;
    file.set_len(4)?;
    assert_eq!(file.metadata()?.len(), 4);
    let mut part = [0; 2];
    file.read_exact_at(&mut part, 0)?;
    assert_eq!((&part, File::options().read(true).open(&path).is_ok()), (b"12", true));
    let mut clone = file.try_clone()?;
    clone.rewind()?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    let std: std::fs::File = clone.into();
    drop(File::from(std));
    Ok(())
}
