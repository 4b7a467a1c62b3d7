//! Files and directories: std's functions and types, each call in a declared blocking section.
//!
//! Regular files cannot be polled: to the kernel they are always ready, and a read that misses the page cache
//! blocks its thread. So a call here is std's call inside [`crate::blocking`]: the thread may block,
//! its processor goes on with other goroutines, and a call that is answered from memory costs two atomic
//! operations more than std's. On a plain thread it is std's call.
//!
//! ```
//! # unsafe { gmp::run(|| {
//! let path = std::env::temp_dir().join(format!("gmp-fs-{}", std::process::id()));
//! gmp::fs::write(&path, "gopher")?;
//! assert_eq!(gmp::fs::read_to_string(&path)?, "gopher");
//! gmp::fs::remove_file(&path)
//! # }) }.unwrap();
//! ```
//!
//! # Guarantees
//!
//! - Results and errors are std's. No call parks while it holds anything of the caller's: the goroutine stays
//!   on its thread for the length of the call.
//! - `File` is a file as std opens it, in blocking mode. Opened on a pipe, a terminal or a device it blocks its
//!   thread for as long as that has nothing to say; [`net::Registration`](crate::net::Registration) and
//!   [`io`](crate::io) park instead.

mod dir;
mod file;
mod open;

use std::io;
use std::path::{Path, PathBuf};

use gmp_sched::blocking;

pub use dir::{DirBuilder, DirEntry, ReadDir};
pub use file::{File, TryLockError};
pub use open::OpenOptions;
pub use std::fs::{FileTimes, FileType, Metadata, Permissions};

/// The absolute path, links resolved. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::canonicalize`].
pub fn canonicalize<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    blocking(|| std::fs::canonicalize(path))
}

/// Makes a directory; its parent must exist. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::create_dir`].
pub fn create_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::create_dir(path))
}

/// Makes a directory and all its parents that are missing. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::create_dir_all`].
pub fn create_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::create_dir_all(path))
}

/// Whether something is there, links followed. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::exists`].
pub fn exists<P: AsRef<Path>>(path: P) -> io::Result<bool> {
    let path = path.as_ref();
    blocking(|| std::fs::exists(path))
}

/// What is known about a file, links followed. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::metadata`].
pub fn metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    blocking(|| std::fs::metadata(path))
}

/// The whole file. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::read`].
pub fn read<P: AsRef<Path>>(path: P) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    blocking(|| std::fs::read(path))
}

/// Where a symbolic link leads. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::read_link`].
pub fn read_link<P: AsRef<Path>>(path: P) -> io::Result<PathBuf> {
    let path = path.as_ref();
    blocking(|| std::fs::read_link(path))
}

/// The whole file, which must be UTF-8. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::read_to_string`].
pub fn read_to_string<P: AsRef<Path>>(path: P) -> io::Result<String> {
    let path = path.as_ref();
    blocking(|| std::fs::read_to_string(path))
}

/// Removes an empty directory. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::remove_dir`].
pub fn remove_dir<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::remove_dir(path))
}

/// Removes a directory with everything in it; links are not followed. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::remove_dir_all`].
pub fn remove_dir_all<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::remove_dir_all(path))
}

/// Removes a file, or rather its name. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::remove_file`].
pub fn remove_file<P: AsRef<Path>>(path: P) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::remove_file(path))
}

/// What is known about a file or about the link itself. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::symlink_metadata`].
pub fn symlink_metadata<P: AsRef<Path>>(path: P) -> io::Result<Metadata> {
    let path = path.as_ref();
    blocking(|| std::fs::symlink_metadata(path))
}

/// Copies contents and permissions; the number of bytes. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::copy`].
pub fn copy<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<u64> {
    let (from, to) = (from.as_ref(), to.as_ref());
    blocking(|| std::fs::copy(from, to))
}

/// Gives a file a second name. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::hard_link`].
pub fn hard_link<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    blocking(|| std::fs::hard_link(original, link))
}

/// Gives a file another name, replacing what has it. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::rename`].
pub fn rename<P: AsRef<Path>, Q: AsRef<Path>>(from: P, to: Q) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    blocking(|| std::fs::rename(from, to))
}

/// Makes a symbolic link. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::os::unix::fs::symlink`].
pub fn symlink<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
    let (original, link) = (original.as_ref(), link.as_ref());
    blocking(|| std::os::unix::fs::symlink(original, link))
}

/// Makes a file with these contents, or replaces those it has. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::write`].
pub fn write<P: AsRef<Path>, C: AsRef<[u8]>>(path: P, contents: C) -> io::Result<()> {
    let (path, contents) = (path.as_ref(), contents.as_ref());
    blocking(|| std::fs::write(path, contents))
}

/// Changes who may do what with a file. Blocks the thread, declared.
///
/// # Errors
///
/// As for [`std::fs::set_permissions`].
pub fn set_permissions<P: AsRef<Path>>(path: P, permissions: Permissions) -> io::Result<()> {
    let path = path.as_ref();
    blocking(|| std::fs::set_permissions(path, permissions))
}

/// What is in a directory, in no particular order. Blocks the thread, declared; so does the iterator.
///
/// # Errors
///
/// As for [`std::fs::read_dir`].
pub fn read_dir<P: AsRef<Path>>(path: P) -> io::Result<ReadDir> {
    let path = path.as_ref();
    blocking(|| std::fs::read_dir(path)).map(ReadDir::new)
}
