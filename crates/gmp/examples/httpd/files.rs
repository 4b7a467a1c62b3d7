//! The files of a directory: what may be served, and a cache that is looked at once per second.
//!
//! A request for a file costs `open`, `fstat`, `read` and `close`: more than everything else together. So what
//! was read is kept: the bytes of small files, the descriptor of large ones. It is valid for the second in
//! which it was last compared with the directory (one `stat`), so a change shows within a second. The cache
//! is shared; a connection remembers the last file it served and asks the cache only for another one, so
//! connections that fetch the same file over and over share nothing that is written.
//!
//! # What may be served
//!
//! The path is decoded, then taken apart: `..` segments, encoded or not, are refused; NUL and a slash in an
//! encoded segment too. Links are followed, and the result must lie in the directory. What is then opened is
//! that result, without following a last link; only regular files are served. (A directory on the way could
//! be exchanged for a link between the two; who can write there can as well put the file there.)

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gmp::sync::RwLock;

use crate::date;
use crate::response::Status;

/// Files up to this size are kept as bytes and sent with their head in one call.
const SMALL: u64 = 16 * 1024;

/// Entries in the cache: at most that many descriptors, or 16 MiB. When it is full it is emptied: hot
/// files are back at once, and no order of use must be kept on the fast path.
const ENTRIES: usize = 1024;

/// A directory that is served.
pub(crate) struct Files {
    root: PathBuf,
    cache: RwLock<HashMap<String, Arc<Served>>>,
}

/// A file as it was when last looked at.
pub(crate) struct Served {
    content: Content,
    pub(crate) length: u64,
    pub(crate) modified: u64,
    /// Quoted; from time and length, so it changes when the file does.
    pub(crate) etag: String,
    /// The header lines that say all this, with a trailing line end.
    pub(crate) lines: String,
    real: PathBuf,
    identity: (u64, u64, i64, i64, u64),
    /// The second in which this was last compared with the directory.
    checked: AtomicU64,
}

/// Where the bytes are.
pub(crate) enum Content {
    Bytes(Vec<u8>),
    File(File),
}

/// The file that a connection served last, and under which path.
#[derive(Default)]
pub(crate) struct Memo(Option<(String, Arc<Served>)>);

impl Files {
    /// The directory at `path`.
    pub(crate) fn open(path: &Path) -> io::Result<Files> {
        let root = fs::canonicalize(path)?;
        if !root.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a directory"));
        }
        Ok(Files { root, cache: RwLock::new(HashMap::new()) })
    }

    /// The file that a percent-encoded path names, as of this `second`. Parks rarely, blocks its thread
    /// (declared) when it must look at the disk.
    pub(crate) fn get<'m>(
        &self,
        path: &str,
        memo: &'m mut Memo,
        second: u64,
    ) -> Result<&'m Served, Status> {
        let current = memo.0.as_ref().is_some_and(|(p, s)| p == path && s.is_current(second));
        if !current {
            let served = gmp::blocking(|| self.look(path, second))?;
            memo.0 = Some((path.to_owned(), served));
        }
        match &memo.0 {
            Some((_, served)) => Ok(served),
            None => Err(Status::InternalError),
        }
    }

    fn look(&self, path: &str, second: u64) -> Result<Arc<Served>, Status> {
        let known = self.cache.read().get(path).cloned();
        if let Some(served) = known {
            if served.is_current(second) || served.recheck(second) {
                return Ok(served);
            }
        }
        let served = Arc::new(self.load(path, second)?);
        let mut cache = self.cache.write();
        let evicted =
            if cache.len() >= ENTRIES { std::mem::take(&mut *cache) } else { HashMap::new() };
        let replaced = cache.insert(path.to_owned(), Arc::clone(&served));
        drop(cache);
        // Closing and freeing what was evicted needs no lock.
        drop((evicted, replaced));
        Ok(served)
    }

    fn load(&self, path: &str, second: u64) -> Result<Served, Status> {
        let mut wanted = self.root.clone();
        wanted.push(decode(path)?);
        let mut real = self.confine(&wanted)?;
        if real.is_dir() {
            if !path.ends_with('/') {
                // Relative links of the index would go wrong.
                // One slash in front: `//name/` would be another host.
                return Err(Status::MovedPermanently(format!("/{}/", path.trim_matches('/'))));
            }
            real = self.confine(&real.join("index.html")).map_err(|status| match status {
                Status::NotFound => Status::Forbidden,
                status => status,
            })?;
        } else if path.ends_with('/') {
            return Err(Status::NotFound);
        }
        // Non-blocking: opening a named pipe would wait for its writer.
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file =
            OpenOptions::new().read(true).custom_flags(flags).open(&real).map_err(refusal)?;
        let metadata = file.metadata().map_err(refusal)?;
        if !metadata.is_file() {
            return Err(Status::Forbidden);
        }
        Served::new(file, &metadata, real, second).map_err(refusal)
    }

    /// The path with all links followed, if that is in the directory.
    fn confine(&self, path: &Path) -> Result<PathBuf, Status> {
        let real = fs::canonicalize(path).map_err(refusal)?;
        if real.starts_with(&self.root) { Ok(real) } else { Err(Status::Forbidden) }
    }
}

fn refusal(error: io::Error) -> Status {
    use io::ErrorKind as E;
    match (error.kind(), error.raw_os_error()) {
        (E::NotFound | E::NotADirectory | E::InvalidInput, _) | (_, Some(libc::ENAMETOOLONG)) => {
            Status::NotFound
        }
        (E::PermissionDenied, _) | (_, Some(libc::ELOOP)) => Status::Forbidden,
        (_, Some(libc::EMFILE | libc::ENFILE)) => Status::Unavailable,
        _ => Status::InternalError,
    }
}

/// The relative path that a percent-encoded one stands for.
fn decode(path: &str) -> Result<PathBuf, Status> {
    let mut decoded = PathBuf::new();
    for segment in path.split('/') {
        let mut bytes = Vec::with_capacity(segment.len());
        let mut rest = segment.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'%' => {
                    let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                    let (high, low) = (digit(rest.next()), digit(rest.next()));
                    let value = high.zip(low).ok_or(Status::BadRequest)?;
                    (value.0 * 16 + value.1) as u8
                }
                byte => byte,
            });
        }
        match bytes.as_slice() {
            b"" | b"." => {}
            b".." => return Err(Status::Forbidden),
            bytes if bytes.contains(&0) => return Err(Status::BadRequest),
            bytes if bytes.contains(&b'/') => return Err(Status::NotFound),
            bytes => decoded.push(OsStr::from_bytes(bytes)),
        }
    }
    Ok(decoded)
}

impl Served {
    fn new(file: File, metadata: &Metadata, real: PathBuf, second: u64) -> io::Result<Served> {
        let mut length = metadata.len();
        let content = if length <= SMALL {
            let mut bytes = Vec::with_capacity(length as usize + 1);
            io::Read::read_to_end(&mut &file, &mut bytes)?;
            length = bytes.len() as u64;
            Content::Bytes(bytes)
        } else {
            Content::File(file)
        };
        let modified = metadata.modified().map(date::seconds).unwrap_or(0);
        let etag = format!("\"{:x}.{:x}-{length:x}\"", metadata.mtime(), metadata.mtime_nsec());
        let lines = format!(
            "Content-Type: {}\r\nLast-Modified: {}\r\nETag: {etag}\r\nAccept-Ranges: bytes\r\n",
            content_type(&real),
            date::format(modified)
        );
        let (identity, checked) = (identity(metadata), AtomicU64::new(second));
        Ok(Served { content, length, modified, etag, lines, real, identity, checked })
    }

    /// The bytes, or where to read them.
    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    fn is_current(&self, second: u64) -> bool {
        // Relaxed: a time stamp of an immutable entry.
        self.checked.load(Ordering::Relaxed) >= second
    }

    /// Compares with the directory. True: still the same.
    fn recheck(&self, second: u64) -> bool {
        let same = fs::symlink_metadata(&self.real).is_ok_and(|m| identity(&m) == self.identity);
        if same {
            // Relaxed: as in `is_current`.
            self.checked.store(second, Ordering::Relaxed);
        }
        same
    }
}

/// Changes when the file is written or replaced.
fn identity(m: &Metadata) -> (u64, u64, i64, i64, u64) {
    (m.dev(), m.ino(), m.mtime(), m.mtime_nsec(), m.len())
}

impl Content {
    /// Reads from a large file, blocking the thread, declared; the page cache mostly has it.
    pub(crate) fn read_at(&self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        match self {
            Content::Bytes(bytes) => {
                let rest = bytes.get(at as usize..).unwrap_or_default();
                let n = rest.len().min(buf.len());
                buf[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            }
            Content::File(file) => gmp::blocking(|| file.read_at(buf, at)),
        }
    }
}

/// By extension; what is unknown is bytes.
fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    match extension.to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "txt" | "md" | "rs" | "toml" | "log" => "text/plain; charset=utf-8",
        "csv" => "text/csv; charset=utf-8",
        "xml" => "text/xml; charset=utf-8",
        "json" | "map" => "application/json",
        "wasm" => "application/wasm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "gz" => "application/gzip",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "ico" => "image/x-icon",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        "woff" => "font/woff",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
