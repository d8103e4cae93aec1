//! The plot of `docs/teams.md`: tasks a second and latency over tasks at once, a line for each team.

use std::path::Path;

use plotters::prelude::*;

/// A team's curve: tasks at once, tasks a second, the median latency in milliseconds.
pub(super) type Curve = Vec<(usize, f64, f64)>;

const COLOURS: [RGBColor; 4] =
    [RGBColor(31, 119, 180), RGBColor(255, 127, 14), RGBColor(44, 160, 44), RGBColor(148, 103, 189)];

/// Draws both charts side by side.
pub(super) fn draw(file: &Path, curves: &[(&str, Curve)]) {
    let area = SVGBackend::new(file, (960, 400)).into_drawing_area();
    area.fill(&WHITE).unwrap();
    let charts = area.split_evenly((1, 2));
    chart(&charts[0], "tasks a second", curves, |(_, rate, _)| *rate);
    chart(&charts[1], "latency of a task in ms, p50", curves, |(_, _, ms)| *ms);
    area.present().unwrap();
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    title: &str,
    curves: &[(&str, Curve)],
    of: fn(&(usize, f64, f64)) -> f64,
) {
    let points = || curves.iter().flat_map(|(_, curve)| curve);
    let most = points().map(of).fold(0.0, f64::max) * 1.1;
    let loads = points().map(|(load, ..)| *load).max().unwrap_or(1);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(10)
        .x_label_area_size(40)
        .y_label_area_size(55)
        .build_cartesian_2d(0.0..loads as f64, 0.0..most)
        .unwrap();
    chart.configure_mesh().x_desc("tasks at once").light_line_style(WHITE).draw().unwrap();
    for ((team, curve), colour) in curves.iter().zip(COLOURS) {
        let line = LineSeries::new(curve.iter().map(|point| (point.0 as f64, of(point))), colour.stroke_width(2));
        let series = chart.draw_series(line).unwrap();
        series.label(*team).legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(2)));
    }
    chart.configure_series_labels().background_style(WHITE).border_style(BLACK).draw().unwrap();
}
