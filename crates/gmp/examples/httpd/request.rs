//! From bytes to a request: what a file server needs to know of one, or why it is refused.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use crate::response::Status;

/// Header lines; more is refused.
const HEADERS: usize = 64;

/// What is done with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// Anything else: not allowed here.
    Other,
}

/// A well-formed request.
#[derive(Debug)]
pub(crate) struct Request<'b> {
    pub(crate) method: Method,
    /// The path of the target, percent-encoded, without query.
    pub(crate) path: &'b str,
    pub(crate) keep_alive: bool,
    pub(crate) body_length: u64,
    pub(crate) range: Option<&'b str>,
    pub(crate) if_range: Option<&'b str>,
    pub(crate) if_none_match: Option<Cow<'b, str>>,
    pub(crate) if_modified_since: Option<&'b str>,
}

/// What the bytes so far are.
#[derive(Debug)]
pub(crate) enum Parsed<'b> {
    /// The beginning of a request, or nothing.
    Partial,
    /// A request and the length of its head.
    Request(Request<'b>, usize),
    /// To be refused.
    Invalid(Status),
}

/// Parses the head of a request at the beginning of `bytes`.
pub(crate) fn parse(bytes: &[u8]) -> Parsed<'_> {
    if bytes.is_empty() {
        return Parsed::Partial;
    }
    let mut headers = [MaybeUninit::uninit(); HEADERS];
    let mut head = httparse::Request::new(&mut []);
    match head.parse_with_uninit_headers(bytes, &mut headers) {
        Ok(httparse::Status::Partial) => Parsed::Partial,
        Ok(httparse::Status::Complete(used)) => match interpret(&head) {
            Ok(request) => Parsed::Request(request, used),
            Err(status) => Parsed::Invalid(status),
        },
        Err(httparse::Error::Version) => Parsed::Invalid(Status::VersionNotSupported),
        Err(httparse::Error::TooManyHeaders) => Parsed::Invalid(Status::HeaderFieldsTooLarge),
        Err(_) => Parsed::Invalid(Status::BadRequest),
    }
}

fn interpret<'b>(head: &httparse::Request<'_, 'b>) -> Result<Request<'b>, Status> {
    let method = match head.method {
        Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        _ => Method::Other,
    };
    let modern = head.version == Some(1);
    let mut request = Request {
        method,
        path: path_of(head.path.unwrap_or_default(), method)?,
        keep_alive: modern,
        body_length: 0,
        range: None,
        if_range: None,
        if_none_match: None,
        if_modified_since: None,
    };
    let (mut hosts, mut length, mut chunked) = (0, None, false);
    for header in head.headers.iter() {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        // Only values that mean something here must be text.
        let text =
            || std::str::from_utf8(header.value).map(str::trim).map_err(|_| Status::BadRequest);
        match header.name.len() {
            4 if is("Host") => hosts += 1,
            5 if is("Range") => request.range = Some(text()?),
            6 if is("Expect") => request.keep_alive = false,
            8 if is("If-Range") => request.if_range = Some(text()?),
            10 if is("Connection") => {
                for option in text()?.split(',').map(str::trim) {
                    if option.eq_ignore_ascii_case("close") {
                        request.keep_alive = false;
                    } else if option.eq_ignore_ascii_case("keep-alive") && !modern {
                        request.keep_alive = true;
                    }
                }
            }
            13 if is("If-None-Match") => {
                // Several lines are one list.
                request.if_none_match = Some(match request.if_none_match.take() {
                    None => Cow::Borrowed(text()?),
                    Some(before) => Cow::Owned(format!("{before}, {}", text()?)),
                });
            }
            14 if is("Content-Length") => {
                let value = text()?;
                // Digits only: `parse` would take a sign. Two different lengths are an attack.
                let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
                let value = if digits { value.parse::<u64>().ok() } else { None };
                if value.is_none() || length.is_some_and(|before| Some(before) != value) {
                    return Err(Status::BadRequest);
                }
                length = value;
            }
            17 if is("If-Modified-Since") => request.if_modified_since = Some(text()?),
            17 if is("Transfer-Encoding") => chunked = true,
            _ => {}
        }
    }
    if modern && hosts != 1 || hosts > 1 || chunked && length.is_some() {
        return Err(Status::BadRequest);
    }
    if chunked {
        return Err(Status::LengthRequired);
    }
    request.body_length = length.unwrap_or(0);
    Ok(request)
}

/// The path of a target: `/path?query`, or `http://host/path?query`.
fn path_of(target: &str, method: Method) -> Result<&str, Status> {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('/') => {
            rest.find('/').map_or("/", |at| &rest[at..])
        }
        _ => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    match method {
        // `*` and `host:port` are targets of other methods, which are answered by name.
        Method::Other => Ok(path),
        _ if path.starts_with('/') => Ok(path),
        _ => Err(Status::BadRequest),
    }
}
