//! Draws bars as SVG.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

/// The colours of the library and of the other systems.
const OURS: RGBColor = RGBColor(37, 99, 172);
const OTHERS: RGBColor = RGBColor(160, 168, 178);
const BACKGROUND: RGBColor = RGBColor(255, 255, 255);
/// The greatest height of a bar, with the space below it.
const THICKEST: i32 = 48;
const SIZE: (u32, u32) = (680, 330);

/// One bar for each system.
pub(super) struct Bars {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) bars: Vec<(String, f64)>,
}

impl Bars {
    pub(super) fn draw(&self, file: &Path) -> Result<()> {
        let area = SVGBackend::new(file, SIZE).into_drawing_area();
        area.fill(&BACKGROUND).map_err(failed)?;
        self.on(&area)?;
        area.present().map_err(failed)
    }

    fn on(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<()> {
        let (width, height) = area.dim_in_pixel();
        let (width, height) = (i32::try_from(width)?, i32::try_from(height)?);
        // The SVG shows these sizes at four fifths: 22 and 16.
        let title = ("sans-serif", 27).into_font().color(&BLACK);
        let text = ("sans-serif", 20).into_font().color(&BLACK);
        area.draw(&Text::new(self.title.to_owned(), (16, 14), title))
            .map_err(failed)?;
        let most = self
            .bars
            .iter()
            .map(|(_, value)| *value)
            .fold(0.0, f64::max);
        let (left, top, right) = (290, 60, 100);
        let step = (height - top - 12) / i32::try_from(self.bars.len().max(1))?;
        let step = step.min(THICKEST);
        for (row, (system, value)) in (0_i32..).zip(&self.bars) {
            let y = top + row * step;
            let length =
                (f64::from(width - left - right) * value / most.max(f64::MIN_POSITIVE)).max(1.0);
            let end = left + length as i32;
            let colour = if system.starts_with("session-factory") {
                OURS
            } else {
                OTHERS
            };
            area.draw(&Text::new(
                system.clone(),
                (16, y + step / 2 - 8),
                text.clone(),
            ))
            .map_err(failed)?;
            area.draw(&Rectangle::new(
                [(left, y + 3), (end, y + step - 3)],
                colour.filled(),
            ))
            .map_err(failed)?;
            let digits = if *value < 100.0 { 2 } else { 0 };
            let value = format!("{} {}", crate::results::rounded(*value, digits), self.unit);
            area.draw(&Text::new(value, (end + 6, y + step / 2 - 8), text.clone()))
                .map_err(failed)?;
        }
        Ok(())
    }
}

/// Draws all pictures in one.
pub(super) fn overview(bars: &[Bars], file: &Path) -> Result<()> {
    let rows = bars.len().div_ceil(2).max(1);
    let size = (2 * SIZE.0, SIZE.1 * u32::try_from(rows)?);
    let area = SVGBackend::new(file, size).into_drawing_area();
    area.fill(&BACKGROUND).map_err(failed)?;
    for (bars, part) in bars.iter().zip(area.split_evenly((rows, 2))) {
        bars.on(&part)?;
    }
    area.present().map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> anyhow::Error {
    anyhow!("the picture: {error}")
}
