//! A server that speaks Redis's protocol: PING, ECHO, GET, SET, DEL, INCR, over one table in memory.
//!
//! A goroutine per connection reads commands from a buffer and writes answers into another, which is flushed
//! when the first is empty: a client that sends many commands at once gets many answers at once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::sync::Arc;

use gmp::net::TcpStream;
use gmp::sync::Mutex;

/// Locks of the table; a power of two, more than processors to make collisions rare.
const SHARDS: usize = 64;

/// The longest string that is taken, as in Redis.
const LONGEST: usize = 512 << 20;

/// The most words of one command; Redis takes a million.
const WORDS: usize = 1 << 20;

type Shard = Mutex<HashMap<Vec<u8>, Vec<u8>>>;

/// Keys and values, shared by all connections.
#[derive(Debug, Clone)]
pub struct Table(Arc<[Shard; SHARDS]>, RandomState);

impl Default for Table {
    fn default() -> Table {
        Table(Arc::new(std::array::from_fn(|_| Mutex::default())), RandomState::new())
    }
}

impl Table {
    fn shard(&self, key: &[u8]) -> &Shard {
        &self.0[self.1.hash_one(key) as usize % SHARDS]
    }

    /// Adds one to a number, which is 0 when it is not there. `None`: it is no number, or the largest.
    fn increment(&self, key: Vec<u8>) -> Option<i64> {
        let mut shard = self.shard(&key).lock();
        let value = shard.entry(key).or_insert_with(|| b"0".to_vec());
        let number = std::str::from_utf8(value).ok()?.parse::<i64>().ok()?.checked_add(1)?;
        *value = number.to_string().into_bytes();
        Some(number)
    }
}

/// Serves one connection to its end. Parks.
pub fn handle(stream: TcpStream, table: Table) -> io::Result<()> {
    let (mut reader, mut writer) = (BufReader::new(&stream), BufWriter::new(&stream));
    while let Some(command) = read_command(&mut reader)? {
        answer(command, &table, &mut writer)?;
        if reader.buffer().is_empty() {
            writer.flush()?;
        }
    }
    writer.flush()
}

fn answer(mut command: Vec<Vec<u8>>, table: &Table, out: &mut impl Write) -> io::Result<()> {
    let Some(name) = command.first().map(|name| name.to_ascii_uppercase()) else { return Ok(()) };
    match (&name[..], &mut command[1..]) {
        (b"PING", []) => out.write_all(b"+PONG\r\n"),
        (b"PING" | b"ECHO", [text]) => write_bulk(out, text),
        (b"GET", [key]) => match table.shard(key).lock().get(key) {
            Some(value) => write_bulk(out, value),
            None => out.write_all(b"$-1\r\n"),
        },
        (b"SET", [key, value]) => {
            let (key, value) = (std::mem::take(key), std::mem::take(value));
            let old = table.shard(&key).lock().insert(key, value);
            drop(old);
            out.write_all(b"+OK\r\n")
        }
        (b"DEL", keys) => {
            let gone =
                keys.iter().filter(|key| table.shard(key).lock().remove(*key).is_some()).count();
            write!(out, ":{gone}\r\n")
        }
        (b"INCR", [key]) => match table.increment(std::mem::take(key)) {
            Some(number) => write!(out, ":{number}\r\n"),
            None => out.write_all(b"-ERR value is not an integer or out of range\r\n"),
        },
        // What redis-benchmark asks first.
        (b"CONFIG", _) => out.write_all(b"*0\r\n"),
        _ => write!(out, "-ERR unknown command or wrong number of arguments\r\n"),
    }
}

fn write_bulk(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    write!(out, "${}\r\n", bytes.len())?;
    out.write_all(bytes)?;
    out.write_all(b"\r\n")
}

/// The next command: an array of strings, or words on a line. `None` at the end between two commands.
fn read_command(from: &mut impl BufRead) -> io::Result<Option<Vec<Vec<u8>>>> {
    let Some(line) = read_line(from)? else { return Ok(None) };
    let Some(count) = line.strip_prefix(b"*") else {
        let words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok(Some(words.map(<[u8]>::to_vec).collect()));
    };
    let count = number(count, WORDS)?;
    let mut command = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let line = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let length = line.strip_prefix(b"$").ok_or_else(|| malformed("a string is expected"))?;
        let mut bytes = vec![0; number(length, LONGEST)? + 2];
        from.read_exact(&mut bytes)?;
        if !bytes.ends_with(b"\r\n") {
            return Err(malformed("a string is longer than announced"));
        }
        bytes.truncate(bytes.len() - 2);
        command.push(bytes);
    }
    Ok(Some(command))
}

/// A line without its end.
fn read_line(from: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    from.by_ref().take(64 << 10).read_until(b'\n', &mut line)?;
    match line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")) {
        Some(text) => Ok(Some(text.to_vec())),
        None if line.is_empty() => Ok(None),
        None => Err(malformed("a line is too long or ends in the middle")),
    }
}

fn number(digits: &[u8], limit: usize) -> io::Result<usize> {
    let parsed = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    parsed.filter(|n| *n <= limit).ok_or_else(|| malformed("a length is expected"))
}

fn malformed(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
