//! Charts as SVG, in the two forms that the benchmarks need: bars with their spread, and curves over sizes.

use std::fmt::Write as _;

use super::Spread;

const WIDTH: f64 = 760.0;
/// Beside the bars, for their names.
const NAMES_WIDTH: f64 = 260.0;
/// Behind the bars, for their figures.
const FIGURES_WIDTH: f64 = 80.0;
const BAR_HEIGHT: f64 = 30.0;
const TITLE_HEIGHT: f64 = 50.0;
const PLOT_HEIGHT: f64 = 260.0;
/// Around a plot of curves, for the names of the axes.
const MARGIN: f64 = 70.0;
/// Told apart by who sees no colours too, since they differ in lightness.
const COLOURS: [&str; 4] = ["#1f5a8c", "#d9822b", "#5aa469", "#7a3e75"];

/// A bar for each case: the median, and a line from the smallest to the largest.
#[derive(Clone, Debug)]
pub struct Bars {
    title: String,
    unit: String,
    bars: Vec<(String, Spread)>,
}

impl Bars {
    /// No bar yet.
    #[must_use]
    pub fn new(title: &str, unit: &str) -> Self {
        Self { title: title.to_owned(), unit: unit.to_owned(), bars: Vec::new() }
    }

    /// Adds one below the others.
    pub fn bar(&mut self, name: &str, spread: Spread) {
        self.bars.push((name.to_owned(), spread));
    }

    /// The picture.
    #[must_use]
    pub fn svg(&self) -> String {
        let largest = self.bars.iter().map(|(_, spread)| spread.max).fold(f64::MIN_POSITIVE, f64::max);
        let x = |value: f64| NAMES_WIDTH + value / largest * (WIDTH - NAMES_WIDTH - FIGURES_WIDTH);
        let mut svg =
            begin(&format!("{} ({})", self.title, self.unit), TITLE_HEIGHT + BAR_HEIGHT * self.bars.len() as f64 + 10.0);
        for (index, (name, spread)) in self.bars.iter().enumerate() {
            let (top, end) = (TITLE_HEIGHT + BAR_HEIGHT * index as f64, x(spread.median));
            let middle = top + BAR_HEIGHT / 2.0;
            text(&mut svg, (NAMES_WIDTH - 8.0, middle + 4.0), "end", name);
            let (width, height, colour) = (end - NAMES_WIDTH, BAR_HEIGHT - 8.0, COLOURS[0]);
            let _ = writeln!(
                svg,
                "<rect x=\"{NAMES_WIDTH}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{colour}\"/>",
                top + 4.0
            );
            line(&mut svg, (x(spread.min), middle), (x(spread.max), middle), "#111");
            text(&mut svg, (x(spread.max) + 8.0, middle + 4.0), "start", &rounded(spread.median));
        }
        svg + "</svg>\n"
    }
}

/// Curves over sizes: those on a logarithmic axis, the cost on one that begins at zero.
#[derive(Clone, Debug)]
pub struct Curves {
    title: String,
    sizes: String,
    unit: String,
    curves: Vec<(String, Vec<(f64, f64)>)>,
}

impl Curves {
    /// No curve yet; `sizes` says what the sizes are of.
    #[must_use]
    pub fn new(title: &str, sizes: &str, unit: &str) -> Self {
        Self { title: title.to_owned(), sizes: sizes.to_owned(), unit: unit.to_owned(), curves: Vec::new() }
    }

    /// Adds one, as sizes and costs.
    pub fn curve(&mut self, name: &str, points: Vec<(f64, f64)>) {
        self.curves.push((name.to_owned(), points));
    }

    /// The picture. A size of 0 stands where 1 is.
    #[must_use]
    pub fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|(_, points)| points.iter().copied());
        let highest = points().map(|(_, cost)| cost).fold(f64::MIN_POSITIVE, f64::max) * 1.1;
        let (least, most) =
            points().fold((f64::MAX, 1.0_f64), |(least, most), (size, _)| (least.min(size.max(1.0)), most.max(size)));
        let decades = (most / least).log10().max(f64::MIN_POSITIVE);
        let bottom = TITLE_HEIGHT + PLOT_HEIGHT;
        let x = |size: f64| MARGIN + (size.max(1.0) / least).log10() / decades * (WIDTH - 2.0 * MARGIN);
        let y = |cost: f64| bottom - cost / highest * PLOT_HEIGHT;
        let mut svg = begin(&format!("{} ({})", self.title, self.unit), bottom + 50.0);
        for part in 0..=4 {
            let cost = highest * f64::from(part) / 4.0;
            line(&mut svg, (MARGIN, y(cost)), (WIDTH - MARGIN, y(cost)), "#ddd");
            text(&mut svg, (MARGIN - 8.0, y(cost) + 4.0), "end", &rounded(cost));
        }
        let mut sizes: Vec<f64> = points().map(|(size, _)| size).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        for size in sizes {
            line(&mut svg, (x(size), bottom), (x(size), bottom + 5.0), "#111");
            text(&mut svg, (x(size), bottom + 20.0), "middle", &rounded(size));
        }
        text(&mut svg, (WIDTH / 2.0, bottom + 42.0), "middle", &self.sizes);
        for ((name, points), (index, colour)) in self.curves.iter().zip(COLOURS.into_iter().enumerate()) {
            let places: Vec<String> = points.iter().map(|(size, cost)| format!("{:.1},{:.1}", x(*size), y(*cost))).collect();
            let _ =
                writeln!(svg, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>", places.join(" "));
            for (size, cost) in points {
                let _ = writeln!(svg, "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{colour}\"/>", x(*size), y(*cost));
            }
            let place = (WIDTH - MARGIN, TITLE_HEIGHT - 8.0 + 16.0 * index as f64);
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{colour}\">{}</text>",
                place.0,
                place.1,
                escaped(name)
            );
        }
        svg + "</svg>\n"
    }
}

fn begin(title: &str, height: f64) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    let _ = writeln!(svg, "<text x=\"16\" y=\"26\" font-size=\"15\">{}</text>", escaped(title));
    svg
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, told: &str) {
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(told));
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64), colour: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Three digits are what a benchmark knows; thousands are told apart.
pub(super) fn rounded(value: f64) -> String {
    let places = if value >= 100.0 || value.fract() == 0.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let told = format!("{value:.places$}");
    let (whole, rest) = told.split_at(told.find('.').unwrap_or(told.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits() {
        let told = [0.0, 0.126, 4.2, 42.0, 42.26, 421.7, 12_345.6, 10_000_000.0].map(rounded);
        assert_eq!(told, ["0", "0.13", "4.20", "42", "42.3", "422", "12,346", "10,000,000"]);
    }

    #[test]
    fn the_longest_bar_ends_where_its_figure_begins() {
        let mut bars = Bars::new("Rate", "1/s");
        bars.bar("a <b>", Spread { median: 50.0, min: 40.0, max: 100.0 });
        let svg = bars.svg();
        assert!(svg.contains("x2=\"680.0\"") && svg.contains("width=\"210.0\"") && svg.contains("a &lt;b&gt;"), "{svg}");
    }

    #[test]
    fn sizes_are_on_a_logarithmic_axis() {
        let mut curves = Curves::new("Cost", "rules", "us");
        curves.curve("host", vec![(10.0, 1.0), (100.0, 1.0), (1_000.0, 1.0)]);
        let svg = curves.svg();
        for x in ["cx=\"70.0\"", "cx=\"380.0\"", "cx=\"690.0\""] {
            assert!(svg.contains(x), "{x} in {svg}");
        }
    }
}
