//! Files: std's functions and types with std's results, and other goroutines run while one blocks.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use gmp::fs::{self, File, FileTimes, OpenOptions, TryLockError};

/// A directory of a test's own, removed with everything in it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("gmp-fs-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Place(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[gmp::test(unsafe)]
fn whole_files() {
    let place = Place::new("whole");
    let (a, b) = (place.at("a"), place.at("b"));
    assert!(!fs::exists(&a).unwrap());
    fs::write(&a, "text").unwrap();
    assert!(fs::exists(&a).unwrap());
    assert_eq!(fs::read(&a).unwrap(), b"text");
    assert_eq!(fs::copy(&a, &b).unwrap(), 4);
    fs::rename(&b, place.at("c")).unwrap();
    fs::hard_link(&a, &b).unwrap();
    assert_eq!(fs::metadata(&a).unwrap().nlink(), 2);
    fs::symlink(&a, place.at("link")).unwrap();
    assert_eq!(fs::read_link(place.at("link")).unwrap(), a);
    assert!(fs::symlink_metadata(place.at("link")).unwrap().file_type().is_symlink());
    assert_eq!(fs::canonicalize(place.at("link")).unwrap(), fs::canonicalize(&a).unwrap());
    fs::set_permissions(&a, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(fs::metadata(&a).unwrap().permissions().mode() & 0o777, 0o600);
    fs::remove_file(&a).unwrap();
    assert_eq!(fs::read_to_string(&b).unwrap(), "text");
    assert_eq!(fs::read(&a).unwrap_err().kind(), ErrorKind::NotFound);
    fs::write(&b, [0xff]).unwrap();
    assert_eq!(fs::read_to_string(&b).unwrap_err().kind(), ErrorKind::InvalidData);
}

#[gmp::test(unsafe)]
fn opening_reading_writing_seeking() {
    let place = Place::new("open");
    let path = place.at("f");
    let mut file = File::create(&path).unwrap();
    assert_eq!(
        file.write_vectored(&[IoSlice::new(b"hello "), IoSlice::new(b"world")]).unwrap(),
        11
    );
    assert_eq!(file.read(&mut [0]).unwrap_err().raw_os_error(), Some(libc::EBADF));
    assert_eq!(File::create_new(&path).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let mut file = File::options().read(true).write(true).open(&path).unwrap();
    let (mut a, mut b) = ([0; 6], [0; 8]);
    let n = file.read_vectored(&mut [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)]).unwrap();
    assert_eq!((n, &a, &b[..5]), (11, b"hello ", &b"world"[..]));
    assert_eq!(file.read(&mut [0]).unwrap(), 0);
    assert_eq!(file.seek(SeekFrom::End(-5)).unwrap(), 6);
    let mut text = String::new();
    (&file).read_to_string(&mut text).unwrap();
    assert_eq!(text, "world");
    file.write_all_at(b"W", 6).unwrap();
    file.read_exact_at(&mut a, 5).unwrap();
    assert_eq!(&a, b" World");
    file.set_len(3).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 3);
    let hour = Duration::from_secs(3600);
    file.set_times(FileTimes::new().set_accessed(SystemTime::UNIX_EPOCH + hour)).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + 2 * hour).unwrap();
    assert_eq!(file.metadata().unwrap().modified().unwrap(), SystemTime::UNIX_EPOCH + 2 * hour);
    file.sync_data().unwrap();
    file.sync_all().unwrap();

    let secret = OpenOptions::new().append(true).create(true).mode(0o600).open(place.at("s"));
    assert_eq!(secret.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(OpenOptions::new().open(&path).unwrap_err().kind(), ErrorKind::InvalidInput);

    let std_file = std::fs::File::from(file);
    let mut twin = File::from(OwnedFd::from(std_file)).try_clone().unwrap();
    twin.rewind().unwrap();
    assert_eq!(std::io::read_to_string(&twin).unwrap(), "hel");
}

#[gmp::test(unsafe)]
fn locks_exclude_each_other() {
    let place = Place::new("lock");
    let (a, b) = (File::create(place.at("f")).unwrap(), File::open(place.at("f")).unwrap());
    a.lock().unwrap();
    assert!(matches!(b.try_lock(), Err(TryLockError::WouldBlock)));
    let waiter = gmp::go(move || {
        b.lock_shared().unwrap();
        b
    });
    (0..10).for_each(|_| gmp::yield_now());
    a.unlock().unwrap();
    let b = waiter.join().unwrap();
    a.try_lock_shared().unwrap();
    b.unlock().unwrap();
    assert_eq!(std::io::Error::from(TryLockError::WouldBlock).kind(), ErrorKind::WouldBlock);
}

/// One processor, eight readers of a pipe by its name: they block, the writer runs all the same.
#[gmp::test(unsafe, max_procs = 1)]
fn a_file_that_blocks_does_not_stop_the_others() {
    let place = Place::new("fifo");
    let path = std::ffi::CString::new(place.at("fifo").into_os_string().into_encoded_bytes());
    // SAFETY: a path that ends in zero.
    assert_eq!(unsafe { libc::mkfifo(path.unwrap().as_ptr(), 0o600) }, 0);
    let read = AtomicUsize::new(0);
    gmp::scope(|s| {
        for _ in 0..8 {
            s.go(|| {
                let mut file = File::open(place.at("fifo")).unwrap();
                read.fetch_add(file.read(&mut [0; 3]).unwrap(), Ordering::Relaxed);
            });
        }
        s.go(|| {
            let mut file = OpenOptions::new().write(true).open(place.at("fifo")).unwrap();
            while read.load(Ordering::Relaxed) < 24 {
                let _ = file.write(b"abc");
                gmp::yield_now();
            }
        });
    });
    assert_eq!(read.into_inner(), 24);
}

#[test]
fn plain_threads_need_no_runtime() {
    let place = Place::new("plain");
    fs::write(place.at("f"), "x").unwrap();
    let mut file = File::open(place.at("f")).unwrap();
    assert_eq!(file.read(&mut [0; 4]).unwrap(), 1);
}
