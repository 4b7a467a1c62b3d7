//! One connection, from accept to close: read, parse, answer, again.
//!
//! Requests that arrive together (pipelining) are answered together: responses gather in a buffer that is
//! sent when no complete request is left. So the usual request costs one `recv` and one `send`, and so does
//! a batch of them. Nothing is shared between connections on that path: the connection remembers the file
//! that it served last and the text of the current second.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant, SystemTime};

use crate::date::Clock;
use crate::files::{Content, Files, Memo};
use crate::request::{self, Method, Parsed, Request};
use crate::response::{self, Answer, Body, Status};
use crate::shutdown::Guest;

/// First size of the request buffer; most requests fit, and ten thousand idle connections hold it each.
const BUFFER: usize = 4 * 1024;

/// A request head that does not fit here is refused.
const HEAD_LIMIT: usize = 32 * 1024;

/// Request bodies are of no use to a file server: small ones are skipped, larger ones refused.
const BODY_LIMIT: u64 = 64 * 1024;

/// Gathered responses are sent when they exceed this, whatever else is waiting.
const FLUSH: usize = 64 * 1024;

/// Pieces in which large files are sent: a few per millisecond at 1 GB/s, and fit the socket's buffer.
const CHUNK: usize = 128 * 1024;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// How long a request may take to arrive once it has begun; else 408.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a peer may take to read one piece of a response.
const SEND_TIME: Duration = Duration::from_secs(60);

/// What becomes of the connection.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Request,
    Close,
}

/// Who wanted no more.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    ByUs,
    ByPeer,
}

/// One connection and what it remembers.
pub(crate) struct Connection<'a> {
    guest: &'a Guest,
    files: &'a Files,
    memo: Memo,
    clock: Clock,
    input: Input,
    output: Output,
}

impl<'a> Connection<'a> {
    /// A connection that has just been accepted.
    pub(crate) fn new(guest: &'a Guest, files: &'a Files) -> Connection<'a> {
        let (memo, clock) = (Memo::default(), Clock::new());
        Connection { guest, files, memo, clock, input: Input::new(), output: Output(Vec::new()) }
    }

    /// Serves until the peer, an error, idleness or the server's end closes it.
    pub(crate) fn serve(mut self) {
        let stream = self.guest.stream();
        let timeouts =
            stream.set_read_timeout(Some(IDLE)).and(stream.set_write_timeout(Some(SEND_TIME)));
        if timeouts.is_ok() && matches!(self.run(), Ok(Ended::ByUs)) {
            self.linger();
        }
    }

    /// Errors are of the connection: there is nobody left to tell.
    fn run(&mut self) -> io::Result<Ended> {
        loop {
            let parsed = request::parse(self.input.bytes());
            let (next, used) = match parsed {
                Parsed::Partial if self.input.is_full() => {
                    (self.refuse(Status::HeaderFieldsTooLarge)?, 0)
                }
                Parsed::Partial => {
                    self.output.flush(self.guest)?;
                    match self.fill()? {
                        Some(ended) => return Ok(ended),
                        None => continue,
                    }
                }
                Parsed::Invalid(status) => (self.refuse(status)?, 0),
                Parsed::Request(request, used) => {
                    let body = request.body_length;
                    let answer = plan(&request, self.files, &mut self.memo, &mut self.clock);
                    let stay =
                        request.keep_alive && body <= BODY_LIMIT && !self.guest.should_leave();
                    let head_only = request.method == Method::Head;
                    self.output.answer(self.guest, &answer, stay, head_only, self.clock.text())?;
                    if !stay {
                        (Next::Close, used)
                    } else if self.input.skip(self.guest, used, body)? {
                        (Next::Request, 0)
                    } else {
                        return Ok(Ended::ByPeer);
                    }
                }
            };
            self.input.consume(used);
            if next == Next::Close {
                self.output.flush(self.guest)?;
                return Ok(Ended::ByUs);
            }
            if self.output.0.len() > FLUSH {
                self.output.flush(self.guest)?;
            }
        }
    }

    /// An answer to what could not be understood; the connection cannot go on.
    fn refuse(&mut self, status: Status) -> io::Result<Next> {
        self.clock.update(SystemTime::now());
        let answer = Answer::of(status);
        self.output.answer(self.guest, &answer, false, false, self.clock.text())?;
        Ok(Next::Close)
    }

    /// Reads more of a request, unless the connection is over.
    fn fill(&mut self) -> io::Result<Option<Ended>> {
        let idle = self.input.bytes().is_empty();
        match self.input.read(self.guest, idle) {
            Ok(0) => Ok(Some(Ended::ByPeer)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                if !idle && !self.guest.should_leave() {
                    self.refuse(Status::RequestTimeout)?;
                    self.output.flush(self.guest)?;
                }
                Ok(Some(Ended::ByUs))
            }
            Err(error) => Err(error),
        }
    }

    /// Closes so that the peer gets the last response even if it is still sending: end our half, read away
    /// a little of theirs. (A plain close with unread data resets the connection.)
    fn linger(&self) {
        let mut stream = self.guest.stream();
        if stream.shutdown(std::net::Shutdown::Write).is_err() {
            return;
        }
        let _ = stream.set_read_deadline(Some(Instant::now() + Duration::from_millis(500)));
        let mut bin = [0; 1024];
        for _ in 0..64 {
            if !matches!(stream.read(&mut bin), Ok(1..)) {
                return;
            }
        }
    }
}

/// What to answer to a well-formed request.
fn plan<'m>(
    request: &Request<'_>,
    files: &Files,
    memo: &'m mut Memo,
    clock: &mut Clock,
) -> Answer<'m> {
    let now = SystemTime::now();
    clock.update(now);
    if request.body_length > BODY_LIMIT {
        return Answer::of(Status::ContentTooLarge);
    }
    if request.method == Method::Other {
        return Answer::of(Status::MethodNotAllowed);
    }
    match files.get(request.path, memo, clock.second()) {
        Ok(file) => response::choose(request, file),
        Err(status) => Answer::of(status),
    }
}

/// Responses that are not sent yet.
struct Output(Vec<u8>);

impl Output {
    /// Appends a response; a large body is sent piece by piece.
    fn answer(
        &mut self,
        guest: &Guest,
        answer: &Answer<'_>,
        stay: bool,
        head_only: bool,
        date: &str,
    ) -> io::Result<()> {
        response::head(&mut self.0, answer, stay, date);
        match answer.body {
            _ if head_only => Ok(()),
            Body::Empty => Ok(()),
            Body::Bytes(bytes) => {
                self.0.extend_from_slice(bytes);
                Ok(())
            }
            Body::File { file, at, length } => self.stream(guest, file, at, length),
        }
    }

    /// The head, which is in the buffer already, leaves with the first piece.
    fn stream(
        &mut self,
        guest: &Guest,
        file: &Content,
        mut at: u64,
        mut length: u64,
    ) -> io::Result<()> {
        while length > 0 {
            let head = self.0.len();
            let piece = CHUNK.min(usize::try_from(length).unwrap_or(CHUNK));
            self.0.resize(head + piece, 0);
            let n = file.read_at(&mut self.0[head..], at)?;
            if n == 0 {
                // The file shrank under us: the promised length cannot be kept, so break off.
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.0.truncate(head + n);
            (at, length) = (at + n as u64, length - n as u64);
            self.flush(guest)?;
        }
        // What a large file needed is not kept while the connection idles.
        self.0.shrink_to(BUFFER);
        Ok(())
    }

    fn flush(&mut self, guest: &Guest) -> io::Result<()> {
        let mut stream = guest.stream();
        if !self.0.is_empty() {
            stream.write_all(&self.0)?;
            self.0.clear();
        }
        Ok(())
    }
}

/// Bytes that were received and not yet understood.
struct Input {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// A deadline for the rest of a request is in force.
    timed: bool,
}

impl Input {
    fn new() -> Input {
        Input { buffer: vec![0; BUFFER], start: 0, end: 0, timed: false }
    }

    fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn is_full(&self) -> bool {
        self.end - self.start >= HEAD_LIMIT
    }

    fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    fn read(&mut self, guest: &Guest, idle: bool) -> io::Result<usize> {
        let mut stream = guest.stream();
        if self.timed == idle {
            // The deadline begins with the first byte of a request and ends with its last.
            self.timed = !idle;
            stream.set_read_deadline(self.timed.then(|| Instant::now() + HEAD_TIME))?;
        }
        if guest.should_leave() && idle {
            return Ok(0);
        }
        if self.end == self.buffer.len() {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.end, 0);
                (self.start, self.end) = (0, self.end - self.start);
            } else {
                self.buffer.resize((self.buffer.len() * 2).min(HEAD_LIMIT), 0);
            }
        }
        let n = stream.read(&mut self.buffer[self.end..])?;
        self.end += n;
        Ok(n)
    }

    /// Passes over a request's head and body. False: the peer left in the middle of it.
    fn skip(&mut self, guest: &Guest, head: usize, body: u64) -> io::Result<bool> {
        self.consume(head);
        let mut left = body;
        loop {
            let here = (self.end - self.start).min(usize::try_from(left).unwrap_or(usize::MAX));
            self.consume(here);
            left -= here as u64;
            if left == 0 {
                return Ok(true);
            }
            if self.read(guest, false)? == 0 {
                return Ok(false);
            }
        }
    }
}
