//! Plots in SVG, dark on white, so that they are readable on a page of any colour.

mod cost;
mod delivered;
mod sizes;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow};
use plotters::{
    backend::SVGBackend,
    chart::{ChartContext, SeriesLabelPosition},
    coord::{CoordTranslate, Shift},
    drawing::{DrawingArea, IntoDrawingArea as _},
    style::{Color as _, IntoFont as _, RGBColor, TextStyle, WHITE},
};

use super::Results;
use crate::bench::subject::{
    FLOOR, SOCKET, TCPDUMP, TCPDUMP_TUNED, TCPDUMP_WRITE, VTAP, VTAP_WRITE,
};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 860;
const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
const GRID: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const FONT: &str = "sans-serif";

/// Subjects that are plotted, in colours that the colour-blind can tell apart (Okabe and Ito).
const COLOURS: [(&str, RGBColor); 7] = [
    (FLOOR, RGBColor(0x88, 0x88, 0x88)),
    (VTAP, RGBColor(0x00, 0x72, 0xb2)),
    (VTAP_WRITE, RGBColor(0x56, 0xb4, 0xe9)),
    (SOCKET, RGBColor(0x00, 0x9e, 0x73)),
    (TCPDUMP_TUNED, RGBColor(0xcc, 0x79, 0xa7)),
    (TCPDUMP, RGBColor(0xd5, 0x5e, 0x00)),
    (TCPDUMP_WRITE, RGBColor(0xe6, 0x9f, 0x00)),
];

/// Draws a plot; false if what it would show was not measured.
type Plot = fn(&Results, &Area<'_>) -> Result<bool>;

const PLOTS: [(&str, u32, Plot); 3] = [
    ("delivered.svg", 460, delivered::draw),
    ("cost.svg", 480, cost::draw),
    ("sizes.svg", 460, sizes::draw),
];

impl Results {
    /// Draws what can be drawn into a directory; returns the files.
    pub fn plots(&self, dir: &Path) -> Result<Vec<PathBuf>> {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let mut files = Vec::new();
        for (name, height, draw) in PLOTS {
            let mut svg = String::new();
            let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
            area.fill(&WHITE)?;
            let drawn = draw(self, &area).with_context(|| format!("cannot draw {name}"))?;
            area.present()?;
            drop(area);
            if drawn {
                let file = dir.join(name);
                fs::write(&file, svg)
                    .with_context(|| format!("cannot write {}", file.display()))?;
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// Names the series in a corner of the chart.
fn legend<'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, SVGBackend<'a>, C>,
    position: SeriesLabelPosition,
) -> Result<()> {
    chart
        .configure_series_labels()
        .position(position)
        .background_style(WHITE.filled())
        .border_style(GRID)
        .label_font(text(14))
        .draw()
        .map_err(failed)
}

fn text(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&TEXT)
}

/// Errors of the library borrow what they were drawing on.
fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("{error}")
}
