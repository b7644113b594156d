//! Where the time of a packet goes.

use anyhow::Result;
use plotters::{
    chart::{ChartBuilder, SeriesLabelPosition},
    element::{Rectangle, Text},
    style::{
        Color as _, RGBColor, WHITE,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{Area, GRID, Results, TEXT, failed, legend, text};
use crate::bench::{
    measure::{Loop, Sample},
    plan::SIZE,
    subject::{
        FLOOR, SOCKET, TCPDUMP, TCPDUMP_TUNED, TCPDUMP_WRITE, VTAP, VTAP_FILTERED, VTAP_WRITE,
    },
};

/// The stages, in the order of a packet.
const STAGES: [(&str, RGBColor); 5] = [
    ("send, receive (floor)", RGBColor(0xbb, 0xbb, 0xbb)),
    ("parse, select", RGBColor(0x00, 0x9e, 0x73)),
    ("copy into ring, or network stack", RGBColor(0x00, 0x72, 0xb2)),
    ("take out in user space", RGBColor(0xe6, 0x9f, 0x00)),
    ("write", RGBColor(0xd5, 0x5e, 0x00)),
];

/// Above the bars, what the legend takes.
const LEGEND_ROWS: f64 = 2.6;

/// Subjects, what they do without copying, and what they do without writing.
const SUBJECTS: [(&str, &str, Option<&str>); 7] = [
    (TCPDUMP_WRITE, FLOOR, Some(TCPDUMP)),
    (TCPDUMP, FLOOR, None),
    (TCPDUMP_TUNED, FLOOR, None),
    (SOCKET, FLOOR, None),
    (VTAP_WRITE, VTAP_FILTERED, Some(VTAP)),
    (VTAP, VTAP_FILTERED, None),
    (VTAP_FILTERED, VTAP_FILTERED, None),
];

pub fn draw(results: &Results, area: &Area<'_>) -> Result<bool> {
    let bars: Vec<_> = SUBJECTS
        .iter()
        .filter_map(|(subject, parsed, counted)| {
            Some((*subject, stages(results, subject, parsed, *counted)?))
        })
        .collect();
    let sum = |stages: &[f64; STAGES.len()]| stages.iter().sum::<f64>();
    let Some(most) = bars.iter().map(|(_, stages)| sum(stages)).max_by(f64::total_cmp) else {
        return Ok(false);
    };
    let mut chart = ChartBuilder::on(area)
        .caption(format!("CPU time of a packet, by stage (inner frames of {SIZE} bytes)"), text(20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(160)
        .build_cartesian_2d(0.0..most * 1.08, -0.5..bars.len() as f64 + LEGEND_ROWS)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_desc("nanoseconds, over both CPUs")
        .y_labels(0)
        .x_label_formatter(&|ns| format!("{ns:.0}"))
        .axis_desc_style(text(16))
        .label_style(text(14))
        .axis_style(TEXT)
        .bold_line_style(GRID)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    for (stage, (name, colour)) in STAGES.iter().enumerate() {
        let rectangles = bars.iter().enumerate().map(|(row, (_, stages))| {
            let from: f64 = stages[..stage].iter().sum();
            let row = row as f64;
            Rectangle::new(
                [(from, row - 0.35), (from + stages[stage], row + 0.35)],
                colour.filled(),
            )
        });
        chart
            .draw_series(rectangles)
            .map_err(failed)?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], colour.filled()));
    }
    let number = text(13).pos(Pos::new(HPos::Left, VPos::Center));
    let subject = text(14).pos(Pos::new(HPos::Right, VPos::Center));
    let labels = bars.iter().enumerate().flat_map(|(row, (name, stages))| {
        let (row, sum) = (row as f64, sum(stages));
        [
            Text::new(format!("{sum:.0}"), (sum + most * 0.008, row), number.clone()),
            Text::new((*name).to_owned(), (-most * 0.008, row), subject.clone()),
        ]
    });
    // Names stand left of the axis, where a chart clips nothing.
    chart.draw_series(labels).map_err(failed)?;
    legend(&mut chart, SeriesLabelPosition::UpperRight)?;
    Ok(true)
}

/// Nanoseconds per packet of each stage; noise below nothing counts as nothing.
fn stages(
    results: &Results,
    subject: &str,
    parsed: &str,
    counted: Option<&str>,
) -> Option<[f64; STAGES.len()]> {
    let median = |subject, figure: fn(&Sample) -> f64| {
        results.median(subject, figure, |sample| {
            sample.setting == Loop::Closed && sample.load.size == SIZE && sample.load.flows == 1
        })
    };
    // The first CPU sends and receives, and does nothing else.
    let kernel = |subject| median(subject, |sample| 1000.0 / sample.offered_mpps);
    // From seconds per million.
    let user = |subject| median(subject, |sample| sample.cpu * 1000.0);
    let floor = kernel(FLOOR)?;
    let taken = user(counted.unwrap_or(subject))?;
    let written = if counted.is_some() { user(subject)? - taken } else { 0.0 };
    let stages =
        [floor, kernel(parsed)? - floor, kernel(subject)? - kernel(parsed)?, taken, written];
    Some(stages.map(|ns| ns.max(0.0)))
}
