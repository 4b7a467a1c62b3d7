//! Pictures of measurements, as SVG text: bars for a quantity, curves over GOMAXPROCS. Drawn by plotters.
//!
//! Colours of text and lines are left to the page (`html.rs`), so that they suit a dark one, too.

use std::collections::BTreeMap;

use plotters::coord::combinators::WithKeyPoints;
use plotters::prelude::*;
use plotters::style::RGBColor;

use crate::bench::markdown::figure;
use crate::bench::results::{Bar, Row};

/// gmp's colour, and those of the others where they have to be told apart.
const OURS: RGBColor = RGBColor(194, 65, 12);
const OTHERS: [RGBColor; 8] = [
    RGBColor(37, 99, 235),
    RGBColor(22, 163, 74),
    RGBColor(147, 51, 234),
    RGBColor(100, 116, 139),
    RGBColor(202, 138, 4),
    RGBColor(8, 145, 178),
    RGBColor(190, 24, 93),
    RGBColor(63, 63, 70),
];
/// A bar of somebody else's.
const PALE: RGBColor = RGBColor(148, 163, 184);

/// Width of a picture, height of a bar with its gap, room for the axis below, in SVG units.
const WIDTH: u32 = 860;
const BAR: u32 = 26;
const AXIS: u32 = 34;

/// Curves by runtime, over GOMAXPROCS.
pub(super) type Curves = BTreeMap<String, BTreeMap<u64, f64>>;

/// Every GOMAXPROCS at which one of the curves has a point, once, in order.
pub(super) fn procs(curves: &Curves) -> Vec<u64> {
    let mut all: Vec<u64> = curves.values().flat_map(|curve| curve.keys().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// A bar per runtime, with a line from the smallest to the largest value.
///
/// # Errors
///
/// What plotters says; it has nothing to complain of.
pub(super) fn bars(row: &Row) -> Result<String, String> {
    let mut text = String::new();
    let largest = row.bars.iter().map(|bar| bar.max).fold(f64::MIN_POSITIVE, f64::max);
    // The first bar on top.
    let bars: Vec<&Bar> = row.bars.iter().rev().collect();
    let name = |at: &SegmentValue<usize>| match at {
        SegmentValue::CenterOf(at) => {
            bars.get(*at).map_or(String::new(), |bar| bar.runtime.clone())
        }
        _ => String::new(),
    };
    {
        let height = BAR * u32::try_from(bars.len()).unwrap_or(1) + AXIS;
        let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
        // The room on the right is for the figures of the longest bar.
        let mut chart = ChartBuilder::on(&area)
            .y_label_area_size(90)
            .x_label_area_size(AXIS)
            .build_cartesian_2d(
                0.0..largest * 1.3,
                (0..bars.len().saturating_sub(1)).into_segmented(),
            )
            .map_err(said)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .x_labels(6)
            .x_label_formatter(&|value| figure(*value))
            .y_label_formatter(&name)
            .y_labels(bars.len())
            .draw()
            .map_err(said)?;
        for (at, bar) in bars.iter().enumerate() {
            let (low, middle) = (SegmentValue::Exact(at), SegmentValue::CenterOf(at));
            let colour = if bar.runtime == "gmp" { OURS } else { PALE };
            let mut body = Rectangle::new(
                [(0.0, low), (bar.median, SegmentValue::Exact(at + 1))],
                colour.filled(),
            );
            body.set_margin(4, 4, 0, 0);
            chart.draw_series([body]).map_err(said)?;
            let spread = PathElement::new(
                [(bar.min, middle.clone()), (bar.max, middle.clone())],
                BLACK.stroke_width(2),
            );
            chart.draw_series([spread]).map_err(said)?;
            let ratio = row.versus(&bar.runtime).filter(|_| bar.runtime != "gmp");
            let words = ratio.map_or(String::new(), |ratio| format!(" (gmp {ratio:.2} ×)"));
            let words = format!("{}{words}", figure(bar.median));
            let label =
                EmptyElement::at((bar.max, middle)) + Text::new(words, (8, -5), ("sans-serif", 13));
            chart.draw_series([label]).map_err(said)?;
        }
        area.present().map_err(said)?;
    }
    Ok(text)
}

/// A curve per runtime over the logarithm of GOMAXPROCS; the vertical axis begins at zero.
///
/// # Errors
///
/// As [`bars`].
pub(super) fn curves(curves: &Curves, unit: &str) -> Result<String, String> {
    let mut text = String::new();
    let procs = procs(curves);
    let (least, most) = (procs.first().copied().unwrap_or(1), procs.last().copied().unwrap_or(1));
    let largest =
        curves.values().flat_map(BTreeMap::values).copied().fold(f64::MIN_POSITIVE, f64::max);
    {
        let area = SVGBackend::with_string(&mut text, (WIDTH, 320)).into_drawing_area();
        let over: WithKeyPoints<LogCoord<u64>> =
            (least..most.max(least + 1)).log_scale().with_key_points(procs);
        let mut chart = ChartBuilder::on(&area)
            .margin(10)
            .y_label_area_size(70)
            .x_label_area_size(AXIS)
            .build_cartesian_2d(over, 0.0..largest * 1.05)
            .map_err(said)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .x_desc("GOMAXPROCS")
            .y_desc(unit)
            .y_label_formatter(&|value| figure(*value))
            .draw()
            .map_err(said)?;
        for (at, (runtime, curve)) in curves.iter().enumerate() {
            let colour = if runtime == "gmp" { OURS } else { OTHERS[at % OTHERS.len()] };
            let points: Vec<(u64, f64)> =
                curve.iter().map(|(procs, value)| (*procs, *value)).collect();
            chart
                .draw_series(
                    LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3),
                )
                .map_err(said)?
                .label(runtime)
                .legend(move |(x, y)| {
                    PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2))
                });
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .draw()
            .map_err(said)?;
        area.present().map_err(said)?;
    }
    Ok(text)
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::results::Results;

    #[test]
    fn a_bar_per_runtime_with_its_figure() {
        let picture = bars(&Results::example().report(None).rows[0]).unwrap();
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"));
        for what in ["gmp", "go", "30.0", "100 (gmp 0.30 ×)"] {
            assert!(picture.contains(what), "no {what}: {picture}");
        }
    }

    #[test]
    fn a_curve_per_runtime() {
        let curve = |values: [f64; 3]| [1, 2, 16].into_iter().zip(values).collect();
        let all = BTreeMap::from([
            ("gmp".to_owned(), curve([90.0, 45.0, 6.0])),
            ("go".to_owned(), curve([300.0, 150.0, 30.0])),
        ]);
        let picture = curves(&all, "ms").unwrap();
        assert_eq!(picture.matches("<circle").count(), 6, "two curves of three points");
        assert!(picture.contains("GOMAXPROCS") && picture.contains(">\n16\n<"), "{picture}");
        let one = BTreeMap::from([("gmp".to_owned(), BTreeMap::from([(1, 2.0)]))]);
        assert!(curves(&one, "ms").is_ok(), "a single point is a picture, too");
    }
}
