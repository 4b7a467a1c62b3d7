//! `File`: std's file, whose calls are declared blocking sections.
//!
//! The descriptor stays in blocking mode, so converting from and to std's type costs nothing. Whoever uses
//! `gmp::fs` meets it.

use std::error::Error;
use std::fmt;
use std::fs::{FileTimes, Metadata, Permissions};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::SystemTime;

use gmp_sched::blocking;

use super::open::OpenOptions;

/// An open file. Calls block their thread, declared; other goroutines go on.
///
/// ```
/// # unsafe { gmp::run(|| {
/// use gmp::fs::{self, File};
/// use std::io::{Read, Write};
///
/// let path = std::env::temp_dir().join(format!("gmp-file-{}", std::process::id()));
/// File::create(&path)?.write_all(b"kept")?;
/// let mut text = String::new();
/// File::open(&path)?.read_to_string(&mut text)?;
/// assert_eq!(text, "kept");
/// fs::remove_file(&path)?;
/// # std::io::Result::Ok(())
/// # }) }.unwrap();
/// ```
pub struct File {
    inner: std::fs::File,
}

impl File {
    /// Opens a file for reading. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn open<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    /// Opens a file for writing, made or emptied. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn create<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().write(true).create(true).truncate(true).open(path)
    }

    /// Makes a file for reading and writing; it must not exist. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, or the system's.
    pub fn create_new<P: AsRef<Path>>(path: P) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// The same as [`OpenOptions::new`].
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Waits until contents and metadata are on the disk. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's: what was written may be lost.
    pub fn sync_all(&self) -> io::Result<()> {
        blocking(|| self.inner.sync_all())
    }

    /// As [`sync_all`](File::sync_all), without metadata that reading does not need.
    ///
    /// # Errors
    ///
    /// As for `sync_all`.
    pub fn sync_data(&self) -> io::Result<()> {
        blocking(|| self.inner.sync_data())
    }

    /// Shortens the file, or lengthens it with zeros. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's; `InvalidInput` for a size that it cannot express.
    pub fn set_len(&self, size: u64) -> io::Result<()> {
        blocking(|| self.inner.set_len(size))
    }

    /// What is known about the file. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn metadata(&self) -> io::Result<Metadata> {
        blocking(|| self.inner.metadata())
    }

    /// A second handle of the same open file; they share the position.
    ///
    /// # Errors
    ///
    /// When no descriptors are left.
    pub fn try_clone(&self) -> io::Result<File> {
        self.inner.try_clone().map(File::from)
    }

    /// Changes who may do what with it. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        blocking(|| self.inner.set_permissions(permissions))
    }

    /// Changes when it was used. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_times(&self, times: FileTimes) -> io::Result<()> {
        blocking(|| self.inner.set_times(times))
    }

    /// Changes when it was modified. Blocks the thread, declared.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time))
    }

    /// Locks the file (`flock`, advisory) against all others that lock it. Blocks the thread, declared,
    /// while somebody has it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn lock(&self) -> io::Result<()> {
        self.flock(libc::LOCK_EX)
    }

    /// As [`lock`](File::lock), together with others that lock it this way.
    ///
    /// # Errors
    ///
    /// As for `lock`.
    pub fn lock_shared(&self) -> io::Result<()> {
        self.flock(libc::LOCK_SH)
    }

    /// As [`lock`](File::lock), if that is possible now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` when somebody has it, or the system's.
    pub fn try_lock(&self) -> Result<(), TryLockError> {
        self.try_flock(libc::LOCK_EX)
    }

    /// As [`lock_shared`](File::lock_shared), if that is possible now.
    ///
    /// # Errors
    ///
    /// As for `try_lock`.
    pub fn try_lock_shared(&self) -> Result<(), TryLockError> {
        self.try_flock(libc::LOCK_SH)
    }

    /// Gives up all locks of this handle; closing does so too.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn unlock(&self) -> io::Result<()> {
        self.flock(libc::LOCK_UN)
    }

    // Not std's methods of the same names: they are younger than our oldest compiler.
    fn flock(&self, how: libc::c_int) -> io::Result<()> {
        blocking(|| {
            loop {
                // SAFETY: takes no pointers.
                if unsafe { libc::flock(self.inner.as_raw_fd(), how) } == 0 {
                    return Ok(());
                }
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        })
    }

    fn try_flock(&self, how: libc::c_int) -> Result<(), TryLockError> {
        self.flock(how | libc::LOCK_NB).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => TryLockError::WouldBlock,
            _ => TryLockError::Error(error),
        })
    }

    /// std's file, for the kernel's ways of copying.
    pub(crate) fn as_std(&self) -> &std::fs::File {
        &self.inner
    }
}

/// Why a file was not locked at once.
#[derive(Debug)]
pub enum TryLockError {
    /// The system's refusal.
    Error(io::Error),
    /// Somebody has it.
    WouldBlock,
}

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryLockError::Error(error) => error.fmt(f),
            TryLockError::WouldBlock => f.write_str("the file is locked by somebody else"),
        }
    }
}

impl Error for TryLockError {}

impl From<TryLockError> for io::Error {
    fn from(error: TryLockError) -> io::Error {
        match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        }
    }
}

impl Read for &File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        blocking(|| (&self.inner).read(buf))
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        blocking(|| (&self.inner).read_vectored(bufs))
    }

    // std's two know the file's size, and so allocate once.
    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        blocking(|| (&self.inner).read_to_end(buf))
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        blocking(|| (&self.inner).read_to_string(buf))
    }
}

impl Write for &File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        blocking(|| (&self.inner).write(buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        blocking(|| (&self.inner).write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for &File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        blocking(|| (&self.inner).seek(to))
    }
}

impl Read for File {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buf)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        (&*self).read_vectored(bufs)
    }

    fn read_to_end(&mut self, buf: &mut Vec<u8>) -> io::Result<usize> {
        (&*self).read_to_end(buf)
    }

    fn read_to_string(&mut self, buf: &mut String) -> io::Result<usize> {
        (&*self).read_to_string(buf)
    }
}

impl Write for File {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self).write(buf)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        (&*self).write_vectored(bufs)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        (&*self).seek(to)
    }
}

impl FileExt for File {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        blocking(|| self.inner.read_at(buf, offset))
    }

    fn write_at(&self, buf: &[u8], offset: u64) -> io::Result<usize> {
        blocking(|| self.inner.write_at(buf, offset))
    }
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

impl AsRawFd for File {
    fn as_raw_fd(&self) -> RawFd {
        self.inner.as_raw_fd()
    }
}

impl IntoRawFd for File {
    fn into_raw_fd(self) -> RawFd {
        self.inner.into_raw_fd()
    }
}

impl FromRawFd for File {
    unsafe fn from_raw_fd(fd: RawFd) -> File {
        // SAFETY: passed on.
        File::from(unsafe { std::fs::File::from_raw_fd(fd) })
    }
}

impl From<std::fs::File> for File {
    fn from(inner: std::fs::File) -> File {
        File { inner }
    }
}

impl From<File> for std::fs::File {
    fn from(file: File) -> std::fs::File {
        file.inner
    }
}

impl From<OwnedFd> for File {
    fn from(fd: OwnedFd) -> File {
        File { inner: fd.into() }
    }
}

impl From<File> for OwnedFd {
    fn from(file: File) -> OwnedFd {
        file.inner.into()
    }
}

impl From<File> for Stdio {
    fn from(file: File) -> Stdio {
        file.inner.into()
    }
}
