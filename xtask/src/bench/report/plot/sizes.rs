//! The rate that is reached, by the size of frames.

use anyhow::Result;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    element::{Rectangle, Text},
    style::{
        Color as _, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{Area, COLOURS, GRID, Results, TEXT, failed, legend, text};
use crate::bench::{measure::Loop, report::Spread, subject::FLOOR};

/// Of the width between two sizes, what bars take.
const FILLED: f64 = 0.84;

pub fn draw(results: &Results, area: &Area<'_>) -> Result<bool> {
    let mut loads: Vec<_> =
        results.loads(Loop::Closed).into_iter().filter(|load| load.flows == 1).collect();
    loads.sort_by(|a, b| a.size.average().total_cmp(&b.size.average()));
    if loads.len() < 2 {
        return Ok(false);
    }
    let rate = |subject: &str, place: usize| {
        let samples = results.of(Loop::Closed, &loads[place], subject);
        Spread::of(samples.iter().map(|sample| sample.mpps)).map(|spread| spread.median)
    };
    let subjects: Vec<_> = COLOURS.iter().filter(|(subject, _)| *subject != FLOOR).collect();
    let all = subjects.iter().flat_map(|(s, _)| (0..loads.len()).filter_map(|at| rate(s, at)));
    let Some(most) = all.max_by(f64::total_cmp) else { return Ok(false) };
    let mut chart = ChartBuilder::on(area)
        .caption("Packets per second in the closed loop, by size of the inner frame", text(20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(-0.5..loads.len() as f64 - 0.5, 0.0..most * 1.12)
        .map_err(failed)?;
    let name = |place: &f64| {
        let whole = (place - place.round()).abs() < 0.01;
        #[expect(clippy::cast_sign_loss, reason = "checked by the range of places")]
        let load = (whole && *place > -0.1).then(|| loads.get(place.round() as usize)).flatten();
        load.map_or_else(String::new, |load| load.size.to_string())
    };
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("bytes of the inner frame")
        .y_desc("millions of packets per second")
        .x_labels(loads.len() + 1)
        .x_label_formatter(&name)
        .y_label_formatter(&|rate| format!("{rate:.1}"))
        .axis_desc_style(text(16))
        .label_style(text(14))
        .axis_style(TEXT)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    let width = FILLED / subjects.len() as f64;
    let number = text(10).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (index, (subject, colour)) in subjects.into_iter().enumerate() {
        let colour = *colour;
        let bars = (0..loads.len()).filter_map(|place| {
            let left = place as f64 - FILLED / 2.0 + index as f64 * width;
            Some((left, rate(subject, place)?))
        });
        let bars: Vec<_> = bars.collect();
        let rectangle = |(left, rate): &(f64, f64)| {
            Rectangle::new([(*left, 0.0), (left + width * 0.92, *rate)], colour.filled())
        };
        chart
            .draw_series(bars.iter().map(rectangle))
            .map_err(failed)?
            .label(*subject)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
        let label = |(left, rate): &(f64, f64)| {
            let digits = if *rate < 1.0 { 2 } else { 1 };
            Text::new(format!("{rate:.digits$}"), (left + width * 0.46, *rate), number.clone())
        };
        chart.draw_series(bars.iter().map(label)).map_err(failed)?;
    }
    legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    Ok(true)
}
