//! Directories: making them, and what is in them.
//!
//! std's types, newly wrapped because asking the system blocks the thread. Whoever uses `gmp::fs` meets them.

use std::ffi::OsString;
use std::fmt;
use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, DirEntryExt};
use std::path::{Path, PathBuf};

use gmp_sched::blocking;

/// The entries of a directory, from [`read_dir`](super::read_dir). Asking for the next one may block the
/// thread, declared.
#[derive(Debug)]
pub struct ReadDir {
    inner: std::fs::ReadDir,
}

impl ReadDir {
    pub(super) fn new(inner: std::fs::ReadDir) -> ReadDir {
        ReadDir { inner }
    }
}

impl Iterator for ReadDir {
    type Item = io::Result<DirEntry>;

    fn next(&mut self) -> Option<io::Result<DirEntry>> {
        let entry = blocking(|| self.inner.next())?;
        Some(entry.map(|inner| DirEntry { inner }))
    }
}

/// One entry of a directory.
pub struct DirEntry {
    inner: std::fs::DirEntry,
}

impl DirEntry {
    /// The directory's path and the name. Neither parks nor blocks.
    pub fn path(&self) -> PathBuf {
        self.inner.path()
    }

    /// The name. Neither parks nor blocks.
    pub fn file_name(&self) -> OsString {
        self.inner.file_name()
    }

    /// What is known about the entry; links are not followed. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.inner.metadata())
    }

    /// What kind of thing it is. Blocks the thread, declared, where the directory does not say.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn file_type(&self) -> io::Result<FileType> {
        blocking(|| self.inner.file_type())
    }
}

impl DirEntryExt for DirEntry {
    fn ino(&self) -> u64 {
        self.inner.ino()
    }
}

impl fmt::Debug for DirEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

/// Makes directories in various ways.
#[derive(Debug)]
pub struct DirBuilder {
    inner: std::fs::DirBuilder,
}

impl DirBuilder {
    /// One directory, whose parent must exist; mode 0o777 less the umask.
    #[expect(clippy::new_without_default, reason = "std's has none either")]
    pub fn new() -> DirBuilder {
        DirBuilder { inner: std::fs::DirBuilder::new() }
    }

    /// Whether missing parents are made too; existing directories are no error then.
    pub fn recursive(&mut self, recursive: bool) -> &mut DirBuilder {
        self.inner.recursive(recursive);
        self
    }

    /// Makes it. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn create<P: AsRef<Path>>(&self, path: P) -> io::Result<()> {
        let path = path.as_ref();
        blocking(|| self.inner.create(path))
    }
}

impl DirBuilderExt for DirBuilder {
    fn mode(&mut self, mode: u32) -> &mut DirBuilder {
        self.inner.mode(mode);
        self
    }
}
