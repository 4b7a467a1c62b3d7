//! Draws a part of a trace as SVG: `trace_svg TRACE.json OUT.svg [FROM_MS [MS]]`. Processors, threads, and the goroutines
//! that did most, a row each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{env, fs, io};

/// Width of the drawing, of its legend on the left, and the height of a row.
const WIDTH: f64 = 1000.0;
const LEFT: f64 = 90.0;
const ROW: f64 = 22.0;
/// Goroutines that are drawn.
const MOST: usize = 8;

/// A span: track, name, begin and end in microseconds.
struct Span {
    track: (u32, u64),
    name: String,
    begin: f64,
    end: f64,
}

/// The value of a field of an event, each of which has a line of its own in our files.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let rest = line.split_once(&format!("\"{name}\":"))?.1;
    Some(rest.split([',', '}']).next()?.trim_matches('"'))
}

fn span(line: &str) -> Option<Span> {
    let number = |name| field(line, name)?.parse::<f64>().ok();
    let track = (field(line, "pid")?.parse().ok()?, field(line, "tid")?.parse().ok()?);
    let (begin, duration) = (number("ts")?, number("dur")?);
    Some(Span { track, name: field(line, "name")?.to_owned(), begin, end: begin + duration })
}

/// By what a goroutine does; what runs on a processor or thread has the colour of its goroutine.
fn colour(span: &Span) -> String {
    let of_goroutine = |g: u64| format!("hsl({},55%,55%)", g * 67 % 360);
    match &*span.name {
        "running" => of_goroutine(span.track.1),
        "runnable" => "#f2c14e".to_owned(),
        "preempted" => "#e4572e".to_owned(),
        name => match name.strip_prefix('G').and_then(|g| g.parse().ok()) {
            Some(g) => of_goroutine(g),
            None => "#dfe3e6".to_owned(),
        },
    }
}

fn draw(spans: &[Span], from: f64, length: f64) -> String {
    let mut rows: BTreeMap<(u32, u64), Vec<&Span>> = BTreeMap::new();
    for span in spans.iter().filter(|s| s.end > from && s.begin < from + length) {
        // Processors, then threads, then goroutines.
        let group = [0, 0, 2, 1][span.track.0 as usize % 4];
        rows.entry((group, span.track.1)).or_default().push(span);
    }
    let mut busy: Vec<(usize, u64)> =
        rows.iter().filter(|(row, _)| row.0 == 2).map(|(row, s)| (s.len(), row.1)).collect();
    busy.sort_unstable_by(|a, b| b.cmp(a));
    busy.truncate(MOST);
    rows.retain(|row, _| row.0 != 2 || busy.iter().any(|&(_, g)| g == row.1));
    let height = ROW * (rows.len() as f64 + 2.0);
    let scale = (WIDTH - LEFT) / length;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    // Writing to a String does not fail, here and below.
    for (index, (row, spans)) in rows.iter().enumerate() {
        let y = ROW * index as f64 + 4.0;
        let letter = ["P", "M", "G"][row.0 as usize];
        let _ = writeln!(svg, "<text x=\"8\" y=\"{}\">{letter}{}</text>", y + 14.0, row.1);
        for span in spans {
            let (begin, end) = (span.begin.max(from) - from, span.end.min(from + length) - from);
            let (x, w) = (LEFT + begin * scale, ((end - begin) * scale).max(0.3));
            let fill = colour(span);
            let _ = writeln!(
                svg,
                "<rect x=\"{x:.2}\" y=\"{y}\" width=\"{w:.2}\" height=\"{}\" fill=\"{fill}\"><title>{}, {:.3} ms</title></rect>",
                ROW - 4.0,
                span.name,
                (span.end - span.begin) / 1000.0
            );
            if w > 7.0 * span.name.len() as f64 + 6.0 {
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.2}\" y=\"{}\">{}</text>",
                    x + 4.0,
                    y + 14.0,
                    span.name
                );
            }
        }
    }
    let y = ROW * (rows.len() as f64 + 1.0);
    for tick in 0..=8 {
        let at = length * f64::from(tick) / 8.0;
        let x = LEFT + at * scale - if tick == 8 { 50.0 } else { 0.0 };
        let _ = writeln!(
            svg,
            "<text x=\"{x:.2}\" y=\"{y}\" fill=\"#666\">{:.1} ms</text>",
            at / 1000.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [trace, out, rest @ ..] = &args[..] else {
        return Err(io::Error::other("usage: trace_svg TRACE.json OUT.svg [FROM_MS [MS]]"));
    };
    let text = fs::read_to_string(trace)?;
    let spans: Vec<Span> = text.lines().filter_map(span).collect();
    let first = spans.iter().map(|s| s.begin).fold(f64::INFINITY, f64::min);
    let last = spans.iter().map(|s| s.end).fold(first, f64::max);
    let ms =
        |at: usize| rest.get(at).and_then(|text| text.parse::<f64>().ok()).map(|ms| ms * 1000.0);
    let from = first + ms(0).unwrap_or(0.0);
    fs::write(out, draw(&spans, from, ms(1).unwrap_or(last - from)))
}
