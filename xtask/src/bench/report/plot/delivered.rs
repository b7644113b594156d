//! How much is delivered at which rate.

use anyhow::Result;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    coord::combinators::IntoLogRange as _,
    element::{Circle, PathElement},
    series::LineSeries,
    style::{Color as _, WHITE},
};

use super::{Area, COLOURS, GRID, Results, TEXT, failed, legend, text};
use crate::bench::{generator::Load, measure::Loop, report::Spread};

pub fn draw(results: &Results, area: &Area<'_>) -> Result<bool> {
    let lines: Vec<_> = COLOURS
        .iter()
        .map(|(subject, colour)| (*subject, *colour, points(results, subject)))
        .filter(|(.., points)| points.len() > 1)
        .collect();
    let rates = || lines.iter().flat_map(|(.., points)| points.iter().map(|(rate, _)| *rate));
    let (Some(least), Some(most)) =
        (rates().min_by(f64::total_cmp), rates().max_by(f64::total_cmp))
    else {
        return Ok(false);
    };
    let mut chart = ChartBuilder::on(area)
        .caption("Packets delivered of those offered in the open loop", text(20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d((least * 0.9..most * 1.1).log_scale(), 0.0..105.0)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("millions of packets offered per second")
        .y_desc("delivered, in per cent")
        .x_labels(16)
        .x_label_formatter(&|rate| format!("{}", (rate * 100.0).round() / 100.0))
        .y_label_formatter(&|share| format!("{share:.0}"))
        .axis_desc_style(text(16))
        .label_style(text(14))
        .axis_style(TEXT)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    for (subject, colour, points) in &lines {
        let colour = *colour;
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))
            .map_err(failed)?
            .label(*subject)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour.stroke_width(3)));
        chart
            .draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))
            .map_err(failed)?;
    }
    legend(&mut chart, SeriesLabelPosition::LowerLeft)?;
    Ok(true)
}

/// Rate that was set and share in per cent, at each rate of the open loop.
fn points(results: &Results, subject: &str) -> Vec<(f64, f64)> {
    let loads = results.loads(Loop::Open).into_iter();
    let point = |load: Load| {
        let samples = results.of(Loop::Open, &load, subject);
        let share = Spread::of(samples.iter().map(|sample| sample.share()))?;
        Some((f64::from(load.rate?) / 1e6, 100.0 * share.median))
    };
    loads.filter_map(point).collect()
}
