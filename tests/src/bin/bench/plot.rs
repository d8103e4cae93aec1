//! Plots of `docs/`, drawn from the figures of a run.

use std::path::PathBuf;

use plotters::coord::Shift;
use plotters::prelude::*;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];
const FONT: (&str, u32) = ("sans-serif", 13);

/// A line: what it is called, and its points.
pub(crate) type Line = (&'static str, Vec<(f64, f64)>);

/// A chart of lines over one thing.
pub(crate) struct Lines {
    pub(crate) title: &'static str,
    /// What goes to the right.
    pub(crate) over: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// Bars side by side: for each name one of each kind.
pub(crate) struct Bars {
    pub(crate) title: &'static str,
    pub(crate) kinds: [&'static str; 2],
    pub(crate) bars: Vec<(&'static str, [f64; 2])>,
}

/// The file of this name in `docs/`.
pub(crate) fn file(name: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs").join(name)
}

/// Draws charts of lines side by side.
pub(crate) fn lines(name: &str, charts: &[Lines]) {
    let file = file(name);
    let area = SVGBackend::new(&file, (960, 400)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    for (part, chart) in area.split_evenly((1, charts.len())).iter().zip(charts) {
        draw_lines(part, chart);
    }
    area.present().unwrap();
}

/// Draws one chart of bars.
pub(crate) fn bars(name: &str, chart: &Bars) {
    let file = file(name);
    let area = SVGBackend::new(&file, (960, 400)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    draw_bars(&area, chart);
    area.present().unwrap();
}

/// What is above the data, of the height: room for the names of the lines, so that they hide none.
const HEADROOM: f64 = 1.4;

/// The greatest of `values`; something, where there is nothing.
fn top(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, f64::max).max(1e-3)
}

fn draw_lines(area: &Area<'_>, Lines { title, over, lines }: &Lines) {
    let points = || lines.iter().flat_map(|(_, points)| points);
    let (right, most) = (top(points().map(|point| point.0)), top(points().map(|point| point.1)));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..right * 1.05, 0.0..most * HEADROOM)
        .unwrap();
    chart.configure_mesh().x_desc(*over).light_line_style(WHITE).draw().unwrap();
    for ((name, points), colour) in lines.iter().zip(COLOURS) {
        let line = LineSeries::new(points.iter().copied(), colour.stroke_width(2)).point_size(3);
        let series = chart.draw_series(line).unwrap();
        series.label(*name).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    let mut names = chart.configure_series_labels();
    names.position(SeriesLabelPosition::UpperLeft).background_style(WHITE).border_style(BLACK).draw().unwrap();
}

fn draw_bars(area: &Area<'_>, Bars { title, kinds, bars }: &Bars) {
    let most = top(bars.iter().flat_map(|(_, values)| *values));
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..bars.len() as f64, 0.0..most * HEADROOM)
        .unwrap();
    chart.configure_mesh().disable_x_mesh().disable_x_axis().light_line_style(WHITE).draw().unwrap();
    for (nth, kind) in kinds.iter().enumerate() {
        let colour = COLOURS[nth];
        let bar = |(at, (_, values)): (usize, &(&str, [f64; 2]))| {
            let left = at as f64 + 0.15 + nth as f64 * 0.35;
            Rectangle::new([(left, 0.0), (left + 0.35, values[nth])], colour.filled())
        };
        let series = chart.draw_series(bars.iter().enumerate().map(bar)).unwrap();
        series.label(*kind).legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
    }
    let mut names = chart.configure_series_labels();
    names.position(SeriesLabelPosition::UpperLeft).background_style(WHITE).border_style(BLACK).draw().unwrap();
    // Below the axis, each below its own bars.
    for (at, (name, _)) in bars.iter().enumerate() {
        let (x, y) = chart.backend_coord(&(at as f64 + 0.15, 0.0));
        area.draw(&Text::new(*name, (x, y + 8), FONT)).unwrap();
    }
}
