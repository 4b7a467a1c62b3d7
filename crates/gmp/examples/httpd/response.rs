//! From a request and a file to a response: which status, which part of the file, which header lines.

use std::io::Write;

use crate::date;
use crate::files::{Content, Served};
use crate::request::Request;

/// The statuses that this server answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    PartialContent,
    /// With where to.
    MovedPermanently(String),
    NotModified,
    BadRequest,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    LengthRequired,
    ContentTooLarge,
    RangeNotSatisfiable,
    HeaderFieldsTooLarge,
    InternalError,
    Unavailable,
    VersionNotSupported,
}

impl Status {
    /// Number and name, as in the status line.
    fn line(&self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::PartialContent => "206 Partial Content",
            Status::MovedPermanently(_) => "301 Moved Permanently",
            Status::NotModified => "304 Not Modified",
            Status::BadRequest => "400 Bad Request",
            Status::Forbidden => "403 Forbidden",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::LengthRequired => "411 Length Required",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::RangeNotSatisfiable => "416 Range Not Satisfiable",
            Status::HeaderFieldsTooLarge => "431 Request Header Fields Too Large",
            Status::InternalError => "500 Internal Server Error",
            Status::Unavailable => "503 Service Unavailable",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// What a response carries.
pub(crate) enum Body<'m> {
    Empty,
    Bytes(&'m [u8]),
    File { file: &'m Content, at: u64, length: u64 },
}

impl Body<'_> {
    fn len(&self) -> u64 {
        match self {
            Body::Empty => 0,
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::File { length, .. } => *length,
        }
    }
}

/// A response, planned.
pub(crate) struct Answer<'m> {
    pub(crate) status: Status,
    pub(crate) body: Body<'m>,
    /// The file it is about: its header lines are sent.
    file: Option<&'m Served>,
    /// First byte of the part that is sent.
    at: u64,
}

impl Answer<'static> {
    /// A status and its name as text.
    pub(crate) fn of(status: Status) -> Answer<'static> {
        let body = Body::Bytes(status.line().as_bytes());
        Answer { status, body, file: None, at: 0 }
    }
}

/// Answers a request for `file`: conditions first, then the range (RFC 9110, 13.2.2).
pub(crate) fn choose<'m>(request: &Request<'_>, file: &'m Served) -> Answer<'m> {
    if is_fresh(request, file) {
        return Answer { status: Status::NotModified, body: Body::Empty, file: Some(file), at: 0 };
    }
    let range = request.range.filter(|_| range_applies(request, file));
    match range.map_or(Wanted::All, |range| wanted(range, file.length)) {
        Wanted::All => part(Status::Ok, file, 0, file.length),
        Wanted::Part { first, length } => part(Status::PartialContent, file, first, length),
        Wanted::Nothing => Answer {
            body: Body::Bytes(Status::RangeNotSatisfiable.line().as_bytes()),
            status: Status::RangeNotSatisfiable,
            file: Some(file),
            at: 0,
        },
    }
}

fn part(status: Status, file: &Served, at: u64, length: u64) -> Answer<'_> {
    let body = match file.content() {
        Content::Bytes(bytes) => Body::Bytes(&bytes[at as usize..(at + length) as usize]),
        content @ Content::File(_) => Body::File { file: content, at, length },
    };
    Answer { status, body, file: Some(file), at }
}

/// Whether the client has this very file: by tag, else by time.
fn is_fresh(request: &Request<'_>, file: &Served) -> bool {
    if let Some(tags) = &request.if_none_match {
        let mut tags = tags.split(',').map(str::trim);
        // Weak comparison: `W/` does not matter.
        return tags.any(|tag| tag == "*" || tag.trim_start_matches("W/") == file.etag);
    }
    request.if_modified_since.and_then(date::parse).is_some_and(|since| file.modified <= since)
}

/// `If-Range`: the range counts only for the very file that the client knows; strong comparison.
fn range_applies(request: &Request<'_>, file: &Served) -> bool {
    match request.if_range {
        None => true,
        Some(tag) if tag.starts_with('"') || tag.starts_with("W/") => tag == file.etag,
        Some(time) => date::parse(time) == Some(file.modified),
    }
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part { first: u64, length: u64 },
    Nothing,
}

/// `bytes=first-last`, `bytes=first-` or `bytes=-count`. What is not understood, several ranges among it,
/// asks for everything, as the standard allows.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some((unit, spec)) = range.split_once('=') else { return Wanted::All };
    let Some((first, last)) = spec.trim().split_once('-') else { return Wanted::All };
    let number = |text: &str| match text.bytes().all(|b| b.is_ascii_digit()) {
        true => text.parse::<u64>().ok(),
        false => None,
    };
    if !unit.eq_ignore_ascii_case("bytes") || spec.contains(',') {
        return Wanted::All;
    }
    match (first, number(first), last, number(last)) {
        ("", _, _, Some(0)) => Wanted::Nothing,
        ("", _, _, Some(_)) if size == 0 => Wanted::Nothing,
        ("", _, _, Some(count)) => {
            let length = count.min(size);
            Wanted::Part { first: size - length, length }
        }
        (_, Some(first), _, Some(last)) if last < first => Wanted::All,
        (_, Some(first), "", _) | (_, Some(first), _, Some(_)) if first >= size => Wanted::Nothing,
        (_, Some(first), "", _) => Wanted::Part { first, length: size - first },
        (_, Some(first), _, Some(last)) => {
            Wanted::Part { first, length: last.min(size - 1) - first + 1 }
        }
        _ => Wanted::All,
    }
}

/// Appends the head of a response.
pub(crate) fn head(out: &mut Vec<u8>, answer: &Answer<'_>, keep_alive: bool, date: &str) {
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("HTTP/1.1 ");
    put(answer.status.line());
    put("\r\nDate: ");
    put(date);
    put("\r\n");
    match answer.file {
        Some(file) if answer.status == Status::RangeNotSatisfiable => {
            put(&format!("Content-Range: bytes */{}\r\n", file.length));
        }
        Some(file) => put(&file.lines),
        None => put("Content-Type: text/plain; charset=utf-8\r\n"),
    }
    match (&answer.status, answer.file) {
        (Status::PartialContent, Some(file)) => {
            let last = answer.at + answer.body.len() - 1;
            put(&format!("Content-Range: bytes {}-{last}/{}\r\n", answer.at, file.length));
        }
        (Status::MovedPermanently(to), _) => put(&format!("Location: {to}\r\n")),
        (Status::MethodNotAllowed, _) => put("Allow: GET, HEAD\r\n"),
        _ => {}
    }
    if !keep_alive {
        put("Connection: close\r\n");
    }
    if answer.status != Status::NotModified {
        put("Content-Length: ");
        // A vector takes everything.
        let _ = write!(out, "{}", answer.body.len());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
